/** What a Job is when its author did not say, and the selector that the server makes for it. */
import type { Job, JobSpec } from '#api/gen/batch-v1.js';
import { defaultPodTemplate } from '../../core/pod/defaults.js';
import { int32Max } from '../../meta/check.js';

export const controllerUidLabel = 'batch.kubernetes.io/controller-uid';
export const jobNameLabel = 'batch.kubernetes.io/job-name';
/** The same from before labels had domains; programs still select by them. */
export const legacyControllerUidLabel = 'controller-uid';
export const legacyJobNameLabel = 'job-name';

export function defaultJob(job: Job): void {
  job.spec ??= {} as JobSpec;
  const { spec } = job;
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  // With a limit for each index, that of the whole job only adds to it.
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : int32Max;
  shareLabels(job);
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  spec.manualSelector ??= false;
  defaultJobTemplate(spec);
}

/**
 * A Job without labels has those of its pods: the very same, so that those which are generated later are among them. One
 * that has the same labels by its author's hand has no others.
 */
function shareLabels({ metadata, spec }: Job): void {
  const { labels } = spec.template?.metadata ?? {};
  if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = labels;
}

/** The defaults of what stands inside a Job's spec, which are those of a CronJob's template too. */
export function defaultJobTemplate(spec: JobSpec): void {
  for (const rule of spec.podFailurePolicy?.rules ?? [])
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True';
  spec.template ??= {};
  defaultPodTemplate(spec.template);
}

/** Pods are found by the Job's uid, so that no other Job can take them for its own. */
export function generateSelector(job: Job): void {
  const { metadata, spec } = job;
  if (spec.manualSelector) return;
  const { name = '', uid = '' } = metadata;
  spec.template ??= {};
  spec.template.metadata ??= {};
  spec.template.metadata.labels ??= {};
  const { labels } = spec.template.metadata;
  // A label that the author has set wrongly is refused later.
  labels[legacyJobNameLabel] ??= name;
  labels[jobNameLabel] ??= name;
  labels[legacyControllerUidLabel] ??= uid;
  labels[controllerUidLabel] ??= uid;
  spec.selector ??= {};
  spec.selector.matchLabels = { [controllerUidLabel]: uid, ...spec.selector.matchLabels };
  shareLabels(job);
}
