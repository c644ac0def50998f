/** NodePorts: two pods of a node cannot take the same port of the host. */
import { type HostPort, hostPorts, portsConflict } from '#api/core/pod/host-ports.js';
import { definePlugin } from '../framework.js';

export default definePlugin<HostPort[]>({
  name: 'NodePorts',
  readsNodeAlone: true,
  preFilter: (pod) => {
    const wanted = hostPorts(pod);
    return wanted.length > 0 ? { state: wanted } : 'skip';
  },
  filter: ({ state }, { pods }) => {
    const taken = pods.flatMap(hostPorts);
    return state.some((port) => taken.some((other) => portsConflict(port, other)))
      ? { reasons: ["node(s) didn't have free ports for the requested pod ports"] }
      : undefined;
  },
  requeueOn: ['node added', 'assigned pod removed'],
  hint: (pod, { pod: gone }) =>
    !gone || hostPorts(pod).some((port) => hostPorts(gone).some((one) => portsConflict(port, one))),
});
