/** Pods that end by themselves, as those of Jobs do. */
import jobs from '#api/batch/job/index.js';
import pods from '#api/core/pod/index.js';
import type { Job, JobSpec } from '#api/gen/batch-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { below, fraction } from '#base/prng.js';
import { finishPod } from '../finish-pod.js';
import type { Stage } from './storm.js';

export const podTemplate: JobSpec['template'] = {
  spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }], terminationGracePeriodSeconds: 1 },
};

export const isOver = ({ status }: Pod) => ['Succeeded', 'Failed'].includes(status?.phase ?? '');

const hasCondition = ({ status }: Job, ...types: string[]) =>
  status?.conditions?.some((one) => types.includes(one.type) && one.status === 'True') ?? false;
export const isComplete = (job: Job) => hasCondition(job, 'Complete');
export const isFailed = (job: Job) => hasCondition(job, 'Failed');
export const isFinished = (job: Job) => hasCondition(job, 'Complete', 'Failed');

const killedMs = 1000;
const killedExitCode = 137;

/** As the kubelet does: each pod of the namespace ends some time after it began, or when it is deleted before. */
export function endPods(
  { cluster, namespace, prng }: Stage,
  { failing, afterMsMax }: { failing: number; afterMsMax: number },
): void {
  const [begun, dying, ended] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const end = async (pod: Pod, exitCode: number) => {
    const { uid = '' } = pod.metadata;
    if (ended.has(uid)) return;
    ended.add(uid);
    try {
      await finishPod(cluster, pod, exitCode);
    } catch (error) {
      if (!isReason(error, 'NotFound')) cluster.errors.push(error);
    }
  };
  const once = (pod: Pod, seen: Set<string>) => {
    const { uid = '' } = pod.metadata;
    return seen.size < seen.add(uid).size;
  };
  const look = (pod: Pod) => {
    if (pod.metadata.namespace !== namespace) return;
    if (pod.metadata.deletionTimestamp) {
      if (once(pod, dying)) cluster.clock.setTimer(killedMs, () => void end(pod, killedExitCode));
    } else if (pod.status?.phase === 'Running' && once(pod, begun)) {
      const exitCode = fraction(prng) < failing ? 1 : 0;
      cluster.clock.setTimer(fraction(prng) * afterMsMax, () => void end(pod, exitCode));
    }
  };
  cluster.informers.of(pods).onEvent({ added: look, updated: look });
}

/** One of those that have not ended. */
export async function someJob({ cluster, namespace, prng }: Stage): Promise<Job | undefined> {
  const open = (await cluster.list(jobs, namespace)).filter((job) => !isFinished(job));
  return open[below(prng, Math.max(open.length, 1))];
}
