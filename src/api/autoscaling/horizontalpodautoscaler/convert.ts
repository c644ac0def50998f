/**
 * HorizontalPodAutoscalers of autoscaling/v1 and v2. The older version knows of processor time only; the rest stands in
 * annotations of it, so that nothing is lost on the way there and back.
 */
import type * as v1 from '#api/gen/autoscaling-v1.js';
import type * as v2 from '#api/gen/autoscaling-v2.js';
import { canonicalize } from '#apimachinery/codec/canonical.js';
import { planOf } from '#apimachinery/codec/plan.js';
import { SchemaError } from '#apimachinery/codec/schema-error.js';
import type { KubeObject, ObjectMeta } from '#apimachinery/object.js';
import { ParseError } from '#apimachinery/parse-error.js';
import { builtinSchemas } from '../../schema-table.js';
import { metricSpecFromV1, metricSpecToV1, metricStatusFromV1, metricStatusToV1 } from './convert-metrics.js';
import { defaultMetric } from './defaults.js';

export function convertAutoscalers(objects: readonly KubeObject[], version: string): KubeObject[] {
  return objects.map((object) =>
    version === 'v1' ? toV1(object as v2.HorizontalPodAutoscaler) : fromV1(object as v1.HorizontalPodAutoscaler),
  );
}

const annotationOf = {
  metrics: 'autoscaling.alpha.kubernetes.io/metrics',
  behavior: 'autoscaling.alpha.kubernetes.io/behavior',
  currentMetrics: 'autoscaling.alpha.kubernetes.io/current-metrics',
  conditions: 'autoscaling.alpha.kubernetes.io/conditions',
};

function toV1({ kind, metadata, spec, status }: v2.HorizontalPodAutoscaler): v1.HorizontalPodAutoscaler {
  const { scaleTargetRef, minReplicas, maxReplicas, metrics = [], behavior } = spec ?? {};
  const others = metrics.filter((metric) => !isCpuShare(metric));
  const { currentMetrics = [], conditions = [] } = status ?? {};
  const cpu = metrics.find(({ type, resource }) => type === 'Resource' && resource?.name === 'cpu');
  return {
    apiVersion: 'autoscaling/v1',
    kind,
    metadata: withAnnotations(metadata, {
      [annotationOf.metrics]: others.length > 0 ? others.map(metricSpecToV1) : undefined,
      [annotationOf.behavior]: behavior && goBehavior(behavior),
      [annotationOf.currentMetrics]: currentMetrics.length > 0 ? currentMetrics.map(metricStatusToV1) : undefined,
      [annotationOf.conditions]: conditions.length > 0 ? conditions : undefined,
    }),
    spec: defined({
      scaleTargetRef,
      minReplicas,
      maxReplicas,
      targetCPUUtilizationPercentage: cpu?.resource?.target?.averageUtilization,
    }),
    ...(status && { status: statusToV1(status) }),
  };
}

/** What the older version has a field for. */
function isCpuShare({ type, resource }: v2.MetricSpec): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.target?.averageUtilization !== undefined;
}

function statusToV1(status: v2.HorizontalPodAutoscalerStatus): v1.HorizontalPodAutoscalerStatus {
  const { observedGeneration, lastScaleTime, currentReplicas = 0, desiredReplicas = 0, currentMetrics } = status;
  const shares = (currentMetrics ?? []).flatMap(({ type, resource }) => {
    const share = type === 'Resource' && resource?.name === 'cpu' ? resource.current?.averageUtilization : undefined;
    return share === undefined ? [] : [share];
  });
  const currentCPUUtilizationPercentage = shares.at(-1);
  return defined({
    observedGeneration,
    lastScaleTime,
    currentReplicas,
    desiredReplicas,
    currentCPUUtilizationPercentage,
  });
}

function fromV1({ kind, metadata, spec, status }: v1.HorizontalPodAutoscaler): v2.HorizontalPodAutoscaler {
  const { scaleTargetRef, minReplicas, maxReplicas, targetCPUUtilizationPercentage: share } = spec ?? {};
  const others = readList<v1.MetricSpec>(metadata, { annotation: annotationOf.metrics, type: 'MetricSpec' }) ?? [];
  const metrics = [...others.map(metricSpecFromV1), ...(share === undefined ? [] : [defaultMetric(share)])];
  const behavior = readBehavior(metadata.annotations?.[annotationOf.behavior]);
  const converted = statusFromV1(metadata, status);
  return {
    apiVersion: 'autoscaling/v2',
    kind,
    metadata: withAnnotations(metadata, {}),
    spec: defined({
      scaleTargetRef,
      minReplicas,
      maxReplicas,
      metrics: metrics.length > 0 ? metrics : [defaultMetric()],
      behavior,
    }),
    ...(converted && { status: converted }),
  };
}

