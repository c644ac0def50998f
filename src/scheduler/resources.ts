/** What a pod asks for and a node has, in numbers that add and compare fast. */

import { isPodLevelResource } from '#api/core/pod/resources.js';
import { countedSpec } from '#api/core/pod/totals.js';
import type { Container, Pod, PodSpec } from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { equal } from '#base/json.js';

export interface Resources {
  milliCpu: number;
  memoryBytes: number;
  ephemeralStorageBytes: number;
  /** Extended resources and huge pages, in whole units. */
  scalars: ReadonlyMap<string, number>;
}

export const nothing: Resources = { milliCpu: 0, memoryBytes: 0, ephemeralStorageBytes: 0, scalars: new Map() };

/** What scoring takes a container to use that does not say: upstream's non-zero defaults. */
const defaultMilliCpu = 100;
const defaultMemoryBytes = 200 * 1024 * 1024;

export function parseResources(list: Record<string, string> | undefined): Resources {
  let { milliCpu, memoryBytes, ephemeralStorageBytes } = nothing;
  let scalars: Map<string, number> | undefined;
  for (const name in list) {
    const quantity = Quantity.parse(list[name]!);
    if (name === 'cpu') milliCpu = quantity.milliNumber();
    else if (name === 'memory') memoryBytes = quantity.unitsNumber();
    else if (name === 'ephemeral-storage') ephemeralStorageBytes = quantity.unitsNumber();
    else if (name !== 'pods') {
      scalars ??= new Map();
      scalars.set(name, quantity.unitsNumber());
    }
  }
  return { milliCpu, memoryBytes, ephemeralStorageBytes, scalars: scalars ?? nothing.scalars };
}

export function add(a: Resources, b: Resources): Resources {
  return combine(a, b, (x, y) => x + y);
}

export function subtract(a: Resources, b: Resources): Resources {
  return combine(a, b, (x, y) => x - y);
}

function largest(a: Resources, b: Resources): Resources {
  return combine(a, b, Math.max);
}

function combine(a: Resources, b: Resources, operate: (x: number, y: number) => number): Resources {
  let scalars = a.scalars;
  if (b.scalars.size > 0) {
    const sum = new Map(a.scalars);
    for (const [name, value] of b.scalars) sum.set(name, operate(sum.get(name) ?? 0, value));
    scalars = sum;
  }
  return {
    milliCpu: operate(a.milliCpu, b.milliCpu),
    memoryBytes: operate(a.memoryBytes, b.memoryBytes),
    ephemeralStorageBytes: operate(a.ephemeralStorageBytes, b.ephemeralStorageBytes),
    scalars,
  };
}

export interface PodRequests {
  requested: Resources;
  /** With defaults for containers that do not say, for scoring. */
  nonZero: Resources;
}

const cache = new WeakMap<PodSpec, PodRequests>();
/** Of pods whose status says otherwise than their spec. */
const resizing = new WeakMap<Pod, PodRequests>();

/**
 * The most that a pod uses at any time: sidecars and containers together, or an init container with the sidecars before
 * it, and the overhead (https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers).
 * A pod that is resized takes the larger of what it has, was granted and wants
 * (https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/).
 */
export function podRequests(pod: Pod): PodRequests {
  const known = resizing.get(pod);
  if (known) return known;
  const spec = countedSpec(pod);
  let requests = cache.get(spec);
  if (!requests) {
    requests = {
      requested: total(spec, (container) => parseResources(container.resources?.requests)),
      nonZero: total(spec, nonZeroRequests(spec)),
    };
    cache.set(spec, requests);
  }
  if (spec !== pod.spec) resizing.set(pod, requests);
  return requests;
}

/** Whether another pod could find more room, or less, beside it than before. */
export function changesRequests(pod: Pod, old: Pod): boolean {
  if (pod.metadata.generation !== old.metadata.generation) return true;
  const [spec, oldSpec] = [countedSpec(pod), countedSpec(old)];
  return (spec !== pod.spec || oldSpec !== old.spec) && !equal(spec, oldSpec);
}

function total(spec: PodSpec, requestsOf: (container: Container) => Resources): Resources {
  let running = nothing;
  for (const container of spec.containers) running = add(running, requestsOf(container));
  let sidecars = nothing;
  let initial = nothing;
  for (const container of spec.initContainers ?? []) {
    const requests = requestsOf(container);
    if (container.restartPolicy === 'Always') {
      sidecars = add(sidecars, requests);
      initial = largest(initial, sidecars);
    } else initial = largest(initial, add(sidecars, requests));
  }
  let most = largest(add(running, sidecars), initial);
  if (spec.resources?.requests) most = { ...most, ...podLevel(spec.resources.requests, most) };
  return spec.overhead ? add(most, parseResources(spec.overhead)) : most;
}

/** Pod-level requests (KEP-2837) replace the sums of cpu, memory and huge pages. */
function podLevel(requests: Record<string, string>, sums: Resources): Partial<Resources> {
  const given = parseResources(requests);
  const pages = [...given.scalars].filter(([name]) => isPodLevelResource(name));
  return {
    milliCpu: requests.cpu === undefined ? sums.milliCpu : given.milliCpu,
    memoryBytes: requests.memory === undefined ? sums.memoryBytes : given.memoryBytes,
    scalars: pages.length > 0 ? new Map([...sums.scalars, ...pages]) : sums.scalars,
  };
}

/** Where the pod as a whole says something, nothing is added to a resource that any of it names. */
function nonZeroRequests({ resources, containers, initContainers = [] }: PodSpec) {
  const asWhole = Object.keys(resources?.requests ?? {}).some(isPodLevelResource);
  const all = [{ resources }, ...containers, ...initContainers];
  const assumes = (name: string) => !asWhole || all.every((one) => one.resources?.requests?.[name] === undefined);
  const [cpu, memory] = [assumes('cpu'), assumes('memory')];
  return (container: Container): Resources => {
    const given = container.resources?.requests;
    const requests = parseResources(given);
    return {
      ...requests,
      milliCpu: cpu && given?.cpu === undefined ? defaultMilliCpu : requests.milliCpu,
      memoryBytes: memory && given?.memory === undefined ? defaultMemoryBytes : requests.memoryBytes,
    };
  };
}
