/** Rules of kinds that make pods from a template and find them again by a selector. */
import type { PodTemplateSpec } from '#api/gen/core-v1.js';
import type { LabelSelector } from '#api/gen/meta-v1.js';
import { forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { checkPodTemplate } from '../core/pod/validate.js';
import { checkNonNegative, type FieldErrors } from '../meta/check.js';

export interface SelectedTemplate {
  selector?: LabelSelector | undefined;
  template?: PodTemplateSpec | undefined;
}

/** Pods that live until they are deleted, each replaced by another: `owner` is the kind in upstream's messages. */
export function* checkSelectedTemplate(
  path: string,
  { selector, template }: SelectedTemplate,
  { emptyFor, owner }: { emptyFor: string; owner: string },
): FieldErrors {
  if (!selector) {
    yield required(`${path}.selector`);
    // No selector is one that matches nothing, and upstream tells both.
    yield* checkMatch(`${path}.template`, { selector, template });
  } else {
    const errors = validateLabelSelector(selector, `${path}.selector`);
    yield* errors;
    if (isEmpty(selector))
      yield invalidValue(`${path}.selector`, selector, `empty selector is invalid for ${emptyFor}`);
    else if (errors.length === 0) yield* checkMatch(`${path}.template`, { selector, template });
    else yield invalidValue(`${path}.selector`, selector, 'invalid label selector');
  }
  yield* checkTemplate(`${path}.template`, template, { owner });
}

function* checkMatch(path: string, { selector, template }: SelectedTemplate): FieldErrors {
  const labels = template?.metadata?.labels;
  if (!labelSelectorFrom(selector).matches(labels ?? {}))
    yield invalidValue(`${path}.metadata.labels`, labels ?? null, '`selector` does not match template `labels`');
}

function* checkTemplate(
  path: string,
  template: PodTemplateSpec | undefined,
  { owner }: { owner: string },
): FieldErrors {
  yield* checkPodTemplate(path, template ?? {});
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {};
  if (restartPolicy !== undefined && restartPolicy !== 'Always')
    yield notSupported(`${path}.spec.restartPolicy`, restartPolicy, ['Always']);
  if (activeDeadlineSeconds !== undefined)
    yield forbiddenField(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${owner} is not Supported`);
}

function isEmpty({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return Object.keys(matchLabels ?? {}).length + (matchExpressions?.length ?? 0) === 0;
}

interface ReplicaCounts {
  replicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
}

/** Counts in a status: none below zero, parts not above the whole. `parts` are further fields bounded by replicas. */
export function* checkReplicaCounts<S extends ReplicaCounts>(
  status: S,
  { parts, others }: { parts: readonly (keyof S & string)[]; others: readonly (keyof S & string)[] },
): FieldErrors {
  const count = (field: string) => ((status as Record<string, unknown>)[field] as number | undefined) ?? 0;
  const bounded = [...parts, 'readyReplicas', 'availableReplicas'];
  for (const field of ['replicas', ...bounded, ...others]) yield* checkNonNegative(`status.${field}`, count(field));
  for (const field of bounded)
    if (count(field) > count('replicas'))
      yield invalidValue(`status.${field}`, count(field), 'cannot be greater than status.replicas');
  if (count('availableReplicas') > count('readyReplicas'))
    yield invalidValue('status.availableReplicas', count('availableReplicas'), 'cannot be greater than readyReplicas');
}
