/** Making, ending and letting go of a Job's pods. Each write is remembered until the copy of the pods shows it. */
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import type { Job } from '#api/gen/batch-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import type { Client } from '#client/client.js';
import type { EventRecorder } from '#client/events.js';
import { createPod, deletePod } from '../pod-writes.js';
import { slowStart } from '../slow-start.js';
import type { UnseenWrites } from '../unseen-writes.js';
import { isTracked, type NewPod, trackingFinalizer } from './pod.js';

export interface Means {
  client: Client;
  recorder: EventRecorder;
  unseen: UnseenWrites<Pod>;
}

/** What has been done, and the first failure. */
export interface Outcome {
  done: Pod[];
  failure?: unknown;
}

export async function createPods(job: Job, all: readonly NewPod[], context: Means): Promise<Outcome> {
  const done: Pod[] = [];
  const { unseen } = context;
  try {
    await slowStart(all.length, async (place) => {
      const pod = await createPod({ owner: job, ownerResource: jobs, ...all[place]!, unseen, context });
      if (pod) done.push(pod);
    });
    return { done };
  } catch (failure) {
    return { done, failure };
  }
}

/** They keep the finalizer, by which they are counted. */
export async function deletePods(job: Job, all: readonly Pod[], context: Means): Promise<Outcome> {
  const { unseen } = context;
  return await forEach(all, (pod) => deletePod({ owner: job, pod, unseen, context }));
}

/** They are not counted. */
export async function dropPods(job: Job, all: readonly Pod[], context: Means): Promise<Outcome> {
  const { unseen } = context;
  return await forEach(all, async (pod) => {
    await freePod(job, pod, context);
    await deletePod({ owner: job, pod, unseen, context });
  });
}

export async function freePods(job: Job, all: readonly Pod[], context: Means): Promise<Outcome> {
  return await forEach(all, (pod) => freePod(job, pod, context));
}

async function freePod(job: Job, pod: Pod, { client, unseen }: Means): Promise<void> {
  const { uid = '' } = job.metadata;
  const freed = await unseen.attempt(uid, () => removeFinalizer(pod, client));
  if (freed) unseen.wrote(uid, freed);
  else if (isTracked(pod)) unseen.gone(uid, pod);
}

/** Gives undefined when there was none to remove, or no pod. */
export async function removeFinalizer(pod: Pod, client: Client): Promise<Pod | undefined> {
  if (!isTracked(pod)) return undefined;
  const { name = '', namespace, uid } = pod.metadata;
  const patch = { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } };
  try {
    return await client.of(pods).patch(name, patch, { type: 'strategic', namespace });
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function forEach(all: readonly Pod[], act: (pod: Pod) => Promise<void>): Promise<Outcome> {
  const results = await Promise.allSettled(all.map(act));
  const done = all.filter((_, place) => results[place]!.status === 'fulfilled');
  return { done, failure: results.find((result) => result.status === 'rejected')?.reason };
}
