/** What one metric of an autoscaler's asks for, what is shown of it, and what it is called when it makes the difference. */
import type {
  ExternalMetricSource,
  HorizontalPodAutoscaler,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  ObjectMetricSource,
  PodsMetricSource,
} from '#api/gen/autoscaling-v2.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { LabelSelector as LabelSelectorObject } from '#api/gen/meta-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { everything, type LabelSelector, labelSelectorFrom } from '#apimachinery/selectors.js';
import { AutoscalerFailure, isExpected, saying } from './failure.js';
import type { MetricsApis } from './metrics-apis.js';
import {
  replicasForAverage,
  replicasForShare,
  replicasForUtilization,
  replicasForValue,
  type Starting,
  type Tolerances,
} from './usage.js';

export interface Scene {
  namespace: string;
  apis: MetricsApis;
  selector: LabelSelector;
  /** Those that the selector matches. */
  pods: readonly Pod[];
  specReplicas: number;
  statusReplicas: number;
  tolerances: Tolerances;
  starting: Starting;
  nowMs: number;
}

export interface Proposal {
  replicas: number;
  /** How upstream calls the metric in reasons. */
  name: string;
  status: MetricStatus;
}

export interface Refusal {
  /** Of the condition and of the event. */
  reason: string;
  /** What these say. */
  message: string;
  /** What the event that sums up says. */
  summary: string;
}

interface Source {
  /** Of the condition when it cannot be had. */
  reason: string;
  /** What is said before it in the summary. */
  summary: string;
  propose(scene: Scene): Promise<Proposal>;
}

export async function proposalOf(spec: MetricSpec, scene: Scene): Promise<Proposal | Refusal> {
  const source = sourceOf(spec);
  try {
    return await source.propose(scene);
  } catch (error) {
    if (!isExpected(error)) throw error;
    const { message } = error;
    return { reason: source.reason, message, summary: source.summary ? `${source.summary}: ${message}` : message };
  }
}

export function tolerancesOf({ spec }: HorizontalPodAutoscaler, fallback: number): Tolerances {
  const of = (own: string | undefined) => (own === undefined ? fallback : Quantity.parse(own).toNumber());
  const { scaleUp, scaleDown } = spec.behavior ?? {};
  return { scaleUp: of(scaleUp?.tolerance), scaleDown: of(scaleDown?.tolerance) };
}

function sourceOf({ type, resource, containerResource, pods, object, external }: MetricSpec): Source {
  if (type === 'Resource' && resource) {
    const { name } = resource;
    return {
      reason: 'FailedGetResourceMetric',
      summary: `failed to get ${name} resource metric value`,
      propose: async (scene) => {
        const { current, ...proposed } = await proposeResource(scene, resource);
        return { ...proposed, status: { type, resource: { name, current } } };
      },
    };
  }
  if (type === 'ContainerResource' && containerResource) {
    const { name, container } = containerResource;
    return {
      reason: 'FailedGetContainerResourceMetric',
      summary: `failed to get ${container} container metric value`,
      propose: async (scene) => {
        const { current, ...proposed } = await proposeResource(scene, containerResource);
        return { ...proposed, status: { type, containerResource: { name, container, current } } };
      },
    };
  }
  if (type === 'Pods' && pods)
    return {
      reason: 'FailedGetPodsMetric',
      summary: 'failed to get pods metric value',
      propose: (scene) => proposePods(scene, pods),
    };
  if (type === 'Object' && object)
    return {
      reason: 'FailedGetObjectMetric',
      summary: 'failed to get object metric value',
      propose: (scene) => proposeObject(scene, object),
    };
  if (type === 'External' && external)
    return {
      reason: 'FailedGetExternalMetric',
      summary: `failed to get ${external.metric.name} external metric value`,
      propose: (scene) => proposeExternal(scene, external),
    };
  return {
    reason: 'InvalidMetricSourceType',
    summary: '',
    propose: () => Promise.reject(new AutoscalerFailure(`unknown metric source type ${JSON.stringify(type)}`)),
  };
}

async function proposeResource(
  scene: Scene,
  { name, target, container }: { name: string; target: MetricTarget; container?: string },
) {
  const load = async () => {
    const measurements = await scene.apis.resource(name, { ...scene, container });
    return { ...scene, currentReplicas: scene.specReplicas, resource: name, measurements };
  };
  // As metrics-server shows them: memory in Ki, Mi.
  const format = name === 'memory' ? 'BinarySI' : 'DecimalSI';
  if (target.averageValue !== undefined) {
    const wanted = milli(target.averageValue);
    const found = await saying(`failed to get ${name} usage`, async () => replicasForAverage(await load(), wanted));
    const current = { averageValue: quantity(found.average, format) };
    return { replicas: found.replicas, name: `${name} resource`, current };
  }
  const { averageUtilization } = target;
  if (averageUtilization === undefined) {
    const neither = 'neither an average utilization target nor an average value (usage) target was set';
    throw new AutoscalerFailure(`invalid resource metric source: ${neither}`);
  }
  const { replicas, utilization, average } = await saying(`failed to get ${name} utilization`, async () =>
    replicasForUtilization(await load(), { target: averageUtilization, container }),
  );
  const what = container === undefined ? 'resource' : 'container resource';
  const current = { averageUtilization: utilization, averageValue: quantity(average, format) };
  return { replicas, name: `${name} ${what} utilization (percentage of request)`, current };
}

