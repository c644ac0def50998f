/** The pods of a Job: how they are made, which index they are of, and what counts as a failure. */
import type { Job } from '#api/gen/batch-v1.js';
import type { Container, Pod, PodTemplateSpec } from '#api/gen/core-v1.js';
import { int32Max } from '#api/meta/check.js';

/** Keeps a pod until its Job has counted it. https://kep.k8s.io/2307 */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
const completionIndexKey = 'batch.kubernetes.io/job-completion-index';
const failureCountKey = 'batch.kubernetes.io/job-index-failure-count';
const ignoredFailureCountKey = 'batch.kubernetes.io/job-index-ignored-failure-count';
const indexVariable = 'JOB_COMPLETION_INDEX';
/** The server adds five characters to a generated name. */
const generatedPrefixLengthMax = 58;

export function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(trackingFinalizer) === true;
}

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === 'Indexed';
}

/** Undefined where the annotation is missing or no index. */
export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[completionIndexKey] ?? '';
  return /^\+?[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The index, where it is one that the Job still has. */
export function validIndexOf(job: Job, pod: Pod): number | undefined {
  const index = indexOf(pod);
  return index !== undefined && index < (job.spec.completions ?? 0) ? index : undefined;
}

/** Whether a pod that is going is waited for before another takes its place. https://kep.k8s.io/3939 */
export function replacesOnlyFailed({ spec }: Job): boolean {
  return spec.podReplacementPolicy === 'Failed' || spec.podFailurePolicy !== undefined;
}

/** A pod that is deleted counts as failed at once, since it may never come to be Failed, unless its end is waited for. */
export function isFailedPod(job: Job, { metadata, status }: Pod): boolean {
  if (status?.phase === 'Failed') return true;
  if (replacesOnlyFailed(job)) return false;
  return metadata.deletionTimestamp !== undefined && status?.phase !== 'Succeeded';
}

export interface IndexFailures {
  counted: number;
  /** Those that the pod failure policy ignores. */
  ignored: number;
}

/** How often pods of this one's index had failed before it. */
export function indexFailuresBefore({ metadata }: Pod): IndexFailures {
  const read = (key: string) => {
    const text = metadata.annotations?.[key] ?? '0';
    const count = /^[0-9]{1,10}$/.test(text) ? Number(text) : 0;
    return count <= int32Max ? count : 0;
  };
  return { counted: read(failureCountKey), ignored: read(ignoredFailureCountKey) };
}

export interface NewPod {
  generateName: string | undefined;
  template: PodTemplateSpec;
}

/** `failures`: of the index, where the Job limits them for each. */
export function podToCreate(job: Job, { index, failures }: { index?: number; failures?: IndexFailures }): NewPod {
  const { metadata = {}, spec } = job.spec.template ?? {};
  const finalizers = [...new Set([...(metadata.finalizers ?? []), trackingFinalizer])];
  if (index === undefined)
    return { generateName: undefined, template: { metadata: { ...metadata, finalizers }, spec } };
  const annotations: Record<string, string> = { ...metadata.annotations, [completionIndexKey]: String(index) };
  if (failures) annotations[failureCountKey] = String(failures.counted);
  if (failures && failures.ignored > 0) annotations[ignoredFailureCountKey] = String(failures.ignored);
  const { name = '' } = job.metadata;
  return {
    generateName: indexedPrefix(name, index),
    template: {
      metadata: {
        ...metadata,
        finalizers,
        annotations,
        labels: { ...metadata.labels, [completionIndexKey]: String(index) },
      },
      spec: {
        ...spec!,
        hostname: `${name}-${index}`,
        initContainers: spec?.initContainers?.map(withIndexVariable),
        containers: spec!.containers.map(withIndexVariable),
      },
    },
  };
}

/** A long name is cut so that the index is still to be seen. */
function indexedPrefix(name: string, index: number): string {
  const end = `-${index}-`;
  return `${name.slice(0, generatedPrefixLengthMax - end.length)}${end}`;
}

function withIndexVariable(container: Container): Container {
  if (container.env?.some(({ name }) => name === indexVariable)) return container;
  const fieldPath = `metadata.labels['${completionIndexKey}']`;
  const variable = { name: indexVariable, valueFrom: { fieldRef: { fieldPath } } };
  return { ...container, env: [...(container.env ?? []), variable] };
}
