/**
 * Which nodes a DaemonSet's pods belong on, decided as the scheduler would, but for resources.
 * https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/#how-daemon-pods-are-scheduled
 */
import { matchesRequiredNodeAffinity } from '#api/core/node-selector.js';
import { anyTolerates } from '#api/core/tolerations.js';
import type { Node, NodeSelectorRequirement, Pod, PodTemplateSpec, Taint, Toleration } from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';

export interface Placement {
  /** A pod that is missing is made. */
  shouldRun: boolean;
  /** A pod that is there stays. */
  mayStay: boolean;
}

export function placementOn(template: PodTemplateSpec, node: Node): Placement {
  const { spec } = template;
  if (spec?.nodeName && spec.nodeName !== node.metadata.name) return { shouldRun: false, mayStay: false };
  if (!spec || !matchesRequiredNodeAffinity(spec, node)) return { shouldRun: false, mayStay: false };
  const taints = node.spec.taints ?? [];
  const tolerations = tolerationsOf(template);
  const bears = (effects: readonly string[]) =>
    taints.every((taint) => !effects.includes(taint.effect) || anyTolerates(tolerations, taint));
  if (bears(['NoExecute', 'NoSchedule'])) return { shouldRun: true, mayStay: true };
  return { shouldRun: false, mayStay: bears(['NoExecute']) };
}

/** What every daemon bears, whatever its template says: troubles of the node that it may be there to mend. */
const borne: readonly Omit<Taint, 'timeAdded' | 'value'>[] = [
  { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
];
const borneOnHostNetwork = { key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' };

export function tolerationsOf({ spec }: PodTemplateSpec): Toleration[] {
  const own = spec?.tolerations ?? [];
  const all = spec?.hostNetwork ? [...borne, borneOnHostNetwork] : borne;
  const isOwn = ({ key, effect }: { key: string; effect: string }) =>
    own.some((one) => one.key === key && one.effect === effect && one.operator === 'Exists' && !one.value);
  return [...own, ...all.filter((one) => !isOwn(one)).map((one) => ({ ...one, operator: 'Exists' }))];
}

/** The template for one node: the scheduler binds the pod to it, and to no other. */
export function templateFor(template: PodTemplateSpec, nodeName: string): PodTemplateSpec {
  const named: NodeSelectorRequirement = { key: 'metadata.name', operator: 'In', values: [nodeName] };
  const changed = copy(template);
  const spec = changed.spec!;
  spec.tolerations = tolerationsOf(template);
  spec.affinity ??= {};
  spec.affinity.nodeAffinity ??= {};
  const { requiredDuringSchedulingIgnoredDuringExecution: required } = spec.affinity.nodeAffinity;
  const terms = required?.nodeSelectorTerms ?? [];
  spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution = {
    nodeSelectorTerms:
      terms.length > 0 ? terms.map((term) => ({ ...term, matchFields: [named] })) : [{ matchFields: [named] }],
  };
  return changed;
}

/** The node that a pod runs on, or is meant for while it is not bound. */
export function nodeNameOf({ spec }: Pod): string | undefined {
  if (spec.nodeName) return spec.nodeName;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? []) {
    const named = matchFields.find(({ key, operator }) => key === 'metadata.name' && operator === 'In');
    if (named?.values?.length === 1) return named.values[0];
  }
  return undefined;
}
