/**
 * Holds the number that the metrics ask for to the limits, and to how fast and how soon it may change.
 * https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#configurable-scaling-behavior
 */
import type { HorizontalPodAutoscalerSpec, HPAScalingRules } from '#api/gen/autoscaling-v2.js';

interface Sample {
  /** What was recommended, or by how many the number was changed. */
  replicas: number;
  atMs: number;
}

/** What is remembered of an autoscaler; lost at a restart, as upstream's is. */
export interface History {
  recommendations: readonly Sample[];
  added: readonly Sample[];
  removed: readonly Sample[];
}

export interface Request {
  spec: HorizontalPodAutoscalerSpec;
  current: number;
  /** What the metrics ask for. */
  wanted: number;
  history: History;
  nowMs: number;
  /** For autoscalers that have none of their own. */
  downscaleWindowMs: number;
}

interface Verdict {
  reason: string;
  message: string;
}

export interface Decision {
  replicas: number;
  able: Verdict;
  limited: Verdict & { isLimited: boolean };
  history: History;
}

export function minReplicasOf({ minReplicas = 1 }: HorizontalPodAutoscalerSpec): number {
  return minReplicas;
}

export function decide(request: Request): Decision {
  const { spec, wanted, history, nowMs } = request;
  const stabilized = spec.behavior ? stabilize(request) : stabilizeByDefault(request);
  const limit = spec.behavior
    ? limitByRules(request, stabilized.replicas)
    : limitByDefault(request, stabilized.replicas);
  const able = stabilized.replicas === wanted ? verdictOf('ReadyForNewScale') : stabilized.verdict;
  const isLimited = limit.replicas !== stabilized.replicas;
  const kept = history.recommendations.filter(({ atMs }) => atMs >= nowMs - stabilized.windowMs);
  const recommendations = [...kept, { replicas: wanted, atMs: nowMs }];
  const limited = { ...limit.verdict, isLimited };
  return { replicas: limit.replicas, able, limited, history: { ...history, recommendations } };
}

/** After the number was changed. Changes older than the longest period of any policy play no part any more. */
export function recordChange(
  history: History,
  { spec, from, to, nowMs }: { spec: HorizontalPodAutoscalerSpec; from: number; to: number; nowMs: number },
): History {
  const { behavior } = spec;
  if (!behavior) return history;
  const all = [...(behavior.scaleUp?.policies ?? []), ...(behavior.scaleDown?.policies ?? [])];
  const longestMs = 1000 * Math.max(0, ...all.map(({ periodSeconds }) => periodSeconds));
  const recent = (samples: readonly Sample[]) => samples.filter(({ atMs }) => atMs >= nowMs - longestMs);
  const sample = { replicas: Math.abs(to - from), atMs: nowMs };
  if (to > from) return { ...history, added: [...recent(history.added), sample] };
  return { ...history, removed: [...recent(history.removed), sample] };
}

const messages = {
  ScaleUpStabilized: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
  ScaleDownStabilized:
    'recent recommendations were higher than current one, applying the highest recent recommendation',
  ReadyForNewScale: 'recommended size matches current size',
  DesiredWithinRange: 'the desired count is within the acceptable range',
  TooManyReplicas: 'the desired replica count is more than the maximum replica count',
  TooFewReplicas: 'the desired replica count is less than the minimum replica count',
  ScaleUpLimit: 'the desired replica count is increasing faster than the maximum scale rate',
  ScaleDownLimit: 'the desired replica count is decreasing faster than the maximum scale rate',
};

function verdictOf(reason: keyof typeof messages): Verdict {
  return { reason, message: messages[reason] };
}

interface Stabilized {
  replicas: number;
  verdict: Verdict;
  windowMs: number;
}

function stabilizeByDefault({ wanted, history, nowMs, downscaleWindowMs: windowMs }: Request): Stabilized {
  const recent = history.recommendations.filter(({ atMs }) => atMs >= nowMs - windowMs);
  const replicas = Math.max(wanted, ...recent.map((one) => one.replicas));
  return { replicas, verdict: verdictOf('ScaleDownStabilized'), windowMs };
}

