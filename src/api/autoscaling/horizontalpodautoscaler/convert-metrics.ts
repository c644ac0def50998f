/** Metrics as autoscaling/v1 has them in its annotations, and as v2 has them. */
import type * as v1 from '#api/gen/autoscaling-v1.js';
import type * as v2 from '#api/gen/autoscaling-v2.js';
import { Quantity } from '#apimachinery/quantity.js';

export function metricSpecToV1({
  type,
  object,
  pods,
  resource,
  containerResource,
  external,
}: v2.MetricSpec): v1.MetricSpec {
  return {
    type,
    ...(object && { object: objectToV1(object) }),
    ...(pods && {
      pods: { ...namedV1(pods.metric), targetAverageValue: pods.target?.averageValue ?? '0' },
    }),
    ...(resource && { resource: { name: resource.name, ...usageToV1(resource.target) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        ...usageToV1(containerResource.target),
        container: containerResource.container,
      },
    }),
    ...(external && { external: externalToV1(external) }),
  };
}

function objectToV1({ describedObject, metric, target }: v2.ObjectMetricSource): v1.ObjectMetricSource {
  return {
    target: describedObject,
    ...namedV1(metric),
    targetValue: target?.value ?? '0',
    ...(target?.averageValue !== undefined && { averageValue: target.averageValue }),
  };
}

function externalToV1({ metric, target }: v2.ExternalMetricSource): v1.ExternalMetricSource {
  return {
    metricName: metric?.name ?? '',
    ...(metric?.selector && { metricSelector: metric.selector }),
    ...(target?.value !== undefined && { targetValue: target.value }),
    ...(target?.averageValue !== undefined && { targetAverageValue: target.averageValue }),
  };
}

function usageToV1(target: v2.MetricTarget | undefined) {
  return {
    ...(target?.averageUtilization !== undefined && { targetAverageUtilization: target.averageUtilization }),
    ...(target?.averageValue !== undefined && { targetAverageValue: target.averageValue }),
  };
}

function namedV1(metric: v2.MetricIdentifier | undefined): {
  metricName: string;
  selector?: v1.PodsMetricSource['selector'] & object;
} {
  return { metricName: metric?.name ?? '', ...(metric?.selector && { selector: metric.selector }) };
}

function namedV2(metric: { metricName: string; selector?: v2.MetricIdentifier['selector'] }): v2.MetricIdentifier {
  return { name: metric.metricName ?? '', ...(metric.selector && { selector: metric.selector }) };
}

export function metricSpecFromV1({
  type,
  object,
  pods,
  resource,
  containerResource,
  external,
}: v1.MetricSpec): v2.MetricSpec {
  return {
    type,
    ...(object && { object: objectFromV1(object) }),
    ...(pods && {
      pods: { metric: namedV2(pods), target: { type: 'AverageValue', averageValue: pods.targetAverageValue } },
    }),
    ...(resource && { resource: { name: resource.name, target: usageFromV1(resource) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        target: usageFromV1(containerResource),
        container: containerResource.container,
      },
    }),
    ...(external && { external: externalFromV1(external) }),
  };
}

function objectFromV1(source: v1.ObjectMetricSource): v2.ObjectMetricSource {
  const { target, targetValue, averageValue } = source;
  const isAverage = averageValue !== undefined;
  // The older type always has the value, which is nought where only the average is meant.
  const hasValue = !isAverage || Quantity.tryParse(targetValue)?.isZero === false;
  return {
    describedObject: target,
    target: {
      type: isAverage ? 'AverageValue' : 'Value',
      ...(hasValue && { value: targetValue }),
      ...(isAverage && { averageValue }),
    },
    metric: namedV2(source),
  };
}

function externalFromV1({
  metricName,
  metricSelector,
  targetValue,
  targetAverageValue,
}: v1.ExternalMetricSource): v2.ExternalMetricSource {
  return {
    metric: { name: metricName ?? '', ...(metricSelector && { selector: metricSelector }) },
    target: {
      type: targetValue === undefined ? 'AverageValue' : 'Value',
      ...(targetValue !== undefined && { value: targetValue }),
      ...(targetAverageValue !== undefined && { averageValue: targetAverageValue }),
    },
  };
}

function usageFromV1({ targetAverageUtilization, targetAverageValue }: v1.ResourceMetricSource): v2.MetricTarget {
  return {
    type: targetAverageUtilization === undefined ? 'AverageValue' : 'Utilization',
    ...(targetAverageValue !== undefined && { averageValue: targetAverageValue }),
    ...(targetAverageUtilization !== undefined && { averageUtilization: targetAverageUtilization }),
  };
}

export function metricStatusToV1({
  type,
  object,
  pods,
  resource,
  containerResource,
  external,
}: v2.MetricStatus): v1.MetricStatus {
  return {
    type,
    ...(object && {
      object: {
        target: object.describedObject,
        ...namedV1(object.metric),
        currentValue: object.current?.value ?? '0',
        ...(object.current?.averageValue !== undefined && { averageValue: object.current.averageValue }),
      },
    }),
    ...(pods && { pods: { ...namedV1(pods.metric), currentAverageValue: pods.current?.averageValue ?? '0' } }),
    ...(resource && { resource: { name: resource.name, ...currentToV1(resource.current) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        ...currentToV1(containerResource.current),
        container: containerResource.container,
      },
    }),
    ...(external && {
      external: {
        metricName: external.metric?.name ?? '',
        ...(external.metric?.selector && { metricSelector: external.metric.selector }),
        currentValue: external.current?.value ?? '0',
        ...(external.current?.averageValue !== undefined && { currentAverageValue: external.current.averageValue }),
      },
    }),
  };
}

function currentToV1(current: v2.MetricValueStatus | undefined) {
  return {
    ...(current?.averageUtilization !== undefined && { currentAverageUtilization: current.averageUtilization }),
    currentAverageValue: current?.averageValue ?? '0',
  };
}

export function metricStatusFromV1({
  type,
  object,
  pods,
  resource,
  containerResource,
  external,
}: v1.MetricStatus): v2.MetricStatus {
  return {
    type,
    ...(object && {
      object: {
        metric: namedV2(object),
        current: measured({ value: object.currentValue, averageValue: object.averageValue }),
        describedObject: object.target,
      },
    }),
    ...(pods && { pods: { metric: namedV2(pods), current: measured({ averageValue: pods.currentAverageValue }) } }),
    ...(resource && { resource: { name: resource.name, current: currentFromV1(resource) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        current: currentFromV1(containerResource),
        container: containerResource.container,
      },
    }),
    ...(external && {
      external: {
        metric: {
          name: external.metricName ?? '',
          ...(external.metricSelector && { selector: external.metricSelector }),
        },
        current: measured({ value: external.currentValue, averageValue: external.currentAverageValue }),
      },
    }),
  };
}

function currentFromV1({
  currentAverageUtilization,
  currentAverageValue,
}: v1.ResourceMetricStatus): v2.MetricValueStatus {
  return measured({ averageValue: currentAverageValue, averageUtilization: currentAverageUtilization });
}

function measured({
  value,
  averageValue,
  averageUtilization,
}: { [K in keyof v2.MetricValueStatus]: v2.MetricValueStatus[K] | undefined }): v2.MetricValueStatus {
  return {
    ...(value !== undefined && { value }),
    ...(averageValue !== undefined && { averageValue }),
    ...(averageUtilization !== undefined && { averageUtilization }),
  };
}
