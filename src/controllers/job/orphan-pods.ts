/** Takes the finalizer off pods that no Job will count any more, which could else never go. */
import { isFinished } from '#api/batch/job/conditions.js';
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import type { Job } from '#api/gen/batch-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { controllerOf, parseApiVersion } from '#apimachinery/object.js';
import { keyOf } from '#client/informer.js';
import { controlledBy } from '../claim.js';
import { defineController, watch } from '../runtime.js';
import { isManagedByOthers } from './managed-by.js';
import { isTracked } from './pod.js';
import { removeFinalizer } from './pod-control.js';

export default defineController<Pod>({
  name: 'job-orphan-pod',
  account: 'job-controller',
  eventSource: 'job-controller',
  workers: 1,
  for: pods,
  concerns: isTracked,
  watches: ({ informers }) => [
    watch(jobs, (job, { type }) => {
      if (type !== 'deleted' && !isFinished(job.status)) return [];
      return controlledBy(informers.of(pods), job.metadata.uid ?? '')
        .filter(isTracked)
        .map(keyOf);
    }),
  ],
  async reconcile({ key }, { informers, client }) {
    const pod = informers.of(pods).get(key);
    if (!pod || !isTracked(pod)) return undefined;
    const controller = controllerOf(pod);
    if (controller) {
      const { group } = parseApiVersion(controller.apiVersion);
      if (group !== jobs.group || controller.kind !== jobs.kind) return undefined;
      const job = informers.of(jobs).get(`${pod.metadata.namespace}/${controller.name}`);
      if (job?.metadata.uid === controller.uid && isCounting(job)) return undefined;
    }
    await removeFinalizer(pod, client);
    return undefined;
  },
});

/** Whoever else manages a Job sees to its pods. */
function isCounting(job: Job): boolean {
  return isManagedByOthers(job) || !isFinished(job.status);
}
