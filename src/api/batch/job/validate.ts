/** Rules of a new Job, and of the spec of one (kubernetes/kubernetes pkg/apis/batch/validation). */
import type { Job, JobSpec } from '#api/gen/batch-v1.js';
import { collectInSteps, invalidValue, notSupported, required, tooLong } from '#apimachinery/field-error.js';
import { validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { formProblem, labelProblems, subdomainProblems } from '#apimachinery/names.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { checkSelected } from '../../apps/template.js';
import { checkPodTemplate } from '../../core/pod/validate.js';
import { check, checkNonNegative, type FieldErrors } from '../../meta/check.js';
import { controllerUidLabel, jobNameLabel, legacyControllerUidLabel, legacyJobNameLabel } from './defaults.js';
import { checkPodFailurePolicy, checkPodReplacementPolicy, checkSuccessPolicy } from './validate-policies.js';

export function* validateJobCreate(job: Job): FieldErrors {
  yield* checkGeneratedSelector(job);
  yield* checkJobSpec('spec', job.spec);
  yield* checkPodNames(job);
}

/** The labels by which its own pods are known are what the server made of them. */
function* checkGeneratedSelector({ metadata, spec }: Job): FieldErrors {
  if (spec.manualSelector || !spec.selector) return;
  const { name = '', uid = '' } = metadata;
  const labels = {
    [legacyControllerUidLabel]: uid,
    [legacyJobNameLabel]: name,
    [controllerUidLabel]: uid,
    [jobNameLabel]: name,
  };
  const given = spec.template?.metadata?.labels ?? {};
  for (const [key, value] of Object.entries(labels)) {
    const path = `spec.template.metadata.labels[${key}]`;
    if (given[key] === undefined) yield required(path, `must be '${value}'`);
    else if (given[key] !== value) yield invalidValue(path, given, `must be '${value}'`);
  }
  const isReadable = (yield* collectInSteps(validateLabelSelector(spec.selector, ''))).length === 0;
  if (isReadable && !labelSelectorFrom(spec.selector).matches(labels))
    yield invalidValue('spec.selector', spec.selector, '`selector` not auto-generated');
}

/** Pods of an Indexed Job have the index in their host name. */
function* checkPodNames({ metadata, spec }: Job): FieldErrors {
  const { completionMode, completions = 0 } = spec;
  if (completionMode !== 'Indexed' || completions <= 0) return;
  const last = `${metadata.name}-${completions - 1}`;
  if (labelProblems(last).length > 0)
    yield invalidValue('metadata.name', metadata.name, `will not able to create pod with invalid DNS label: ${last}`);
}

export function* checkJobSpec(path: string, spec: JobSpec): FieldErrors {
  yield* checkUnselectedJobSpec(path, spec);
  const { selector } = spec;
  if (!selector) yield required(`${path}.selector`);
  const errors = yield* collectInSteps(validateLabelSelector(selector, `${path}.selector`));
  yield* errors;
  if (errors.length === 0) yield* checkSelected(`${path}.template`, spec);
}

/** All but the selector, which a CronJob's template has not. */
export function* checkUnselectedJobSpec(path: string, spec: JobSpec): FieldErrors {
  for (const field of counts) yield* checkNonNegative(`${path}.${field}`, spec[field]);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    yield required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified');
  if (spec.managedBy !== undefined) yield* checkManagedBy(`${path}.managedBy`, spec.managedBy);
  yield* checkCompletionMode(path, spec);
  if (spec.podFailurePolicy) yield* checkPodFailurePolicy(`${path}.podFailurePolicy`, spec.podFailurePolicy, spec);
  if (spec.successPolicy) yield* checkSuccessPolicy(`${path}.successPolicy`, spec.successPolicy, spec);
  yield* checkPodReplacementPolicy(`${path}.podReplacementPolicy`, spec);
  yield* checkPodTemplate(`${path}.template`, spec.template ?? {});
  yield* checkRestartPolicy(`${path}.template.spec.restartPolicy`, spec);
}

const counts = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

const managedByBytesMax = 63;
const httpPathForm = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const httpPathPattern = new RegExp(`^${httpPathForm}$`);

function* checkManagedBy(path: string, name: string): FieldErrors {
  const slash = name.indexOf('/');
  const [domain, rest] = [name.slice(0, Math.max(slash, 0)), name.slice(slash + 1)];
  if (name === '') yield required(path);
  else if (domain === '' || rest === '')
    yield invalidValue(path, name, 'must be a domain-prefixed path (such as "acme.io/foo")');
  else {
    yield* check(path, domain, subdomainProblems);
    if (!httpPathPattern.test(rest)) yield invalidValue(path, rest, formProblem('Invalid path', httpPathForm));
  }
  if (Buffer.byteLength(name) > managedByBytesMax) yield tooLong(path, managedByBytesMax);
}

/** The index sets in a status are texts, and stay within some hundred kilobytes. */
const indexedParallelismMax = 100_000;
const failedIndexesMax = 100_000;
const manyCompletions = 100_000;
const parallelismOfManyMax = 10_000;
const failedIndexesOfManyMax = 10_000;

function* checkCompletionMode(path: string, spec: JobSpec): FieldErrors {
  const { completionMode: mode = 'NonIndexed' } = spec;
  if (mode === 'Indexed') yield* checkIndexed(path, spec);
  else if (mode !== 'NonIndexed') yield notSupported(`${path}.completionMode`, mode, ['NonIndexed', 'Indexed']);
  else {
    for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const)
      if (spec[field] !== undefined)
        yield invalidValue(`${path}.${field}`, spec[field], 'requires indexed completion mode');
  }
}

