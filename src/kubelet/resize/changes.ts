/** What of a pod's running containers is not as it was granted. Pure. */
import { podRequests } from '#api/core/pod/totals.js';
import type { Container, Pod, ResourceRequirements } from '#api/gen/core-v1.js';
import { latestContainer, type PodState } from '../pod-state.js';
import { effectiveResources } from '../qos.js';
import { type Amounts, amountsOf, isSame, resizable, wantsRestart } from './resources.js';

export interface Change {
  id: string;
  container: Container;
  from: Amounts;
  to: Amounts;
  restarts: boolean;
}

/** With what a container runs: its own, and what the pod had as a whole when it began or was changed last. */
export interface Running {
  own: ResourceRequirements;
  whole: ResourceRequirements | undefined;
}

/** What the pod has as a whole, and with what its containers run, by their id. */
export interface Actual {
  whole: ResourceRequirements | undefined;
  containers: ReadonlyMap<string, Running>;
}

/** What shrinks comes before what grows, so that together they never take more than the pod may. */
export function changesOf(pod: Pod, state: PodState, actual: Actual): Change[] {
  const changes = resizable(pod).flatMap((container): Change[] => {
    const last = latestContainer(state, container.name);
    const now = last?.state === 'running' ? actual.containers.get(last.id) : undefined;
    if (!last || !now) return [];
    const before = effectiveResources(now.own, now.whole);
    const after = effectiveResources(container.resources, pod.spec.resources);
    if (isSame(before, after)) return [];
    const [from, to] = [amountsOf(before), amountsOf(after)];
    return [{ id: last.id, container, from, to, restarts: wantsRestart(container, from, to) }];
  });
  return changes.sort((a, b) => growth(a) - growth(b));
}

function growth({ from, to }: Change): number {
  const parts = Object.keys(to) as (keyof Amounts)[];
  return Math.sign(parts.reduce((sum, part) => sum + Math.sign(to[part] - from[part]), 0));
}

/** Whether the pod asks for more of anything than it was granted. */
export function increases(granted: Pod, wanted: Pod): boolean {
  const [before, after] = [podRequests(granted, {}), podRequests(wanted, {})];
  return ['cpu', 'memory'].some((name) => {
    const [had, wants] = [before.get(name), after.get(name)];
    return wants !== undefined && (had === undefined || wants.compare(had) > 0);
  });
}

/** As events tell of a resize: what each container asks for. */
export function summaryOf({ spec }: Pod, generation: number | undefined, error?: string): string {
  const tell = (containers: readonly Container[]) =>
    containers.map(({ name, resources = {} }) => {
      const { limits, requests } = resources;
      return { name, resources: { ...(limits && { limits }), ...(requests && { requests }) } };
    });
  const inits = spec.initContainers ?? [];
  return JSON.stringify({
    ...(inits.length > 0 && { initContainers: tell(inits) }),
    containers: tell(spec.containers),
    generation: generation ?? 0,
    ...(error && { error }),
  });
}
