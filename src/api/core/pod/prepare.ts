/** What the server decides of a pod whatever its author wrote (kubernetes/kubernetes pkg/registry/core/pod/strategy.go). */
import type { Pod, PodAffinityTerm, PodCondition, TopologySpreadConstraint } from '#api/gen/core-v1.js';
import type { LabelSelector, LabelSelectorRequirement } from '#api/gen/meta-v1.js';
import { qosClassOf } from './resources.js';

export function preparePodForCreate(pod: Pod): void {
  pod.status = { phase: 'Pending', qosClass: qosClassOf(pod.spec) };
  if (pod.spec.schedulingGates?.length) pod.status.conditions = [gatedCondition(pod)];
  mergeLabelKeys(pod);
}

function gatedCondition({ metadata }: Pod): PodCondition {
  return {
    type: 'PodScheduled',
    status: 'False',
    lastTransitionTime: metadata.creationTimestamp,
    reason: 'SchedulingGated',
    message: 'Scheduling is blocked due to non-empty scheduling gates',
  };
}

export function preparePodForStatusUpdate(pod: Pod, old: Pod): void {
  pod.status ??= {};
  // Kubelets have been seen to spoil owner references, on which garbage collection rests.
  pod.metadata.ownerReferences = old.metadata.ownerReferences;
  pod.status.qosClass ||= old.status?.qosClass;
  pod.status.observedGeneration ||= old.status?.observedGeneration;
  keepObservedGenerations(pod, old);
}

/** A client that does not know the field does not clear it. A type may occur twice, so they are matched in order. */
function keepObservedGenerations(pod: Pod, old: Pod): void {
  const before = new Map<string, (number | undefined)[]>();
  for (const { type, observedGeneration } of old.status?.conditions ?? []) {
    const list = before.get(type);
    if (list) list.push(observedGeneration);
    else before.set(type, [observedGeneration]);
  }
  for (const condition of pod.status?.conditions ?? []) {
    const generation = before.get(condition.type)?.shift();
    if (!condition.observedGeneration && generation) condition.observedGeneration = generation;
  }
}

/** `matchLabelKeys` are resolved once, here, so that schedulers read selectors only. */
function mergeLabelKeys({ metadata, spec }: Pod): void {
  const labels = metadata.labels ?? {};
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  for (const affinity of [podAffinity, podAntiAffinity]) {
    for (const term of affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) mergeTerm(term, labels);
    for (const weighted of affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      mergeTerm(weighted.podAffinityTerm, labels);
  }
  for (const constraint of spec.topologySpreadConstraints ?? []) mergeConstraint(constraint, labels);
}

type Labels = Record<string, string>;

function mergeTerm({ labelSelector, matchLabelKeys, mismatchLabelKeys }: PodAffinityTerm, labels: Labels): void {
  if (!labelSelector) return;
  addRequirements(labelSelector, requirements(matchLabelKeys, { operator: 'In', labels }));
  addRequirements(labelSelector, requirements(mismatchLabelKeys, { operator: 'NotIn', labels }));
}

function mergeConstraint({ labelSelector, matchLabelKeys }: TopologySpreadConstraint, labels: Labels): void {
  if (labelSelector) addRequirements(labelSelector, requirements(matchLabelKeys, { operator: 'In', labels }));
}

function requirements(
  keys: readonly string[] | undefined,
  { operator, labels }: { operator: 'In' | 'NotIn'; labels: Labels },
): LabelSelectorRequirement[] {
  return (keys ?? []).flatMap((key) => {
    const value = labels[key];
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  });
}

function addRequirements(selector: LabelSelector, added: LabelSelectorRequirement[]): void {
  if (added.length > 0) selector.matchExpressions = [...(selector.matchExpressions ?? []), ...added];
}
