/** One turn of an autoscaler: reads the scale of its target, asks the metrics, decides, writes, and tells of it. */
import autoscalers from '#api/autoscaling/horizontalpodautoscaler/index.js';
import pods from '#api/core/pod/index.js';
import type { Scale } from '#api/gen/autoscaling-v1.js';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '#api/gen/autoscaling-v2.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { ResourceRef } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import { formatTime, parseApiVersion } from '#apimachinery/object.js';
import { type LabelSelector, nothing, parseLabelSelector } from '#apimachinery/selectors.js';
import { equal } from '#base/json.js';
import { keyOf } from '#client/informer.js';
import type { ControllerContext } from '../runtime.js';
import { decide, type History, minReplicasOf, recordChange } from './behavior.js';
import { AutoscalerFailure, isExpected } from './failure.js';
import type { KindMap } from './kind-map.js';
import { type Proposal, proposalOf, tolerancesOf } from './metric.js';
import type { MetricsApis } from './metrics-apis.js';

export interface State {
  kinds: KindMap;
  apis: MetricsApis;
  histories: Map<string, History>;
  /** Of each autoscaler's target, as last seen: no pod may have two. */
  selectors: Map<string, { namespace: string; selector: LabelSelector }>;
}

type Context = ControllerContext<State>;

/** As client-go tries again after conflicts. */
const writesMax = 5;
const conflictDelayMs = 10;

/** The status as it grows during a turn. */
class Turn {
  readonly autoscaler: HorizontalPodAutoscaler;
  readonly #context: Context;
  #status: HorizontalPodAutoscalerStatus;

  constructor(autoscaler: HorizontalPodAutoscaler, context: Context) {
    this.autoscaler = autoscaler;
    this.#context = context;
    this.#status = autoscaler.status ?? { desiredReplicas: 0 };
  }