async function proposePods(scene: Scene, { metric, target }: PodsMetricSource): Promise<Proposal> {
  const metricSelector = selectorOf(metric).toString();
  const measurements = await scene.apis.pods(metric.name, { ...scene, metricSelector });
  const load = { ...scene, currentReplicas: scene.specReplicas, resource: '', measurements };
  const { replicas, average } = replicasForAverage(load, milli(target.averageValue));
  const current = { averageValue: quantity(average) };
  return { replicas, name: `pods metric ${metric.name}`, status: { type: 'Pods', pods: { metric, current } } };
}

async function proposeObject(scene: Scene, source: ObjectMetricSource): Promise<Proposal> {
  const { metric, target, describedObject } = source;
  const metricSelector = selectorOf(metric).toString();
  const value = () => scene.apis.object(metric.name, describedObject, { ...scene, metricSelector });
  const proposal = (replicas: number, name: string, current: object): Proposal => {
    return { replicas, name, status: { type: 'Object', object: { describedObject, metric, current } } };
  };
  if (target.type === 'Value' && target.value !== undefined) {
    const found = await value();
    const replicas = replicasForValue(ofSpec(scene), { value: found, target: milli(target.value) });
    return proposal(replicas, `${describedObject.kind} metric ${metric.name}`, { value: quantity(found) });
  }
  if (target.type === 'AverageValue' && target.averageValue !== undefined) {
    const found = await saying(`failed to get ${metric.name} object metric`, value);
    const shared = replicasForShare(ofStatus(scene), { value: found, target: milli(target.averageValue) });
    return proposal(shared.replicas, externalName(metric), { averageValue: quantity(shared.average) });
  }
  throw neitherTarget('object');
}

async function proposeExternal(scene: Scene, { metric, target }: ExternalMetricSource): Promise<Proposal> {
  const value = async () => {
    const selector = selectorOf(metric);
    return await scene.apis.external(metric.name, { ...scene, selector, text: selectorText(metric.selector) });
  };
  const proposal = (replicas: number, current: object): Proposal => {
    return { replicas, name: externalName(metric), status: { type: 'External', external: { metric, current } } };
  };
  if (target.averageValue !== undefined) {
    const found = await saying(`failed to get ${metric.name} external metric`, value);
    const shared = replicasForShare(ofStatus(scene), { value: found, target: milli(target.averageValue) });
    return proposal(shared.replicas, { averageValue: quantity(shared.average) });
  }
  if (target.value === undefined) throw neitherTarget('external');
  const wanted = milli(target.value);
  return await saying(`failed to get external metric ${metric.name}`, async () => {
    const found = await value();
    return proposal(replicasForValue(ofSpec(scene), { value: found, target: wanted }), { value: quantity(found) });
  });
}

function ofSpec(scene: Scene) {
  return { ...scene, currentReplicas: scene.specReplicas };
}

function ofStatus(scene: Scene) {
  return { ...scene, currentReplicas: scene.statusReplicas };
}

function neitherTarget(source: string): AutoscalerFailure {
  const neither = 'neither a value target nor an average value target was set';
  return new AutoscalerFailure(`invalid ${source} metric source: ${neither}`);
}

/** Without a selector all series of a metric count. */
function selectorOf({ selector }: MetricIdentifier): LabelSelector {
  return selector ? labelSelectorFrom(selector) : everything;
}

function milli(text: string | number | undefined): number {
  return Quantity.parse(text ?? '0').milliNumber();
}

function quantity(thousandths: number, format: 'BinarySI' | 'DecimalSI' = 'DecimalSI'): string {
  return Quantity.ofMilli(Math.trunc(thousandths), format).toString();
}

function externalName({ name, selector }: MetricIdentifier): string {
  return `external metric ${name}(${selectorText(selector)})`;
}

/** As Go prints a LabelSelector, which clients see in messages. */
export function selectorText(selector: LabelSelectorObject | undefined): string {
  if (!selector) return 'nil';
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const labels = Object.keys(matchLabels).sort();
  const pairs = labels.map((key) => `${key}: ${matchLabels[key]},`).join('');
  const requirements = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  const all = `MatchExpressions:[]LabelSelectorRequirement{${requirements.join('')}}`;
  return `&LabelSelector{MatchLabels:map[string]string{${pairs}},${all},}`;
}