/** Up at most to the lowest that was asked for of late, down at most to the highest. */
function stabilize({ spec, current, wanted, history, nowMs, downscaleWindowMs }: Request): Stabilized {
  const { scaleUp, scaleDown } = spec.behavior ?? {};
  const upMs = 1000 * (scaleUp?.stabilizationWindowSeconds ?? 0);
  const ownSeconds = scaleDown?.stabilizationWindowSeconds;
  const downMs = ownSeconds === undefined ? downscaleWindowMs : 1000 * ownSeconds;
  const within = (windowMs: number) =>
    history.recommendations.filter(({ atMs }) => atMs > nowMs - windowMs).map((one) => one.replicas);
  const lowest = Math.min(wanted, ...within(upMs));
  const highest = Math.max(wanted, ...within(downMs));
  const replicas = Math.min(Math.max(current, lowest), highest);
  const verdict = verdictOf(wanted >= current ? 'ScaleUpStabilized' : 'ScaleDownStabilized');
  return { replicas, verdict, windowMs: Math.max(upMs, downMs) };
}

interface Limit {
  replicas: number;
  verdict: Verdict;
}

/** Without rules of its own, an autoscaler may double, or go to four. */
function limitByDefault({ spec, current }: Request, wanted: number): Limit {
  const min = minReplicasOf(spec);
  if (wanted < min) return { replicas: min, verdict: verdictOf('TooFewReplicas') };
  const fastest = Math.max(2 * current, 4);
  const max = Math.min(spec.maxReplicas, fastest);
  if (wanted > max)
    return { replicas: max, verdict: verdictOf(spec.maxReplicas > fastest ? 'ScaleUpLimit' : 'TooManyReplicas') };
  return { replicas: wanted, verdict: verdictOf('DesiredWithinRange') };
}

function limitByRules({ spec, current, history, nowMs }: Request, wanted: number): Limit {
  const { scaleUp = {}, scaleDown = {} } = spec.behavior ?? {};
  const startOf = (periodSeconds: number) => {
    const changed = (samples: readonly Sample[]) =>
      samples.reduce(
        (total, { replicas, atMs }) => (atMs > nowMs - periodSeconds * 1000 ? total + replicas : total),
        0,
      );
    return current - changed(history.added) + changed(history.removed);
  };
  if (wanted > current) {
    const fastest = Math.max(rateLimit(scaleUp, { current, startOf, direction: 1 }), current);
    const max = Math.min(spec.maxReplicas, fastest);
    if (wanted > max)
      return { replicas: max, verdict: verdictOf(spec.maxReplicas > fastest ? 'ScaleUpLimit' : 'TooManyReplicas') };
  } else if (wanted < current) {
    const fastest = Math.min(rateLimit(scaleDown, { current, startOf, direction: -1 }), current);
    const min = Math.max(minReplicasOf(spec), fastest);
    if (wanted < min)
      return { replicas: min, verdict: verdictOf(minReplicasOf(spec) < fastest ? 'ScaleDownLimit' : 'TooFewReplicas') };
  }
  return { replicas: wanted, verdict: verdictOf('DesiredWithinRange') };
}

/** How far the policies let the number go from what it was when their period began. */
function rateLimit(
  { policies = [], selectPolicy = 'Max' }: HPAScalingRules,
  { current, startOf, direction }: { current: number; startOf(periodSeconds: number): number; direction: 1 | -1 },
): number {
  if (selectPolicy === 'Disabled') return current;
  const limits = policies.map(({ type, value, periodSeconds }) => {
    const start = startOf(periodSeconds);
    if (type === 'Pods') return start + direction * value;
    const share = start * (1 + (direction * value) / 100);
    return direction === 1 ? Math.ceil(share) : Math.trunc(share);
  });
  // The largest change up is the highest number, the largest change down the lowest.
  return (selectPolicy === 'Min') === (direction === 1) ? Math.min(...limits) : Math.max(...limits);
}
