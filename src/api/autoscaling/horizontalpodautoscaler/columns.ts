/** What is measured beside what is aimed at, in a HorizontalPodAutoscaler's row. */
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '#api/gen/autoscaling-v2.js';

const shownMax = 2;

/** `cpu: 10%/50%, 3/5 + 1 more...`. */
export function targetsCell({ spec, status }: HorizontalPodAutoscaler): string {
  const texts = (spec.metrics ?? []).map((metric, index) => targetText(metric, status?.currentMetrics?.[index]));
  if (texts.length === 0) return '<none>';
  const shown = texts.slice(0, shownMax).join(', ');
  return texts.length > shownMax ? `${shown} + ${texts.length - shownMax} more...` : shown;
}

function targetText(metric: MetricSpec, status: MetricStatus | undefined): string {
  const { external, pods, object, resource, containerResource } = metric;
  switch (metric.type) {
    case 'External':
      return valueText(external?.target, status?.external?.current);
    case 'Object':
      return valueText(object?.target, status?.object?.current);
    case 'Pods':
      return `${status?.pods?.current?.averageValue ?? unknown}/${pods?.target?.averageValue ?? '0'}`;
    case 'Resource':
      return `${resource?.name ?? ''}: ${usageText(resource?.target, status?.resource?.current)}`;
    case 'ContainerResource':
      return `${containerResource?.name ?? ''}: ${usageText(containerResource?.target, status?.containerResource?.current)}`;
    default:
      return '<unknown type>';
  }
}

const unknown = '<unknown>';

function valueText(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? unknown}/${target.averageValue} (avg)`;
  return `${current?.value ?? unknown}/${target?.value ?? '0'}`;
}

function usageText(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? unknown}/${target.averageValue}`;
  const percent = (value: number | undefined, none: string) => (value === undefined ? none : `${value}%`);
  return `${percent(current?.averageUtilization, unknown)}/${percent(target?.averageUtilization, '<auto>')}`;
}
