/** Making, ending and letting go of a Job's pods. Each write is remembered until the copy of the pods shows it. */
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import type { Job } from '#api/gen/batch-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import type { Client } from '#client/client.js';
import type { EventRecorder } from '#client/events.js';
import { TransportError } from '#client/transport.js';
import { createPod, deletePod } from '../pod-writes.js';
import { slowStart } from '../slow-start.js';
import type { UnseenWrites } from '../unseen-writes.js';
import { isTracked, type NewPod, trackingFinalizer } from './pod.js';

export interface Means {
  client: Client;
  recorder: EventRecorder;
  unseen: UnseenWrites<Pod>;
  /** Uids of Jobs for which a pod may have been made, or not. */
  unsure: Set<string>;
}

/** What has been done, and the first failure. */
export interface Outcome {
  done: Pod[];
  failure?: unknown;
}

export async function createPods(job: Job, all: readonly NewPod[], context: Means): Promise<Outcome> {
  const done: Pod[] = [];
  const { uid = '' } = job.metadata;
  try {
    await slowStart(all.length, async (place) => {
      const pod = await createPod({ owner: job, ownerResource: jobs, ...all[place]!, context }).catch((error) => {
        if (error instanceof TransportError) context.unsure.add(uid);
        throw error;
      });
      if (!pod) return;
      context.unseen.wrote(uid, pod);
      done.push(pod);
    });
    return { done };
  } catch (failure) {
    return { done, failure };
  }
}

/** They keep the finalizer, by which they are counted. */
export async function deletePods(job: Job, all: readonly Pod[], context: Means): Promise<Outcome> {
  return await forEach(all, async (pod) => {
    const { uid = '' } = job.metadata;
    if (await deletePod({ owner: job, pod, context })) context.unseen.deleted(uid, pod);
  });
}

/** They are not counted. */
export async function dropPods(job: Job, all: readonly Pod[], context: Means): Promise<Outcome> {
  return await forEach(all, async (pod) => {
    await freePod(job, pod, context);
    const { uid = '' } = job.metadata;
    if (await deletePod({ owner: job, pod, context })) context.unseen.deleted(uid, pod);
  });
}

export async function freePods(job: Job, all: readonly Pod[], context: Means): Promise<Outcome> {
  return await forEach(all, (pod) => freePod(job, pod, context));
}

async function freePod(job: Job, pod: Pod, { client, unseen }: Means): Promise<void> {
  const { uid = '' } = job.metadata;
  const freed = await removeFinalizer(pod, client);
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
