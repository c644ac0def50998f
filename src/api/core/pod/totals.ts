/**
 * What a whole pod asks for and may use: containers together, init containers by their peak, sidecars beside them, the
 * pod's own word over both, and the overhead of its runtime.
 * https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
 */
import type { Container, ContainerStatus, Pod, ResourceRequirements } from '#api/gen/core-v1.js';
import { type Amounts, addAmounts, amountsOf, maxAmounts, onlyAmounts } from '#apimachinery/amounts.js';
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

/** What the node cannot give does not count; what it has given does until it is given back. */
function whileResizing(
  pod: Pod,
  resources: ResourceRequirements | undefined,
  { status, field }: { status: Pick<ContainerStatus, 'resources' | 'allocatedResources'>; field: Field },
): Amounts {
  const actual = amountsOf(status.resources?.[field]);
  const allocated = field === 'requests' ? amountsOf(status.allocatedResources) : new Map();
  const isInfeasible = pod.status?.conditions?.some(
    ({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible',
  );
  const wanted = isInfeasible ? new Map() : amountsOf(resources?.[field]);
  return maxAmounts(wanted, actual, allocated);
}