  event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#context.recorder.event(this.autoscaler, { type, reason, message });
  }

  condition(type: string, isTrue: boolean, { reason, message }: { reason: string; message: string }): void {
    const { conditions = [] } = this.#status;
    const old = conditions.find((one) => one.type === type);
    const status = isTrue ? 'True' : 'False';
    const isSame = old?.status === status;
    const lastTransitionTime = isSame ? old.lastTransitionTime : formatTime(this.#context.clock.now());
    const condition: HorizontalPodAutoscalerCondition = { type, status, lastTransitionTime, reason, message };
    const next = old ? conditions.map((one) => (one === old ? condition : one)) : [...conditions, condition];
    this.#status = { ...this.#status, conditions: next };
  }

  /** Recreates the status; `desired` is left as it was when none could be found. */
  result(
    currentReplicas: number,
    metrics: MetricStatus[] | undefined,
    desired?: { replicas: number; changed: boolean },
  ) {
    const { lastScaleTime, conditions, desiredReplicas } = this.#status;
    this.#status = {
      lastScaleTime: desired?.changed ? formatTime(this.#context.clock.now()) : lastScaleTime,
      currentReplicas,
      desiredReplicas: desired?.replicas ?? desiredReplicas,
      ...(metrics && { currentMetrics: metrics }),
      conditions,
    };
  }

  async write(): Promise<void> {
    const { autoscaler } = this;
    const plain = (value: unknown) => JSON.parse(JSON.stringify(value ?? {})) as unknown;
    if (equal(plain(autoscaler.status), plain(this.#status))) return;
    try {
      await this.#context.client.of(autoscalers).updateStatus({ ...autoscaler, status: this.#status });
    } catch (error) {
      if (isExpected(error)) this.event('Warning', 'FailedUpdateStatus', error.message);
      throw error;
    }
  }
}

export async function autoscale(autoscaler: HorizontalPodAutoscaler, context: Context): Promise<void> {
  const turn = new Turn(autoscaler, context);
  const { state, clock } = context;
  const key = keyOf(autoscaler);
  const target = await targetOf(turn, context);
  if (!target) return await turn.write();
  const current = target.scale.spec?.replicas ?? 0;
  const began: History = { recommendations: [{ replicas: current, atMs: clock.now() }], added: [], removed: [] };
  if (!state.histories.has(key)) state.histories.set(key, began);
  const { spec } = autoscaler;
  const min = minReplicasOf(spec);
  if (current === 0 && min !== 0) {
    const message = 'scaling is disabled since the replica count of the target is zero';
    turn.condition('ScalingActive', false, { reason: 'ScalingDisabled', message });
    turn.result(current, undefined, { replicas: current, changed: false });
  } else if (current > spec.maxReplicas) {
    const why = 'Current number of replicas above Spec.MaxReplicas';
    await rescale(turn, { target, context, to: spec.maxReplicas, why, metrics: undefined });
  } else if (current < min) {
    const why = 'Current number of replicas below Spec.MinReplicas';
    await rescale(turn, { target, context, to: min, why, metrics: undefined });
  } else await followMetrics(turn, target, context);
  await turn.write();
}

interface Target {
  resource: ResourceRef;
  scale: Scale;
}

/** undefined, when it is told why: the target cannot be had. */
async function targetOf(turn: Turn, { client, state }: Context): Promise<Target | undefined> {
  const { metadata, spec } = turn.autoscaler;
  const { kind, name, apiVersion = '' } = spec.scaleTargetRef;
  try {
    if (apiVersion.split('/').length > 2) throw new AutoscalerFailure(`unexpected GroupVersion string: ${apiVersion}`);
    const { group } = parseApiVersion(apiVersion);
    let first: unknown;
    for (const resource of await state.kinds.resourcesOf({ group, kind })) {
      try {
        const { namespace } = metadata;
        const request = { method: 'GET', name, namespace, subresource: 'scale' } as const;
        const scale = await client.of(resource).subresource<Scale>(request);
        const message = "the HPA controller was able to get the target's current scale";
        turn.condition('AbleToScale', true, { reason: 'SucceededGetScale', message });
        return { resource, scale };
      } catch (error) {
        first ??= error;
      }
    }
    throw first;
  } catch (error) {
    if (!isExpected(error)) throw error;
    const reason = 'FailedGetScale';
    turn.event('Warning', reason, error.message);
    const message = `the HPA controller was unable to get the target's current scale: ${error.message}`;
    turn.condition('AbleToScale', false, { reason, message });
    return undefined;
  }
}

async function followMetrics(turn: Turn, target: Target, context: Context): Promise<void> {
  const { autoscaler } = turn;
  const { state, clock, settings } = context;
  const key = keyOf(autoscaler);
  const current = target.scale.spec?.replicas ?? 0;
  const asked = await askMetrics(turn, target.scale, context);
  if (!('best' in asked)) {
    turn.result(current, asked.metrics);
    turn.event('Warning', 'FailedComputeMetricsReplicas', asked.failure);
    return;
  }
  const { best, metrics } = asked;
  const wanted = best.replicas;
  const why = wanted > current ? `${best.name} above target` : wanted < current ? 'All metrics below target' : '';
  const history = state.histories.get(key)!;
  const { horizontalPodAutoscalerDownscaleStabilization: downscaleWindowMs } = settings;
  const request = { spec: autoscaler.spec, current, wanted, history, nowMs: clock.now(), downscaleWindowMs };
  const decision = decide(request);
  state.histories.set(key, decision.history);
  turn.condition('AbleToScale', true, decision.able);
  turn.condition('ScalingLimited', decision.limited.isLimited, decision.limited);
  if (decision.replicas === current) turn.result(current, metrics, { replicas: current, changed: false });
  else await rescale(turn, { target, context, to: decision.replicas, why, metrics });
}

type Asked =
  | { best: Pick<Proposal, 'replicas' | 'name'>; metrics: MetricStatus[] }
  | { failure: string; metrics: MetricStatus[] | undefined };

/** The highest number that any metric asks for. One that cannot be had keeps the number from falling. */
async function askMetrics(turn: Turn, scale: Scale, context: Context): Promise<Asked> {
  const { autoscaler } = turn;
  const { state, informers, clock, settings } = context;
  const { namespace = '' } = autoscaler.metadata;
  const chosen = choosePods(turn, scale, informers.of(pods).inNamespace(namespace), state);
  if (typeof chosen === 'string') return { failure: chosen, metrics: undefined };
  const specReplicas = scale.spec?.replicas ?? 0;
  const scene = {
    ...chosen,
    namespace,
    apis: state.apis,
    specReplicas,
    statusReplicas: scale.status?.replicas ?? 0,
    tolerances: tolerancesOf(autoscaler, settings.horizontalPodAutoscalerTolerance),
    starting: {
      initializationMs: settings.horizontalPodAutoscalerCpuInitializationPeriod,
      initialReadinessMs: settings.horizontalPodAutoscalerInitialReadinessDelay,
    },
    nowMs: clock.now(),
  };
  const specs = autoscaler.spec.metrics ?? [];
  const metrics: MetricStatus[] = [];
  let best = { replicas: 0, name: '' };
  let first: { reason: string; message: string; summary: string } | undefined;
  let failed = 0;
  for (const spec of specs) {
    const answer = await proposalOf(spec, scene);
    if ('replicas' in answer) {
      if (best.replicas === 0 || answer.replicas > best.replicas) best = answer;
      metrics.push(answer.status);
      continue;
    }
    turn.event('Warning', answer.reason, answer.message);
    first ??= answer;
    failed++;
    // Its place in the list stays, empty.
    metrics.push({ type: '' });
  }
  if (first && (failed === specs.length || best.replicas < specReplicas)) {
    const message = `the HPA was unable to compute the replica count: ${first.message}`;
    turn.condition('ScalingActive', false, { reason: first.reason, message });
    const failure = `invalid metrics (${failed} invalid out of ${specs.length}), first error is: ${first.summary}`;
    return { failure, metrics };
  }
  const message = `the HPA was able to successfully calculate a replica count from ${best.name}`;
  turn.condition('ScalingActive', true, { reason: 'ValidMetricFound', message });
  return { best, metrics };
}

/** The pods of the target, or why they cannot be told, which is then told. */
function choosePods(
  turn: Turn,
  scale: Scale,
  all: readonly Pod[],
  { selectors }: State,
): { selector: LabelSelector; pods: Pod[] } | string {
  const { autoscaler } = turn;
  const { namespace = '' } = autoscaler.metadata;
  const refuse = (message: string, { event, shown = message }: { event: string; shown?: string }) => {
    turn.event('Warning', event, message);
    const reason = event === 'SelectorRequired' ? 'InvalidSelector' : event;
    turn.condition('ScalingActive', false, { reason, message: shown });
    return message;
  };
  const { selector: text = '' } = scale.status ?? {};
  if (!text)
    return refuse('selector is required', {
      event: 'SelectorRequired',
      shown: "the HPA target's scale is missing a selector",
    });
  let selector = nothing;
  try {
    selector = parseLabelSelector(text);
  } catch (error) {
    if (!isExpected(error)) throw error;
    const message = `couldn't convert selector into a corresponding internal selector object: ${error.message}`;
    return refuse(message, { event: 'InvalidSelector' });
  }
  selectors.set(keyOf(autoscaler), { namespace, selector });
  const own = all.filter(({ metadata }) => selector.matches(metadata.labels));
  const others = [...selectors].filter(
    ([, other]) => other.namespace === namespace && own.some(({ metadata }) => other.selector.matches(metadata.labels)),
  );
  if (others.length <= 1) return { selector, pods: own };
  const keys = others.map(([key]) => key).sort();
  const message = `pods by selector ${text} are controlled by multiple HPAs: [${keys.join(' ')}]`;
  return refuse(message, { event: 'AmbiguousSelector' });
}

interface Rescale {
  target: Target;
  context: Context;
  to: number;
  /** What the event says. */
  why: string;
  metrics: MetricStatus[] | undefined;
}

async function rescale(turn: Turn, { target, context, to, why, metrics }: Rescale): Promise<void> {
  const { autoscaler } = turn;
  const { state, clock } = context;
  const from = target.scale.spec?.replicas ?? 0;
  try {
    await writeScale(turn, { target, to }, context);
  } catch (error) {
    if (!isExpected(error)) throw error;
    turn.event('Warning', 'FailedRescale', `New size: ${to}; reason: ${why}; error: ${error.message}`);
    const message = `the HPA controller was unable to update the target scale: ${error.message}`;
    turn.condition('AbleToScale', false, { reason: 'FailedUpdateScale', message });
    turn.result(from, autoscaler.status?.currentMetrics);
    return;
  }
  const message = `the HPA controller was able to update the target scale to ${to}`;
  turn.condition('AbleToScale', true, { reason: 'SucceededRescale', message });
  turn.event('Normal', 'SuccessfulRescale', `New size: ${to}; reason: ${why}`);
  const key = keyOf(autoscaler);
  const change = { spec: autoscaler.spec, from, to, nowMs: clock.now() };
  state.histories.set(key, recordChange(state.histories.get(key)!, change));
  turn.result(from, metrics, { replicas: to, changed: true });
}

/** The target's own status may have been written since the scale was read: that is no reason to fail. */
async function writeScale(
  { autoscaler }: Turn,
  { target, to }: Pick<Rescale, 'target' | 'to'>,
  { client, clock }: Context,
): Promise<void> {
  const { namespace } = autoscaler.metadata;
  const { name } = autoscaler.spec.scaleTargetRef;
  const request = { name, namespace, subresource: 'scale' };
  const scales = client.of(target.resource);
  let { scale } = target;
  for (let attempt = 1; ; attempt++) {
    const body = { ...scale, spec: { ...scale.spec, replicas: to } };
    try {
      await scales.subresource({ ...request, method: 'PUT', body });
      return;
    } catch (error) {
      if (!isReason(error, 'Conflict') || attempt === writesMax) throw error;
    }
    await clock.sleep(conflictDelayMs);
    scale = await scales.subresource<Scale>({ ...request, method: 'GET' });
  }
}
