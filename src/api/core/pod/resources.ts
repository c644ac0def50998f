/** What pods ask for and may use: sums over containers, and which names of resources mean what. */
import type { Container, PodSpec } from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';

const hugePagesPrefix = 'hugepages-';

/** May stand in a pod's own `resources`. */
export function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || isHugePages(name);
}

export function isHugePages(name: string): boolean {
  return name.startsWith(hugePagesPrefix);
}

/** `hugepages-2Mi` -> the quantity 2Mi; undefined where what follows the prefix is none. */
export function hugePageSize(name: string): Quantity | undefined {
  return isHugePages(name) ? Quantity.tryParse(name.slice(hugePagesPrefix.length)) : undefined;
}

/** Without a domain, or with one of Kubernetes'. */
export function isNativeResource(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

/** A device and the like, counted in whole units by whoever provides it. */
export function isExtendedResource(name: string): boolean {
  return !isNativeResource(name) && !name.startsWith('requests.');
}

/** What is not there twice cannot be promised twice. */
export function isOvercommitAllowed(name: string): boolean {
  return isNativeResource(name) && !isHugePages(name);
}

export function isSidecar({ restartPolicy }: Pick<Container, 'restartPolicy'>): boolean {
  return restartPolicy === 'Always';
}

/**
 * The containers' requests (or limits) of each resource, together: containers run side by side, init containers one by
 * one before them, sidecars beside whatever comes after. A resource that none asks for is not there.
 */
export function aggregateRequests(
  spec: Pick<PodSpec, 'containers' | 'initContainers'>,
  { list, isWanted }: { list: 'requests' | 'limits'; isWanted: (name: string) => boolean },
): Map<string, Quantity> {
  const running = new Map<string, Quantity>();
  const peaks = new Map<string, Quantity>();
  const requestsOf = ({ resources }: Container) =>
    Object.entries(resources?.[list] ?? {})
      .filter(([name]) => isWanted(name))
      .map(([name, amount]) => [name, Quantity.parse(amount)] as const);
  const withRunning = (name: string, request: Quantity) => running.get(name)?.add(request) ?? request;
  for (const container of spec.initContainers ?? []) {
    for (const [name, request] of requestsOf(container)) {
      const during = withRunning(name, request);
      if (isSidecar(container)) running.set(name, during);
      const peak = peaks.get(name);
      if (!peak || during.compare(peak) > 0) peaks.set(name, during);
    }
  }
  for (const container of spec.containers ?? [])
    for (const [name, request] of requestsOf(container)) running.set(name, withRunning(name, request));
  for (const [name, peak] of peaks) {
    const together = running.get(name);
    if (!together || peak.compare(together) > 0) running.set(name, peak);
  }
  return running;
}

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ */
export function qosClassOf(spec: PodSpec): QosClass {
  const amounts = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ resources }) => resources ?? {});
  const isPodLevel = spec.resources !== undefined && (spec.resources.limits ?? spec.resources.requests) !== undefined;
  const counted = isPodLevel ? [spec.resources!] : amounts;
  const positive = (list: Record<string, string> | undefined, name: string) => {
    const quantity = list?.[name] === undefined ? undefined : Quantity.tryParse(list[name]);
    return quantity && quantity.sign > 0 ? quantity : undefined;
  };
  const names = ['cpu', 'memory'] as const;
  const isAsking = counted.some(({ limits, requests }) =>
    names.some((name) => positive(limits, name) || positive(requests, name)),
  );
  if (!isAsking) return 'BestEffort';
  const isGuaranteed = counted.every(({ limits, requests }) =>
    names.every((name) => {
      const limit = positive(limits, name);
      return limit !== undefined && (positive(requests, name)?.equals(limit) ?? false);
    }),
  );
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}
