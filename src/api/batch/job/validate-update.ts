/** What may change of a Job: while it is suspended, where its pods go and what they get; else hardly anything. */
import type { Job, JobSpec } from '#api/gen/batch-v1.js';
import type { PodTemplateSpec } from '#api/gen/core-v1.js';
import { invalidValue } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { copy, equal } from '#base/json.js';
import type { FieldErrors } from '../../meta/check.js';
import { hasCondition } from './conditions.js';
import { checkJobSpec, validateJobCreate } from './validate.js';

export function* validateJobUpdate(job: Job, old: Job): FieldErrors {
  // Upstream looks at the spec twice.
  yield* validateJobCreate(job);
  yield* checkJobSpec('spec', job.spec);
  yield* checkUpdate(job.spec, old);
}

function* checkUpdate(spec: JobSpec, old: Job): FieldErrors {
  const immutable = (field: keyof JobSpec) =>
    validateImmutable(`spec.${field}`, { value: spec[field], old: old.spec[field] });
  yield* checkCompletions(spec, old.spec);
  yield* immutable('selector');
  if (isAtRest(old)) {
    // Labels and annotations of the template may change then as well.
    const { spec: before } = withChanges(old.spec.template, spec.template);
    yield* validateImmutable('spec.template.spec', { value: spec.template?.spec, old: before });
  } else yield* immutable('template');
  for (const field of immutableFields) yield* immutable(field);
}

const immutableFields = [
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const;

/** An Indexed Job may grow and shrink as a whole. */
function* checkCompletions(spec: JobSpec, old: JobSpec): FieldErrors {
  const { completions, parallelism, completionMode } = spec;
  if (completionMode !== 'Indexed')
    yield* validateImmutable('spec.completions', { value: completions, old: old.completions });
  else if (completions !== undefined && completions !== old.completions && completions !== parallelism)
    yield invalidValue('spec.completions', completions, 'can only be modified in tandem with spec.parallelism');
}

/** Suspended, and without a pod that was made of the template. */
function isAtRest({ spec, status }: Job): boolean {
  if (!spec.suspend || (status?.active ?? 0) > 0) return false;
  return !status?.startTime || hasCondition(status, 'Suspended');
}

/** The old template with what may change taken from the new one: where pods are scheduled, and their resources. */
function withChanges(old: PodTemplateSpec, template: PodTemplateSpec): PodTemplateSpec {
  const { spec = { containers: [] } } = template;
  const { spec: before = { containers: [] } } = copy(old);
  const allowed = {
    ...before,
    nodeSelector: spec.nodeSelector,
    tolerations: spec.tolerations,
    schedulingGates: spec.schedulingGates,
    affinity: affinityOf(before.affinity, spec.affinity),
  };
  for (const list of ['containers', 'initContainers'] as const)
    for (const [index, container] of (allowed[list] ?? []).entries()) {
      const { resources } = spec[list]?.[index] ?? {};
      if (resources && !equal(resources, container.resources)) container.resources = resources;
    }
  return { ...old, spec: allowed };
}

type Affinity = NonNullable<PodTemplateSpec['spec']>['affinity'];

/** The rest of the affinity stays, unless there was nothing but that of nodes. */
function affinityOf(old: Affinity, affinity: Affinity): Affinity {
  const { nodeAffinity: _, ...rest } = old ?? {};
  if (affinity) return { ...rest, nodeAffinity: affinity.nodeAffinity };
  return Object.keys(rest).length === 0 ? undefined : rest;
}
