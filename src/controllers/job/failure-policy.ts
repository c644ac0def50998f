/**
 * What a failed pod means for its Job, by the rules of `podFailurePolicy`; the first that fits decides.
 * https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
 */
import type { Job, PodFailurePolicyOnExitCodesRequirement } from '#api/gen/batch-v1.js';
import type { ContainerStatus, Pod } from '#api/gen/core-v1.js';

export interface Verdict {
  /** Whether it counts towards the limits. */
  counts: boolean;
  failsIndex?: boolean;
  /** Why it ends the whole Job, where it does. */
  failsJob?: string;
}

export function judge({ spec }: Job, pod: Pod): Verdict {
  const { namespace, name } = pod.metadata;
  for (const [place, { action, onExitCodes, onPodConditions }] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const rule = `matching ${action} rule at index ${place}`;
    if (onExitCodes) {
      const container = containerThatExited(pod, onExitCodes);
      const code = container?.state?.terminated?.exitCode;
      const why = `Container ${container?.name} for pod ${namespace}/${name} failed with exit code ${code} ${rule}`;
      if (container) return verdict(action, why);
    } else if (onPodConditions) {
      const condition = pod.status?.conditions?.find(({ type, status }) =>
        onPodConditions.some((pattern) => pattern.type === type && pattern.status === status),
      );
      if (condition) return verdict(action, `Pod ${namespace}/${name} has condition ${condition.type} ${rule}`);
    }
  }
  return { counts: true };
}

function verdict(action: string, why: string): Verdict {
  if (action === 'Ignore') return { counts: false };
  if (action === 'FailIndex') return { counts: true, failsIndex: true };
  return action === 'FailJob' ? { counts: true, failsJob: why } : { counts: true };
}

function containerThatExited(
  { status = {} }: Pod,
  { containerName, operator, values }: PodFailurePolicyOnExitCodesRequirement,
): ContainerStatus | undefined {
  const all = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
  return all.find(({ name, state }) => {
    const code = state?.terminated?.exitCode ?? 0;
    if (code === 0 || (containerName !== undefined && containerName !== name)) return false;
    return values.includes(code) === (operator === 'In');
  });
}
