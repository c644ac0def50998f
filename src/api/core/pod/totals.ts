/**
 * What a whole pod asks for and may use: containers together, init containers by their peak, sidecars beside them, the
 * pod's own word over both, and the overhead of its runtime.
 * https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
 */
import type { Container, ContainerStatus, Pod, PodSpec, ResourceRequirements } from '#api/gen/core-v1.js';
import { type Amounts, addAmounts, amountsOf, amountsToJson, maxAmounts, onlyAmounts } from '#apimachinery/amounts.js';
import { equal } from '#base/json.js';
import { isPodLevelResource, isSidecar } from './resources.js';

export interface TotalOptions {
  /** A resize that is under way counts by the larger of what is and what shall be. Default: only the spec counts. */
  useStatus?: boolean;
  withoutOverhead?: boolean;
}

type Field = 'requests' | 'limits';

export function podRequests(pod: Pod, options: TotalOptions = {}): Amounts {
  const total = totalOf(pod, 'requests', options);
  return options.withoutOverhead ? total : addAmounts(total, amountsOf(pod.spec?.overhead));
}

/** The overhead raises those limits that there are. */
export function podLimits(pod: Pod, options: TotalOptions = {}): Amounts {
  const total = totalOf(pod, 'limits', options);
  if (options.withoutOverhead) return total;
  return addAmounts(
    total,
    onlyAmounts(amountsOf(pod.spec?.overhead), (name) => total.get(name)?.isZero === false),
  );
}

function totalOf(pod: Pod, field: Field, { useStatus = false }: TotalOptions): Amounts {
  const { containers = [], initContainers = [], resources } = pod.spec ?? {};
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const of = (container: Container, statuses: readonly ContainerStatus[]) => {
    const status = useStatus ? statuses.find(({ name }) => name === container.name) : undefined;
    return status?.resources
      ? whileResizing(pod, container.resources, { status, field })
      : amountsOf(container.resources?.[field]);
  };
  let running = addAmounts(...containers.map((container) => of(container, containerStatuses)));
  let sidecars: Amounts = new Map();
  let peak: Amounts = new Map();
  for (const container of initContainers) {
    const own = of(container, isSidecar(container) ? initContainerStatuses : []);
    const during = addAmounts(own, sidecars);
    if (isSidecar(container)) {
      running = addAmounts(running, own);
      sidecars = during;
    }
    peak = maxAmounts(peak, during);
  }
  const podLevel = onlyAmounts(amountsOf(resources?.[field]), isPodLevelResource);
  if (!useStatus || !pod.status?.resources) return new Map([...maxAmounts(running, peak), ...podLevel]);
  // The status tells of all that the pod has; as a whole it has what it asks for as a whole.
  const effective = onlyAmounts(whileResizing(pod, resources, { status: pod.status, field }), (name) =>
    podLevel.has(name),
  );
  return new Map([...maxAmounts(running, peak), ...effective]);
}

/**
 * The spec with the requests that count while a resize is under way. Of nearly all pods that is the spec itself, which
 * is seen without reading one quantity.
 */
export function countedSpec(pod: Pod): PodSpec {
  const { spec, status } = pod;
  if (!status?.containerStatuses && !status?.initContainerStatuses && !status?.resources) return spec;
  const counted = <Part extends Pick<Container, 'resources'>>(part: Part, given: Given | undefined): Part => {
    if (!given?.resources || !differs(part.resources?.requests, given)) return part;
    const requests = whileResizing(pod, part.resources, { status: given, field: 'requests' });
    return { ...part, resources: { requests: amountsToJson(requests) } };
  };
  const countedOf = (one: Container, statuses: readonly ContainerStatus[] = []) =>
    counted(
      one,
      statuses.find(({ name }) => name === one.name),
    );
  const containers = spec.containers.map((one) => countedOf(one, status.containerStatuses));
  const initContainers = spec.initContainers?.map((one) =>
    isSidecar(one) ? countedOf(one, status.initContainerStatuses) : one,
  );
  const whole = { resources: spec.resources };
  const { resources } = spec.resources?.requests ? counted(whole, statusOfWhole(pod)) : whole;
  const isSame =
    resources === spec.resources &&
    containers.every((one, index) => one === spec.containers[index]) &&
    initContainers?.every((one, index) => one === spec.initContainers![index]) !== false;
  return isSame ? spec : { ...spec, containers, initContainers, resources };
}

/** The status tells of all that the pod has; as a whole it has what it asks for as a whole. */
function statusOfWhole({ spec, status }: Pod): Given {
  const named = (list: Record<string, string> = {}) =>
    Object.fromEntries(Object.entries(list).filter(([name]) => spec.resources?.requests?.[name] !== undefined));
  const { resources, allocatedResources } = status!;
  return {
    resources: resources && { requests: named(resources.requests) },
    allocatedResources: allocatedResources && named(allocatedResources),
  };
}

type Given = Pick<ContainerStatus, 'resources' | 'allocatedResources'>;

function differs(requests: Record<string, string> = {}, { resources, allocatedResources }: Given): boolean {
  return !(equal(requests, resources?.requests ?? {}) && (!allocatedResources || equal(requests, allocatedResources)));
}

/** What the node cannot give does not count; what it has given does until it is given back. */
function whileResizing(
  pod: Pod,
  resources: ResourceRequirements | undefined,
  { status, field }: { status: Given; field: Field },
): Amounts {
  const actual = amountsOf(status.resources?.[field]);
  const allocated = field === 'requests' ? amountsOf(status.allocatedResources) : new Map();
  const isInfeasible = pod.status?.conditions?.some(
    ({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible',
  );
  const wanted = isInfeasible ? new Map() : amountsOf(resources?.[field]);
  return maxAmounts(wanted, actual, allocated);
}
