/** Rules of changes to a pod: almost nothing may change, and some of it in one direction only. */
import type { Affinity, NodeAffinity, NodeSelectorTerm, Pod, PodSpec, Toleration } from '#api/gen/core-v1.js';
import { collect, forbiddenField, invalidValue, required } from '#apimachinery/field-error.js';
import { equal } from '#base/json.js';
import { each, type FieldErrors, int32Max, rangeMessage } from '../../meta/check.js';
import { changesInSteps } from '../../meta/diff.js';
import { qosClassOf } from './resources.js';
import { appArmorPrefix, mirrorAnnotation } from './validate.js';
import { checkTolerations } from './validate-scheduling.js';

const updatableFields = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
];

/** `validatePod` has run before. */
export function* validatePodUpdate(pod: Pod, old: Pod): FieldErrors {
  const { spec } = pod;
  yield* checkFixedAnnotations(pod, old);
  for (const list of ['containers', 'initContainers'] as const) {
    if ((spec[list] ?? []).length !== (old.spec[list] ?? []).length) {
      yield forbiddenField(`spec.${list}`, 'pod updates may not add or remove containers');
      return;
    }
    for (const { path, value } of each(`spec.${list}`, spec[list])) if (!value.image) yield required(`${path}.image`);
  }
  const deadline = collect(checkDeadline(spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds));
  yield* deadline;
  if (deadline.length > 0 && spec.activeDeadlineSeconds !== undefined) return;
  yield* checkAddedTolerations(spec, old.spec);
  yield* checkRemovedGates(spec, old.spec);
  if (equal(spec, old.spec)) return;

  if ((old.status?.qosClass || qosClassOf(old.spec)) !== qosClassOf(spec))
    yield invalidValue('metadata', pod.status?.qosClass ?? '', 'Pod QoS is immutable');
  const rest = restoreUpdatable(spec, old.spec);
  if (old.spec.schedulingGates?.length) {
    yield* checkGatedSelector(rest, old.spec);
    rest.nodeSelector = old.spec.nodeSelector;
    yield* checkGatedAffinity(rest.affinity?.nodeAffinity, old.spec.affinity?.nodeAffinity);
    rest.affinity = restoreNodeAffinity(rest.affinity, old.spec.affinity);
  }
  if (equal(rest, old.spec)) return;
  const why = `pod updates may not change fields other than ${updatableFields.join(',')}`;
  const changes = yield* changesInSteps('io.k8s.api.core.v1.PodSpec', old.spec, rest);
  yield forbiddenField('spec', `${why}\n${changes}`);
}

/** What a kubelet says of a pod of its own, and by which profile a container was started. */
export function* checkFixedAnnotations({ metadata }: Pod, { metadata: before }: Pod): FieldErrors {
  const [now, old] = [metadata.annotations ?? {}, before.annotations ?? {}];
  const nameOf = (key: string) => {
    if (key === mirrorAnnotation) return 'mirror pod annotation';
    return key.startsWith(appArmorPrefix) ? 'AppArmor annotations' : undefined;
  };
  for (const [key, value] of Object.entries(old))
    if (now[key] !== value && nameOf(key))
      yield forbiddenField(`metadata.annotations[${key}]`, `may not remove or update ${nameOf(key)}`);
  for (const key of Object.keys(now))
    if (old[key] === undefined && nameOf(key))
      yield forbiddenField(`metadata.annotations[${key}]`, `may not add ${nameOf(key)}`);
}

function* checkDeadline(seconds: number | undefined, old: number | undefined): FieldErrors {
  const at = 'spec.activeDeadlineSeconds';
  if (seconds === undefined) {
    if (old !== undefined) yield invalidValue(at, null, 'must not update from a positive integer to nil value');
  } else if (seconds < 0 || seconds > int32Max)
    yield invalidValue(at, seconds, rangeMessage({ min: 0, max: int32Max }));
  else if (old !== undefined && old < seconds)
    yield invalidValue(at, seconds, 'must be less than or equal to previous value');
}

function* checkAddedTolerations({ tolerations = [] }: PodSpec, old: PodSpec): FieldErrors {
  const kept = new Set(tolerations.map(withoutSeconds));
  if (!(old.tolerations ?? []).every((before) => kept.has(withoutSeconds(before))))
    yield forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds');
  else yield* checkTolerations('spec.tolerations', tolerations);
}

function withoutSeconds({ key = '', operator = '', value = '', effect = '' }: Toleration): string {
  return JSON.stringify([key, operator, value, effect]);
}

function* checkRemovedGates({ schedulingGates }: PodSpec, old: PodSpec): FieldErrors {
  const before = new Set((old.schedulingGates ?? []).map(({ name }) => name));
  for (const { path, value } of each('spec.schedulingGates', schedulingGates)) {
    if (before.has(value.name)) continue;
    yield forbiddenField(`${path}.name`, `only deletion is allowed, but found new scheduling gate '${value.name}'`);
  }
}

/** The new spec with all that may change put back: what differs from `old` then may not. */
function restoreUpdatable(spec: PodSpec, old: PodSpec): PodSpec {
  const rest: PodSpec = { ...spec };
  for (const list of ['containers', 'initContainers'] as const) {
    const restored = spec[list]?.map((container, index) => ({ ...container, image: old[list]![index]!.image }));
    if (restored) rest[list] = restored;
  }
  rest.activeDeadlineSeconds = old.activeDeadlineSeconds;
  rest.schedulingGates = old.schedulingGates;
  rest.tolerations = old.tolerations;
  const grace = old.terminationGracePeriodSeconds;
  if (grace !== undefined && grace < 0 && spec.terminationGracePeriodSeconds === 1)
    rest.terminationGracePeriodSeconds = grace;
  return rest;
}

/** A pod that waits at a gate may be steered to fewer nodes, never to others. */
function* checkGatedSelector({ nodeSelector }: PodSpec, old: PodSpec): FieldErrors {
  for (const [key, value] of Object.entries(old.nodeSelector ?? {})) {
    if (nodeSelector?.[key] === value) continue;
    const why = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
    yield invalidValue('spec.nodeSelector', nodeSelector ?? null, why);
    return;
  }
}

function* checkGatedAffinity(affinity: NodeAffinity | undefined, old: NodeAffinity | undefined): FieldErrors {
  const field = 'requiredDuringSchedulingIgnoredDuringExecution';
  const before = old?.[field]?.nodeSelectorTerms ?? [];
  if (before.length === 0) return;
  const after = affinity?.[field]?.nodeSelectorTerms ?? [];
  const at = `spec.affinity.nodeAffinity.${field}.nodeSelectorTerms`;
  if (before.length !== after.length) {
    yield invalidValue(at, after, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed');
    return;
  }
  for (const [index, term] of before.entries())
    if (!hasOnlyAdditions(after[index]!, term))
      yield invalidValue(`${at}[${index}]`, after[index], 'only additions are allowed (no mutations or deletions)');
}

function hasOnlyAdditions(term: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const isEmpty = ({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm) =>
    matchExpressions.length + matchFields.length === 0;
  if (isEmpty(old)) return isEmpty(term);
  return (['matchExpressions', 'matchFields'] as const).every((list) => {
    const before = old[list] ?? [];
    return equal((term[list] ?? []).slice(0, before.length), before);
  });
}

function restoreNodeAffinity(affinity: Affinity | undefined, old: Affinity | undefined): Affinity | undefined {
  const restored = { ...affinity, nodeAffinity: old?.nodeAffinity };
  const isEmpty = Object.values(restored).every((one) => one === undefined);
  return isEmpty && !old ? undefined : restored;
}