function statusFromV1(
  metadata: ObjectMeta,
  status: v1.HorizontalPodAutoscalerStatus | undefined,
): v2.HorizontalPodAutoscalerStatus | undefined {
  const read = readList<v1.MetricStatus>(metadata, { annotation: annotationOf.currentMetrics, type: 'MetricStatus' });
  const conditions = readList<v1.HorizontalPodAutoscalerCondition>(metadata, {
    annotation: annotationOf.conditions,
    type: 'HorizontalPodAutoscalerCondition',
  });
  if (!status && !read && !conditions) return undefined;
  const { observedGeneration, lastScaleTime, currentReplicas = 0, desiredReplicas = 0 } = status ?? {};
  const averageUtilization = status?.currentCPUUtilizationPercentage;
  const ofCpu: v2.MetricStatus[] =
    averageUtilization === undefined
      ? []
      : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization } } }];
  return defined({
    observedGeneration,
    lastScaleTime,
    // The newer type leaves nought out.
    currentReplicas: currentReplicas || undefined,
    desiredReplicas,
    currentMetrics: read?.map(metricStatusFromV1) ?? ofCpu,
    conditions,
  });
}

/** The object without fields that are undefined. */
function defined<T extends object>(object: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** The metadata with our annotations set anew, each as JSON. */
function withAnnotations(metadata: ObjectMeta, values: Record<string, unknown>): ObjectMeta {
  const { annotations, ...rest } = metadata;
  const ours = Object.values(annotationOf);
  const kept = Object.entries(annotations ?? {}).filter(([key]) => !ours.includes(key));
  const set = Object.entries(values).flatMap(([key, value]) => (value ? [[key, JSON.stringify(value)]] : []));
  const all = Object.fromEntries([...kept, ...set]) as Record<string, string>;
  return Object.keys(all).length > 0 ? { ...rest, annotations: all } : rest;
}

/** Undefined for what is not there or cannot be read: upstream passes over it as well. */
function readList<T>(
  { annotations }: ObjectMeta,
  { annotation, type }: { annotation: string; type: string },
): T[] | undefined {
  const list = parseJson(annotations?.[annotation]);
  if (!Array.isArray(list)) return undefined;
  const read = list.map((value) => readAs(`io.k8s.api.autoscaling.v1.${type}`, value));
  return read.includes(undefined) ? undefined : (read as T[]);
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The value in the form of its type; undefined where it has another. */
function readAs(typeName: string, value: unknown): unknown {
  try {
    return canonicalize(planOf(builtinSchemas, typeName)!, value);
  } catch (error) {
    if (error instanceof SchemaError || error instanceof ParseError) return undefined;
    throw error;
  }
}

/** The annotation holds upstream's own type, whose fields have Go's names. */
function goBehavior({ scaleUp, scaleDown }: v2.HorizontalPodAutoscalerBehavior) {
  return { ScaleUp: scaleUp ? goRules(scaleUp) : null, ScaleDown: scaleDown ? goRules(scaleDown) : null };
}

function goRules({ stabilizationWindowSeconds, selectPolicy, policies, tolerance }: v2.HPAScalingRules) {
  return {
    StabilizationWindowSeconds: stabilizationWindowSeconds ?? null,
    SelectPolicy: selectPolicy ?? null,
    Policies:
      policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ??
      null,
    Tolerance: tolerance ?? null,
  };
}

/** Go reads names in any case. */
function readBehavior(text: string | undefined): v2.HorizontalPodAutoscalerBehavior | undefined {
  const parsed = withLowerNames(parseJson(text));
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  const behavior = readAs('io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior', parsed);
  const isSet = behavior && Object.keys(behavior).length > 0;
  return isSet ? (behavior as v2.HorizontalPodAutoscalerBehavior) : undefined;
}

/** Deep enough for a behavior; below it nothing has a name. */
const depthMax = 4;

function withLowerNames(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > depthMax) return value;
  if (Array.isArray(value)) return value.map((one) => withLowerNames(one, depth + 1));
  const lower = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [lower(name), withLowerNames(one, depth + 1)]));
}
