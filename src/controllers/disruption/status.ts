/** What a budget's status says: how many pods are healthy, how many may go, and which are going. */
import type { Pod } from '#api/gen/core-v1.js';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/gen/policy-v1.js';
import { formatTime } from '#apimachinery/object.js';
import { isReady } from '../pod-state.js';
import type { Expected } from './expected.js';

/** A pod that was let go, and is not deleted after so long, counts again. */
const deletionTimeoutMs = 120_000;
const conditionType = 'DisruptionAllowed';

export interface Disrupted {
  pods: Record<string, string>;
  /** Those that should have been deleted by now. */
  late: Pod[];
  /** When the next one will be late. */
  recheckMs: number | undefined;
}

export function disruptedPods({ status }: PodDisruptionBudget, pods: readonly Pod[], nowMs: number): Disrupted {
  const disrupted: Disrupted = { pods: {}, late: [], recheckMs: undefined };
  for (const pod of pods) {
    const { name = '', deletionTimestamp } = pod.metadata;
    const known = status?.disruptedPods ?? {};
    const since = !deletionTimestamp && Object.hasOwn(known, name) ? known[name] : undefined;
    if (since === undefined) continue;
    const lateInMs = Date.parse(since) + deletionTimeoutMs - nowMs;
    if (lateInMs < 0) disrupted.late.push(pod);
    else {
      disrupted.pods[name] = since;
      disrupted.recheckMs = Math.min(disrupted.recheckMs ?? lateInMs, lateInMs);
    }
  }
  return disrupted;
}

export function nextStatus(
  { metadata, status }: PodDisruptionBudget,
  {
    pods,
    disrupted,
    expected,
    nowMs,
  }: { pods: readonly Pod[]; disrupted: Disrupted; expected: Expected; nowMs: number },
): PodDisruptionBudgetStatus {
  const { expectedPods, desiredHealthy } = expected;
  const isHealthy = (pod: Pod) =>
    !pod.metadata.deletionTimestamp && !Object.hasOwn(disrupted.pods, pod.metadata.name ?? '') && isReady(pod);
  const currentHealthy = pods.filter(isHealthy).length;
  // Where no pods are expected, the first may come before they have been counted.
  const disruptionsAllowed = expectedPods > 0 ? Math.max(currentHealthy - desiredHealthy, 0) : 0;
  const isAllowed = disruptionsAllowed > 0;
  const condition = {
    status: isAllowed ? 'True' : 'False',
    reason: isAllowed ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    observedGeneration: metadata.generation,
  };
  return {
    observedGeneration: metadata.generation,
    disruptedPods: Object.keys(disrupted.pods).length > 0 ? disrupted.pods : undefined,
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    conditions: withCondition(status, condition, nowMs),
  };
}

/** What cannot be reckoned must not let pods go. */
export function failedStatus(
  { status = {} }: PodDisruptionBudget,
  { message, nowMs }: { message: string; nowMs: number },
): PodDisruptionBudgetStatus {
  const { observedGeneration, currentHealthy = 0, desiredHealthy = 0, expectedPods = 0 } = status;
  const condition = { status: 'False', reason: 'SyncFailed', message, observedGeneration };
  const counts = { disruptionsAllowed: 0, currentHealthy, desiredHealthy, expectedPods };
  return { ...status, ...counts, conditions: withCondition(status, condition, nowMs) };
}

function withCondition(
  status: PodDisruptionBudgetStatus | undefined,
  condition: { status: string; reason: string; message: string; observedGeneration: number | undefined },
  nowMs: number,
): PodDisruptionBudgetStatus['conditions'] {
  const before = status?.conditions ?? [];
  const old = before.find(({ type }) => type === conditionType);
  const lastTransitionTime = old?.status === condition.status ? old.lastTransitionTime : formatTime(nowMs);
  const next = { type: conditionType, ...condition, lastTransitionTime };
  return old ? before.map((one) => (one === old ? next : one)) : [...before, next];
}
