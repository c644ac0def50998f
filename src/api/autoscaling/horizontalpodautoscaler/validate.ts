/** Rules of a HorizontalPodAutoscaler (kubernetes/kubernetes pkg/apis/autoscaling/validation). */
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingPolicy,
  HPAScalingRules,
} from '#api/gen/autoscaling-v2.js';
import { forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { Quantity } from '#apimachinery/quantity.js';
import { checkOptionalEnum, each, type FieldErrors } from '../../meta/check.js';
import { checkMetric, checkObjectReference } from './validate-metric.js';

/** `old` is undefined for a new one. */
export function validateAutoscaler({ spec }: HorizontalPodAutoscaler, old?: HorizontalPodAutoscaler): FieldErrors {
  return checkSpec('spec', spec, old?.spec);
}

function* checkSpec(
  path: string,
  spec: HorizontalPodAutoscalerSpec,
  old: HorizontalPodAutoscalerSpec | undefined,
): FieldErrors {
  const { minReplicas, maxReplicas = 0, metrics = [], behavior } = spec;
  if (minReplicas !== undefined && minReplicas < 1)
    yield invalidValue(`${path}.minReplicas`, minReplicas, 'must be greater than or equal to 1');
  const at = `${path}.maxReplicas`;
  if (maxReplicas === 0) yield required(at, 'must be set and greater than 0');
  else if (maxReplicas < 1) yield invalidValue(at, maxReplicas, 'must be greater than or equal to 1');
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    yield invalidValue(at, maxReplicas, 'must be greater than or equal to `minReplicas`');
  const [target, before] = [spec.scaleTargetRef, old?.scaleTargetRef];
  yield* checkObjectReference(`${path}.scaleTargetRef`, target, {
    // Nothing else in the core group has a scale.
    needsGroup: target?.kind !== 'ReplicationController',
    // What went through once goes on.
    anyVersion: before !== undefined && before.apiVersion === target?.apiVersion && before.kind === target?.kind,
  });
  for (const metric of each(`${path}.metrics`, metrics)) yield* checkMetric(metric.path, metric.value);
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')) {
    const why = 'must specify at least one Object or External metric to support scaling to zero replicas';
    yield forbiddenField(`${path}.metrics`, why);
  }
  for (const side of ['scaleUp', 'scaleDown'] as const)
    if (behavior?.[side]) yield* checkRules(`${path}.behavior.${side}`, behavior[side]);
}

const stabilizationSecondsMax = 3600;
const periodSecondsMax = 1800;

function* checkRules(path: string, rules: HPAScalingRules): FieldErrors {
  const { stabilizationWindowSeconds: seconds = 0, selectPolicy, policies = [], tolerance } = rules;
  const at = `${path}.stabilizationWindowSeconds`;
  if (seconds < 0) yield invalidValue(at, seconds, 'must be greater than or equal to zero');
  if (seconds > stabilizationSecondsMax)
    yield invalidValue(at, seconds, `must be less than or equal to ${stabilizationSecondsMax}`);
  yield* checkOptionalEnum(`${path}.selectPolicy`, selectPolicy, ['Disabled', 'Max', 'Min']);
  if (policies.length === 0) yield required(`${path}.policies`, 'must specify at least one Policy');
  for (const policy of each(`${path}.policies`, policies)) yield* checkPolicy(policy.path, policy.value);
  const share = Quantity.tryParse(tolerance);
  if (share && share.sign < 0)
    yield invalidValue(`${path}.tolerance`, share.toString(), 'must be greater than or equal to 0');
}

function* checkPolicy(path: string, { type, value, periodSeconds }: HPAScalingPolicy): FieldErrors {
  if (type !== 'Pods' && type !== 'Percent') yield notSupported(`${path}.type`, type ?? '', ['Percent', 'Pods']);
  if (!(value > 0)) yield invalidValue(`${path}.value`, value ?? 0, 'must be greater than zero');
  const at = `${path}.periodSeconds`;
  if (!(periodSeconds > 0)) yield invalidValue(at, periodSeconds ?? 0, 'must be greater than zero');
  if (periodSeconds > periodSecondsMax)
    yield invalidValue(at, periodSeconds, `must be less than or equal to ${periodSecondsMax}`);
}
