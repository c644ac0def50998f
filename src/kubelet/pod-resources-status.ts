/**
 * `resources` and `allocatedResources` of a pod's status: what the pod has as a whole, whether it says so itself or only
 * its containers do. Pure. https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#pod-level-resource-specification
 */
import { podLimits, podRequests } from '#api/core/pod/totals.js';
import type { Pod, PodStatus, ResourceRequirements } from '#api/gen/core-v1.js';
import { amountsToJson } from '#apimachinery/amounts.js';
import { podAmount } from './qos.js';

/** What cgroups hold at the least is no request. */
const milliCpuMin = 2;

/** `granted` is what the pod may have; `actual`, what its cgroup gives it so far. */
export function podResourcesStatus(granted: Pod, actual: Pod): Pick<PodStatus, 'resources' | 'allocatedResources'> {
  const allocated = amountsToJson(podRequests(granted));
  const resources = granted.status?.phase === 'Running' ? runningResources(granted, actual) : wholeOf(granted);
  return { resources, ...(Object.keys(allocated).length > 0 && { allocatedResources: allocated }) };
}

function wholeOf(pod: Pod): ResourceRequirements {
  return { ...pod.spec.resources, ...named(amountsToJson(podRequests(pod)), amountsToJson(podLimits(pod))) };
}

/** Processor and memory are those of the cgroup. */
function runningResources(granted: Pod, actual: Pod): ResourceRequirements {
  const requests = { ...granted.spec.resources?.requests };
  const limits = { ...granted.spec.resources?.limits };
  const cpu = podAmount(actual, 'requests', 'cpu');
  const memory = podAmount(actual, 'requests', 'memory');
  if (cpu && cpu.milliNumber() > milliCpuMin) requests['cpu'] = cpu.toString();
  if (memory?.sign === 1) requests['memory'] = memory.toString();
  for (const name of ['cpu', 'memory']) {
    const limit = podAmount(actual, 'limits', name);
    if (limit?.sign === 1) limits[name] = limit.toString();
  }
  return { ...granted.spec.resources, ...named(requests, limits) };
}

function named(requests: Record<string, string>, limits: Record<string, string>): ResourceRequirements {
  const some = (amounts: object) => Object.keys(amounts).length > 0;
  return { ...(some(requests) && { requests }), ...(some(limits) && { limits }) };
}
