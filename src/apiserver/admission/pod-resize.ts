/**
 * A pod is not resized to what its node could never give.
 * https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
 */
import nodeResource from '#api/core/node.js';
import podResource from '#api/core/pod/index.js';
import { podRequests } from '#api/core/pod/totals.js';
import type { Node, Pod } from '#api/gen/core-v1.js';
import { amountsOf } from '#apimachinery/amounts.js';
import type { StatusError } from '#apimachinery/errors.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { find } from './look.js';
import { isOn, refuse } from './refuse.js';

export function podResize({ registry }: { registry: () => Registry }): AdmissionPlugin {
  return {
    name: 'PodResizeValidator',
    handles: (request) => request.operation === 'UPDATE' && isOn(request, podResource, 'resize'),
    async validate(request) {
      const pod = request.object as Pod;
      const { nodeName = '' } = pod.spec ?? {};
      // The generation counts changes of the spec.
      if (nodeName === '' || pod.metadata.generation === request.old?.metadata.generation) return;
      const node = await find<Node>(registry(), nodeResource, { namespace: '', name: nodeName });
      if (!node) throw refuse(request, `node ${JSON.stringify(nodeName)} not found`);
      // A node that does not say is taken to be one.
      const { 'kubernetes.io/os': system = 'linux' } = node.metadata.labels ?? {};
      if (system !== 'linux') {
        const is = `node ${JSON.stringify(nodeName)} is ${JSON.stringify(system)}`;
        throw refuseFor('UnsupportedPlatform', request, `pod resize is only supported on linux nodes, ${is}`);
      }
      const lacks = lackOf(pod, node);
      if (lacks.length === 0) return;
      const why = `node didn't have enough allocatable resources: ${lacks.join('; ')}`;
      throw refuseFor('NodeCapacity', request, why);
    },
  };
}

function lackOf(pod: Pod, { status }: Node): string[] {
  const requests = podRequests(pod);
  const allocatable = amountsOf(status?.allocatable);
  return (['cpu', 'memory'] as const).flatMap((name) => {
    const count = (amounts: typeof requests) => {
      const amount = amounts.get(name);
      return (name === 'cpu' ? amount?.milli() : amount?.units()) ?? 0n;
    };
    const [requested, most] = [count(requests), count(allocatable)];
    return requested > most ? [`${name}, requested: ${requested}, allocatable: ${most}`] : [];
  });
}

function refuseFor(reason: string, request: AdmissionRequest, why: string): StatusError {
  const error = refuse(request, why);
  error.status.details = { ...error.status.details, causes: [{ reason }] };
  return error;
}
