/** Rules of what a HorizontalPodAutoscaler measures, and of what it aims at. */
import type {
  ContainerResourceMetricSource,
  CrossVersionObjectReference,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
  ResourceMetricSource,
} from '#api/gen/autoscaling-v2.js';
import { forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { pathSegmentProblems } from '#apimachinery/names.js';
import { Quantity } from '#apimachinery/quantity.js';
import { checkContainerResourceName } from '../../core/pod/validate-resources.js';
import { check, checkLabel, type FieldErrors } from '../../meta/check.js';

/** By type, the field that holds the rest; in the order in which upstream looks. */
const fieldOfType = {
  Object: 'object',
  External: 'external',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
} as const;

const fields = Object.values(fieldOfType);

export function* checkMetric(path: string, metric: MetricSpec): FieldErrors {
  const { type } = metric;
  const expected = Object.hasOwn(fieldOfType, type) ? fieldOfType[type as keyof typeof fieldOfType] : undefined;
  const types = Object.keys(fieldOfType).sort();
  if (!type) yield required(`${path}.type`, 'must specify a metric source type');
  if (!expected) yield notSupported(`${path}.type`, type ?? '', types);
  const present = fields.filter((field) => metric[field]);
  if (present[0]) yield* checkSource(`${path}.${present[0]}`, metric, { field: present[0] });
  // An unknown type is told twice by upstream, before and after the rest.
  if (!expected) yield notSupported(`${path}.type`, type ?? '', types);
  else if (!metric[expected])
    yield required(`${path}.${expected}`, 'must populate information for the given metric source');
  if (present.length === 1) return;
  for (const field of present)
    if (field !== expected) yield forbiddenField(`${path}.${field}`, 'must populate the given metric source only');
}

function* checkSource(
  path: string,
  { object, external, pods, resource, containerResource }: MetricSpec,
  { field }: { field: (typeof fields)[number] },
): FieldErrors {
  switch (field) {
    case 'object':
      yield* checkObjectReference(`${path}.describedObject`, object?.describedObject);
      yield* checkMeasured(path, object!);
      yield* checkEither(path, object?.target, 'must set either a target value or averageValue');
      return;
    case 'external': {
      const { target } = external!;
      yield* checkMeasured(path, external!);
      yield* checkEither(path, target, 'must set either a target value for metric or a per-pod target');
      if (target?.value !== undefined && target.averageValue !== undefined)
        yield forbiddenField(`${path}.target.value`, 'may not set both a target value for metric and a per-pod target');
      return;
    }
    case 'pods':
      yield* checkMeasured(path, pods!);
      if (pods?.target?.averageValue === undefined)
        yield required(`${path}.target.averageValue`, 'must specify a positive target averageValue');
      return;
    case 'resource':
      if (!resource?.name) yield required(`${path}.name`, 'must specify a resource name');
      yield* checkUsage(path, resource!);
      return;
    default:
      yield* checkContainer(path, containerResource!);
      yield* checkUsage(path, containerResource!);
  }
}

export function* checkObjectReference(
  path: string,
  ref: CrossVersionObjectReference | undefined,
  { needsGroup = false, anyVersion = false } = {},
): FieldErrors {
  for (const field of ['kind', 'name'] as const) {
    const value = ref?.[field];
    if (!value) yield required(`${path}.${field}`);
    else yield* check(`${path}.${field}`, value, pathSegmentProblems);
  }
  const version = ref?.apiVersion ?? '';
  const at = `${path}.apiVersion`;
  if (anyVersion) return;
  if (version.split('/').length > 2) yield invalidValue(at, version, `unexpected GroupVersion string: ${version}`);
  else if (needsGroup && !version.slice(0, -1).includes('/') && !version.startsWith('/'))
    yield invalidValue(at, version, 'apiVersion must specify API group');
}

interface Measured {
  metric: MetricIdentifier;
  target: MetricTarget;
}

function* checkMeasured(path: string, { metric, target }: Measured): FieldErrors {
  if (!metric?.name) yield required(`${path}.metric.name`, 'must specify a metric name');
  else yield* check(`${path}.metric.name`, metric.name, pathSegmentProblems);
  yield* checkTarget(`${path}.target`, target);
}

function* checkEither(path: string, target: MetricTarget | undefined, why: string): FieldErrors {
  if (target?.value === undefined && target?.averageValue === undefined)
    yield required(`${path}.target.averageValue`, why);
}

function* checkContainer(path: string, { name, container }: ContainerResourceMetricSource): FieldErrors {
  if (!name) yield required(`${path}.name`, 'must specify a resource name');
  else yield* checkContainerResourceName(`${path}.name`, name);
  if (!container) yield required(`${path}.container`, 'must specify a container');
  else yield* checkLabel(`${path}.container`, container);
}

function* checkUsage(path: string, { target }: Pick<ResourceMetricSource, 'target'>): FieldErrors {
  yield* checkTarget(`${path}.target`, target);
  const hasShare = target?.averageUtilization !== undefined;
  const hasValue = target?.averageValue !== undefined;
  if (!hasShare && !hasValue) {
    const why = 'must set either a target raw value or a target utilization';
    yield required(`${path}.target.averageUtilization`, why);
  }
  if (hasShare && hasValue)
    yield forbiddenField(`${path}.target.averageValue`, 'may not set both a target raw value and a target utilization');
}

function* checkTarget(path: string, target: MetricTarget | undefined): FieldErrors {
  const { type = '', averageUtilization } = target ?? {};
  if (!type) yield required(`${path}.type`, 'must specify a metric target type');
  if (!['Utilization', 'Value', 'AverageValue'].includes(type))
    yield invalidValue(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue');
  for (const field of ['value', 'averageValue'] as const) {
    const quantity = Quantity.tryParse(target?.[field]);
    if (quantity && quantity.sign !== 1)
      yield invalidValue(`${path}.${field}`, quantity.toString(), 'must be positive');
  }
  if (averageUtilization !== undefined && averageUtilization < 1)
    yield invalidValue(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0');
}
