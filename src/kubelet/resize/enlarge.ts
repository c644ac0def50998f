/** Makes a pod's own cgroup large enough for what its containers have and for what they are to have. */
import type { Pod } from '#api/gen/core-v1.js';
import { podCgroup, podResources } from '../cgroups.js';
import { KubeletError } from '../kubelet-error.js';
import type { NodeContext } from '../node-context.js';
import { latestContainer } from '../pod-state.js';
import type { Actual, Change } from './changes.js';
import { amountsOf, resizable, withResources } from './resources.js';

/** Throws KubeletError where less memory is granted than is in use. */
export async function enlarge(
  context: NodeContext,
  pod: Pod,
  { changes, actual }: { changes: readonly Change[]; actual: Actual },
): Promise<void> {
  await mustFit(context, pod, { changes, actual });
  const state = context.states.of(pod.metadata.uid!);
  const running = new Map(
    resizable(pod).flatMap(({ name }) => {
      const last = latestContainer(state, name);
      const running = last && actual.containers.get(last.id);
      return running ? [[name, running.own] as const] : [];
    }),
  );
  const [now, then] = [
    podResources(withResources(pod, { whole: actual.whole, containers: running })),
    podResources(pod),
  ];
  await context.cgroups.ensure(pod, {
    ...then,
    cpuQuotaUs: larger(now.cpuQuotaUs, then.cpuQuotaUs),
    cpuShares: Math.max(now.cpuShares, then.cpuShares),
    memoryLimitBytes: larger(now.memoryLimitBytes, then.memoryLimitBytes),
  });
}

/** 0 is no limit. */
function larger(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : Math.max(a, b);
}

async function mustFit(
  { cgroups, paths }: NodeContext,
  pod: Pod,
  { changes, actual }: { changes: readonly Change[]; actual: Actual },
): Promise<void> {
  const lower = changes.filter(
    ({ from, to }) => to.memoryLimit > 0 && (from.memoryLimit === 0 || to.memoryLimit < from.memoryLimit),
  );
  const problems: string[] = [];
  const [now, then] = [actual.whole, pod.spec.resources].map((whole) => amountsOf(whole).memoryLimit);
  if (then! > 0 && then! < now!) {
    const used = await cgroups.memoryUsed(podCgroup(paths.cgroupRoot, pod));
    if (used !== undefined && used >= then!)
      problems.push(`attempting to set pod memory limit (${then}) below current usage (${used})`);
  }
  for (const { id, container, to } of lower) {
    const used = await cgroups.memoryUsed(`${podCgroup(paths.cgroupRoot, pod)}/${id}`);
    if (used !== undefined && used >= to.memoryLimit) {
      const name = JSON.stringify(container.name);
      problems.push(
        `attempting to set container ${name} memory limit (${to.memoryLimit}) below current usage (${used})`,
      );
    }
  }
  if (problems.length === 0) return;
  const text = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`;
  throw new KubeletError('resize', `cannot decrease memory limits: ${text}`);
}
