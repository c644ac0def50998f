/**
 * Deletes Jobs, with their pods, so many seconds after they have finished.
 * https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/
 */
import { isFinished } from '#api/batch/job/conditions.js';
import jobs from '#api/batch/job/index.js';
import type { Job } from '#api/gen/batch-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { defineController } from './runtime.js';

export default defineController<Job>({
  name: 'ttl-after-finished-controller',
  for: jobs,
  concerns: (job) => expiresMs(job) !== undefined,
  async reconcile({ key, name, namespace }, { informers, client, clock, metrics }) {
    const leftMs = (job: Job | undefined) => {
      const atMs = job && expiresMs(job);
      return atMs === undefined ? undefined : atMs - clock.now();
    };
    const seenMs = leftMs(informers.of(jobs).get(key));
    if (seenMs === undefined) return undefined;
    if (seenMs > 0) return { afterMs: seenMs };
    try {
      // The copy may lag behind somebody who has just given it more time.
      const fresh = await client.of(jobs).get(name, { namespace });
      const nowMs = leftMs(fresh);
      if (nowMs === undefined) return undefined;
      if (nowMs > 0) return { afterMs: nowMs };
      const { uid } = fresh.metadata;
      await client.of(jobs).delete(name, { namespace, propagationPolicy: 'Foreground', preconditions: { uid } });
      metrics.jobTtlSeconds.with().observe(-nowMs / 1000);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    return undefined;
  },
});

/** Undefined for a Job that stays, is going, or has not finished. */
function expiresMs({ metadata, spec, status }: Job): number | undefined {
  const { ttlSecondsAfterFinished: ttl } = spec;
  if (ttl === undefined || metadata.deletionTimestamp || !isFinished(status)) return undefined;
  const end = status?.conditions?.find(
    ({ type, status: is }) => ['Complete', 'Failed'].includes(type) && is === 'True',
  );
  return end?.lastTransitionTime ? Date.parse(end.lastTransitionTime) + ttl * 1000 : undefined;
}
