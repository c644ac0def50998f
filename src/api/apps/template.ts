/** Rules of kinds that make pods from a template and find them again by a selector. */
import type { PodTemplateSpec } from '#api/gen/core-v1.js';
import type { LabelSelector } from '#api/gen/meta-v1.js';
import { collectInSteps, forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { validateLabelSelector } from '#apimachinery/metadata-validation.js';
import type { KubeObject } from '#apimachinery/object.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { checkPodTemplate } from '../core/pod/validate.js';
import { nameWarnings, templateWarnings } from '../core/pod/warnings.js';
import { checkNonNegative, type FieldErrors } from '../meta/check.js';

export interface SelectedTemplate {
  selector?: LabelSelector | undefined;
  template?: PodTemplateSpec | undefined;
}

interface TemplateOwner {
  /** The kind in the message about a selector of everything. */
  emptyFor: string;
  /** The kind in the message about pods that end by themselves. */
  owner: string;
  /** Said when the selector makes no sense. Default: `invalid label selector`. */
  invalid?: string;
}

/** Pods that live until they are deleted, each replaced by another. */
export function* checkSelectedTemplate(
  path: string,
  selected: SelectedTemplate,
  { emptyFor, owner, invalid = 'invalid label selector' }: TemplateOwner,
): FieldErrors {
  const { selector, template = {} } = selected;
  const errors = yield* collectInSteps(validateLabelSelector(selector, `${path}.selector`));
  if (!selector) yield required(`${path}.selector`);
  yield* errors;
  if (selector && isEmptySelector(selector))
    yield invalidValue(`${path}.selector`, selector, `empty selector is invalid for ${emptyFor}`);
  if (errors.length > 0) {
    // What the template is for is then not known, and upstream does not look at it.
    yield invalidValue(`${path}.selector`, selector, invalid);
    return;
  }
  yield* checkSelected(`${path}.template`, selected);
  yield* checkPodTemplate(`${path}.template`, template);
  yield* checkLasting(`${path}.template`, template, { owner });
}

/** No selector is one that matches nothing, and upstream tells both. */
export function* checkSelected(path: string, { selector, template }: SelectedTemplate): FieldErrors {
  const labels = template?.metadata?.labels;
  if (!labelSelectorFrom(selector).matches(labels ?? {}))
    yield invalidValue(`${path}.metadata.labels`, labels ?? null, '`selector` does not match template `labels`');
}

/** Pods do not end by themselves. */
export function* checkLasting(path: string, { spec }: PodTemplateSpec, { owner }: { owner: string }): FieldErrors {
  const { restartPolicy, activeDeadlineSeconds } = spec ?? {};
  if (restartPolicy !== undefined && restartPolicy !== 'Always')
    yield notSupported(`${path}.spec.restartPolicy`, restartPolicy, ['Always']);
  if (activeDeadlineSeconds !== undefined)
    yield forbiddenField(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${owner} is not Supported`);
}

export function isEmptySelector({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return Object.keys(matchLabels ?? {}).length + (matchExpressions?.length ?? 0) === 0;
}

interface Templated extends KubeObject {
  spec: { template?: PodTemplateSpec };
}

/** Of a new template, and of a changed one: the generation tells, since a status is written often and by no person. */
export function warnOfTemplate(object: Templated, old: Templated | undefined): string[] {
  if (old && old.metadata.generation === object.metadata.generation) return [];
  return templateWarnings('spec.template', object.spec?.template);
}

/** Of kinds whose pods' host names begin with the object's name. */
export function warnOfNamedTemplate(object: Templated, old: Templated | undefined): string[] {
  return [...(old ? [] : nameWarnings(object.metadata)), ...warnOfTemplate(object, old)];
}

/** Counts in a status, as fields of it: none below zero. */
export function* checkCounts(status: object, fields: readonly string[]): FieldErrors {
  for (const field of fields) yield* checkNonNegative(`status.${field}`, countIn(status, field));
}

/** Parts are not above the whole. */
export function* checkParts(
  status: object,
  parts: readonly string[],
  { ready = 'readyReplicas' }: { ready?: string } = {},
): FieldErrors {
  for (const field of parts)
    if (countIn(status, field) > countIn(status, 'replicas'))
      yield invalidValue(`status.${field}`, countIn(status, field), 'cannot be greater than status.replicas');
  const available = countIn(status, 'availableReplicas');
  if (available > countIn(status, 'readyReplicas'))
    yield invalidValue('status.availableReplicas', available, `cannot be greater than ${ready}`);
}

function countIn(status: object, field: string): number {
  return (status as Record<string, number | undefined>)[field] ?? 0;
}

interface Collisions {
  status?: { collisionCount?: number };
}

/** The count goes into names, so that going back would give one twice. */
export function* checkCollisions({ status }: Collisions, old: Collisions): FieldErrors {
  const before = old.status?.collisionCount;
  const now = status?.collisionCount;
  if (before !== undefined && (now === undefined || now < before))
    yield invalidValue('status.collisionCount', now ?? 0, 'cannot be decremented');
}
