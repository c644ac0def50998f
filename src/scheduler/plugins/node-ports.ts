/** NodePorts: two pods of a node cannot take the same port of the host. */
import { definePlugin } from '../framework.js';
import { type HostPort, hostPorts } from '../node-info.js';

export default definePlugin<HostPort[]>({
  name: 'NodePorts',
  readsNodeAlone: true,
  preFilter: (pod) => {
    const wanted = hostPorts(pod);
    return wanted.length > 0 ? { state: wanted } : 'skip';
  },
  filter: ({ state }, { pods }) => {
    const taken = pods.flatMap(hostPorts);
    return state.some((port) => taken.some((other) => conflicts(port, other)))
      ? { reasons: ["node(s) didn't have free ports for the requested pod ports"] }
      : undefined;
  },
  requeueOn: ['node added', 'assigned pod removed'],
});

function conflicts(a: HostPort, b: HostPort): boolean {
  const sameIp = a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
  return sameIp && a.port === b.port && a.protocol === b.protocol;
}
