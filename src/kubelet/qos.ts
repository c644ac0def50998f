/** Quality of service, and what a pod asks for in all. Pure; https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ */

import { isPodLevelResource } from '#api/core/pod/resources.js';
import type { Container, Pod, ResourceRequirements } from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { isRestartableInit } from './pod-state.js';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

export function qosClass(pod: Pod): QosClass {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  let any = false;
  let all = true;
  for (const { resources } of hasPodLevel(pod) ? [{ resources: pod.spec.resources }] : containers) {
    for (const name of ['cpu', 'memory']) {
      const limit = Quantity.tryParse(resources?.limits?.[name]);
      const request = Quantity.tryParse(resources?.requests?.[name]) ?? limit;
      if (limit?.sign === 1 || request?.sign === 1) any = true;
      if (limit?.sign !== 1 || !request || !request.equals(limit)) all = false;
    }
  }
  if (!any) return 'BestEffort';
  return all ? 'Guaranteed' : 'Burstable';
}

/** Whether the pod asks for anything as a whole (KEP-2837). */
export function hasPodLevel({ spec }: Pod): boolean {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  return [...Object.keys(requests), ...Object.keys(limits)].some(isPodLevelResource);
}

/** What a container may use where it does not say so itself: as much as the pod as a whole (KEP-2837). */
export function effectiveResources(
  own: ResourceRequirements = {},
  podLevel: ResourceRequirements = {},
): ResourceRequirements {
  const limits = { ...own.limits };
  for (const name of ['cpu', 'memory']) {
    const whole = podLevel.limits?.[name];
    if (whole !== undefined && !(Quantity.tryParse(limits[name])?.sign === 1)) limits[name] = whole;
  }
  return { ...own, limits };
}

type Side = 'requests' | 'limits';

/** The amount a container names, or undefined. A request that is left out is the limit (as the API defaults it). */
export function amountOf(container: Container, side: Side, resource: string): Quantity | undefined {
  const { requests, limits } = container.resources ?? {};
  return Quantity.tryParse((side === 'requests' ? requests?.[resource] : undefined) ?? limits?.[resource]);
}

/**
 * The pod's share of a resource: the containers and sidecars together, or the most that initialization needs at one
 * time if that is more; and the overhead. For limits, undefined when a container has none.
 */
export function podAmount(pod: Pod, side: Side, resource: string): Quantity | undefined {
  const overhead = Quantity.tryParse(pod.spec.overhead?.[resource]) ?? Quantity.zero;
  const declared = pod.spec.resources?.[side]?.[resource];
  if (declared !== undefined) return Quantity.parse(declared).add(overhead);
  const containers = pod.spec.containers.map((container) => amountOf(container, side, resource));
  if (side === 'limits' && containers.some((amount) => !amount || amount.isZero)) return undefined;
  let running = containers.reduce<Quantity>((sum, amount) => (amount ? sum.add(amount) : sum), Quantity.zero);
  let sidecars = Quantity.zero;
  let peak = Quantity.zero;
  for (const init of pod.spec.initContainers ?? []) {
    const amount = amountOf(init, side, resource) ?? Quantity.zero;
    if (isRestartableInit(init)) {
      running = running.add(amount);
      sidecars = sidecars.add(amount);
    }
    const needed = isRestartableInit(init) ? sidecars : sidecars.add(amount);
    if (needed.compare(peak) > 0) peak = needed;
  }
  return (peak.compare(running) > 0 ? peak : running).add(overhead);
}