function* checkIndexed(path: string, spec: JobSpec): FieldErrors {
  const { completions, parallelism = 0, maxFailedIndexes = 0 } = spec;
  const atMost = (field: string, value: number, max: number | string) =>
    invalidValue(`${path}.${field}`, value, `must be less than or equal to ${max}`);
  if (completions === undefined) yield required(`${path}.completions`, 'when completion mode is Indexed');
  if (parallelism > indexedParallelismMax)
    yield atMost('parallelism', parallelism, `${indexedParallelismMax} when completion mode is Indexed`);
  if (completions !== undefined && maxFailedIndexes > completions)
    yield atMost('maxFailedIndexes', maxFailedIndexes, 'completions');
  if (maxFailedIndexes > failedIndexesMax) yield atMost('maxFailedIndexes', maxFailedIndexes, failedIndexesMax);
  if ((completions ?? 0) <= manyCompletions || spec.backoffLimitPerIndex === undefined) return;
  const when = `when completions are above ${manyCompletions} and used with backoff limit per index`;
  if (spec.maxFailedIndexes === undefined)
    yield required(`${path}.maxFailedIndexes`, `must be specified when completions is above ${manyCompletions}`);
  if (parallelism > parallelismOfManyMax) yield atMost('parallelism', parallelism, `${parallelismOfManyMax} ${when}`);
  if (maxFailedIndexes > failedIndexesOfManyMax)
    yield atMost('maxFailedIndexes', maxFailedIndexes, `${failedIndexesOfManyMax} ${when}`);
}

function* checkRestartPolicy(path: string, { template, podFailurePolicy }: JobSpec): FieldErrors {
  const policy = template?.spec?.restartPolicy;
  // Always is the default of pods, so that it may well be that the author said nothing.
  if (!policy || policy === 'Always') yield required(path, 'valid values: "OnFailure", "Never"');
  else if (policy !== 'OnFailure' && policy !== 'Never') yield notSupported(path, policy, ['OnFailure', 'Never']);
  else if (podFailurePolicy && policy !== 'Never')
    yield invalidValue(path, policy, 'only "Never" is supported when podFailurePolicy is specified');
}
