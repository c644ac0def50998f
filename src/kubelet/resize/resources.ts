/**
 * What of a container's resources can change while it runs, and what that takes. Pure.
 * https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
 */
import type { Container, ContainerStatus, Pod, ResourceRequirements } from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { equal } from '#base/json.js';
import { findStatus } from '../container-status.js';

/** Thousandths of a core, and bytes. 0: none. */
export interface Amounts {
  cpuRequest: number;
  cpuLimit: number;
  memoryRequest: number;
  memoryLimit: number;
}

export function amountsOf({ requests, limits }: ResourceRequirements = {}): Amounts {
  const amount = (text: string | undefined) => Quantity.tryParse(text);
  return {
    cpuRequest: amount(requests?.['cpu'])?.milliNumber() ?? 0,
    cpuLimit: amount(limits?.['cpu'])?.milliNumber() ?? 0,
    memoryRequest: amount(requests?.['memory'])?.unitsNumber() ?? 0,
    memoryLimit: amount(limits?.['memory'])?.unitsNumber() ?? 0,
  };
}

/** Those that run, or ran, with resources of their own, in the order of the spec. Ephemeral containers have none. */
export function resizable({ spec }: Pod): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/** Whether the container wants to start anew with what has changed. */
export function wantsRestart({ resizePolicy = [] }: Container, from: Amounts, to: Amounts): boolean {
  const changed = {
    cpu: from.cpuRequest !== to.cpuRequest || from.cpuLimit !== to.cpuLimit,
    memory: from.memoryRequest !== to.memoryRequest || from.memoryLimit !== to.memoryLimit,
  };
  return resizePolicy.some(
    ({ resourceName, restartPolicy }) =>
      restartPolicy === 'RestartContainer' && changed[resourceName as keyof typeof changed],
  );
}

/** What a pod has, or is granted: as a whole, and by container name. */
export interface PodResources {
  whole: ResourceRequirements | undefined;
  containers: ReadonlyMap<string, ResourceRequirements>;
}

export function resourcesOf(pod: Pod): PodResources {
  const containers = new Map(resizable(pod).map(({ name, resources }) => [name, resources ?? {}]));
  return { whole: pod.spec.resources, containers };
}

/** What an earlier kubelet said that it granted, and what the spec says where it said nothing. */
export function grantedByStatus(pod: Pod): PodResources {
  const containers = new Map(
    resizable(pod).map(({ name, resources = {} }) => [name, grantedTo(findStatus(pod.status, name)) ?? resources]),
  );
  return { whole: wholeByStatus(pod), containers };
}

function grantedTo(status: ContainerStatus | undefined): ResourceRequirements | undefined {
  if (!status?.containerID || !status.resources) return undefined;
  return { ...status.resources, ...(status.allocatedResources && { requests: status.allocatedResources }) };
}

/** The status tells of all that the pod has, its overhead among it; the spec, of what it has as a whole. */
function wholeByStatus({ spec, status }: Pod): ResourceRequirements | undefined {
  const { resources: wanted, overhead } = spec;
  const { allocatedResources, resources: told } = status ?? {};
  if (!wanted || !allocatedResources || !told) return wanted;
  const without = (name: string, amount: string) => {
    const extra = Quantity.tryParse(overhead?.[name]);
    return extra ? Quantity.parse(amount).subtract(extra).toString() : amount;
  };
  const of = (side: Record<string, string> | undefined, amounts: Record<string, string> = {}) =>
    side && Object.fromEntries(Object.entries(side).map(([name, own]) => [name, without(name, amounts[name] ?? own)]));
  const [requests, limits] = [of(wanted.requests, allocatedResources), of(wanted.limits, told.limits)];
  return { ...wanted, ...(requests && { requests }), ...(limits && { limits }) };
}

/** The same pod where nothing differs. */
export function withResources(pod: Pod, granted: PodResources): Pod {
  let isChanged = false;
  const adapt = (container: Container): Container => {
    const resources = granted.containers.get(container.name);
    if (!resources || isSame(container.resources ?? {}, resources)) return container;
    isChanged = true;
    return { ...container, resources: { ...container.resources, ...resources } };
  };
  const containers = pod.spec.containers.map(adapt);
  const initContainers = pod.spec.initContainers?.map(adapt);
  const isWhole = isSame(pod.spec.resources ?? {}, granted.whole ?? {});
  if (!isChanged && isWhole) return pod;
  const spec = { ...pod.spec, containers, ...(initContainers && { initContainers }) };
  return { ...pod, spec: isWhole ? spec : { ...spec, resources: granted.whole } };
}

/** By amounts, however they are written; most often they are written alike, and need not be read. */
export function isSame(a: ResourceRequirements, b: ResourceRequirements): boolean {
  return equal(a, b) || equal(amountsOf(a), amountsOf(b));
}
