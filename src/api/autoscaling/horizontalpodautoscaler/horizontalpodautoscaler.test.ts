import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type * as v1 from '#api/gen/autoscaling-v1.js';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HorizontalPodAutoscalerStatus,
  MetricSpec,
} from '#api/gen/autoscaling-v2.js';
import { copy } from '#base/json.js';
import { convertAutoscalers } from './convert.js';
import autoscalers from './index.js';

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };

function of(
  spec: Partial<HorizontalPodAutoscalerSpec>,
  status?: HorizontalPodAutoscalerStatus,
): HorizontalPodAutoscaler {
  const autoscaler: HorizontalPodAutoscaler = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web', namespace: 'default' },
    spec: { scaleTargetRef, maxReplicas: 5, ...copy(spec) },
    ...(status && { status }),
  };
  autoscalers.default!(autoscaler);
  return autoscaler;
}

const texts = (errors: readonly { message: string }[] | undefined) => errors!.map(({ message }) => message);
const cpu = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const perPod: MetricSpec = {
  type: 'Pods',
  pods: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '100' } },
};
const queue: MetricSpec = {
  type: 'External',
  external: {
    metric: { name: 'queue', selector: { matchLabels: { a: 'b' } } },
    target: { type: 'Value', value: '30' },
  },
};
const ofIngress: MetricSpec = {
  type: 'Object',
  object: {
    describedObject: { kind: 'Ingress', name: 'main', apiVersion: 'networking.k8s.io/v1' },
    metric: { name: 'hits' },
    target: { type: 'AverageValue', averageValue: '2k' },
  },
};
const ofContainer: MetricSpec = {
  type: 'ContainerResource',
  containerResource: { name: 'memory', container: 'app', target: { type: 'AverageValue', averageValue: '1Gi' } },
};

test('its defaults are upstream’s', () => {
  expect(of({}).spec).toEqual({ scaleTargetRef, maxReplicas: 5, minReplicas: 1, metrics: [cpu(80)] });
  expect(of({ behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } }).spec.behavior).toEqual({
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [
        { type: 'Pods', value: 4, periodSeconds: 15 },
        { type: 'Percent', value: 100, periodSeconds: 15 },
      ],
    },
    scaleDown: {
      stabilizationWindowSeconds: 60,
      selectPolicy: 'Max',
      policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    },
  });
});

describe('is refused', () => {
  test.each<[string, Partial<HorizontalPodAutoscalerSpec>, string[]]>([
    ['for nothing', { metrics: [cpu(50), perPod, queue, ofIngress, ofContainer] }, []],
    [
      'for no pods',
      { maxReplicas: 0, minReplicas: 0 },
      [
        'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
        'spec.maxReplicas: Required value: must be set and greater than 0',
        'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
      ],
    ],
    [
      'for fewer at most than at least',
      { maxReplicas: 2, minReplicas: 3 },
      ['spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`'],
    ],
    [
      'for nothing to scale',
      { scaleTargetRef: { kind: '', name: 'a/b', apiVersion: 'a/b/c' } },
      [
        'spec.scaleTargetRef.kind: Required value',
        'spec.scaleTargetRef.name: Invalid value: "a/b": may not contain \'/\'',
        'spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
      ],
    ],
    [
      'for a metric of no sort',
      { metrics: [{ type: 'Odd' }] },
      [
        'spec.metrics[0].type: Unsupported value: "Odd": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
        'spec.metrics[0].type: Unsupported value: "Odd": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
      ],
    ],
    [
      'for a metric of one sort that is told as another',
      { metrics: [{ ...perPod, type: 'Resource' }] },
      ['spec.metrics[0].resource: Required value: must populate information for the given metric source'],
    ],
    [
      'for a metric of two sorts',
      { metrics: [{ ...perPod, ...cpu(50) }] },
      ['spec.metrics[0].pods: Forbidden: must populate the given metric source only'],
    ],
    [
      'for aims that cannot be',
      { metrics: [cpu(0), { type: 'Resource', resource: { name: '', target: { type: 'Odd', value: '-1' } } }] },
      [
        'spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0',
        'spec.metrics[1].resource.name: Required value: must specify a resource name',
        'spec.metrics[1].resource.target.type: Invalid value: "Odd": must be either Utilization, Value, or AverageValue',
        'spec.metrics[1].resource.target.value: Invalid value: "-1": must be positive',
        'spec.metrics[1].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization',
      ],
    ],
    [
      'for two aims at once',
      {
        metrics: [
          {
            type: 'External',
            external: { metric: { name: 'q' }, target: { type: 'Value', value: '1', averageValue: '1' } },
          },
        ],
      },
      [
        'spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target',
      ],
    ],
    [
      'for haste without measure',
      {
        behavior: {
          scaleUp: {
            stabilizationWindowSeconds: 3601,
            selectPolicy: 'Odd',
            policies: [{ type: 'Odd', value: 0, periodSeconds: 1801 }],
            tolerance: '-0.1',
          },
        },
      },
      [
        'spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
        'spec.behavior.scaleUp.selectPolicy: Unsupported value: "Odd": supported values: "Disabled", "Max", "Min"',
        'spec.behavior.scaleUp.policies[0].type: Unsupported value: "Odd": supported values: "Percent", "Pods"',
        'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
        'spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800',
        'spec.behavior.scaleUp.tolerance: Invalid value: "-100m": must be greater than or equal to 0',
      ],
    ],
  ])('%s', (_, spec, messages) => {
    expect(texts(autoscalers.validateCreate!(of(spec)))).toEqual(messages);
  });
});

test('columns show what is measured beside what is aimed at', () => {
  const cells = (autoscaler: HorizontalPodAutoscaler) =>
    autoscalers.columns!.map((column) => column.cell(autoscaler, { nowMs: 0 }));
  const currentMetrics = [
    { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 10, averageValue: '5m' } } },
  ];
  const status = { currentReplicas: 2, desiredReplicas: 2, currentMetrics };
  expect(cells(of({ metrics: [cpu(50)] }, status))).toEqual([
    'web',
    'Deployment/web',
    'cpu: 10%/50%',
    '1',
    5,
    2,
    '<unknown>',
  ]);
  expect(cells(of({ metrics: [perPod, queue, ofIngress, ofContainer] }))[2]).toBe(
    '<unknown>/100, <unknown>/30 + 2 more...',
  );
  expect(cells(of({ metrics: [ofIngress, ofContainer] }))[2]).toBe('<unknown>/2k (avg), memory: <unknown>/1Gi');
});

describe('in the older version', () => {
  const toV1 = (autoscaler: HorizontalPodAutoscaler) =>
    convertAutoscalers([autoscaler], 'v1')[0] as v1.HorizontalPodAutoscaler;
  const toV2 = (autoscaler: v1.HorizontalPodAutoscaler) =>
    convertAutoscalers([autoscaler], 'v2')[0] as HorizontalPodAutoscaler;
  const prefix = 'autoscaling.alpha.kubernetes.io/';

  test('has a field for processor time and annotations for the rest', () => {
    const policies = [{ type: 'Pods', value: 1, periodSeconds: 5 }];
    const autoscaler = toV1(of({ metrics: [perPod, cpu(50)], behavior: { scaleUp: { policies } } }));
    expect(autoscaler.spec).toEqual({
      scaleTargetRef,
      maxReplicas: 5,
      minReplicas: 1,
      targetCPUUtilizationPercentage: 50,
    });
    expect(autoscaler.metadata.annotations).toEqual({
      [`${prefix}metrics`]: '[{"type":"Pods","pods":{"metricName":"requests","targetAverageValue":"100"}}]',
      [`${prefix}behavior`]:
        '{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":5}],"Tolerance":null},"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max","Policies":[{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null}}',
    });
  });

  test('aims at four fifths where it says nothing', () => {
    const old: v1.HorizontalPodAutoscaler = {
      apiVersion: 'autoscaling/v1',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web' },
      spec: { scaleTargetRef, maxReplicas: 5 },
    };
    expect(toV2(old)).toMatchObject({ apiVersion: 'autoscaling/v2', spec: { metrics: [cpu(80)] } });
    expect(toV1(toV2(old)).spec.targetCPUUtilizationPercentage).toBe(80);
  });

  test('is passed over where its annotations cannot be read', () => {
    const annotations = {
      [`${prefix}metrics`]: '[{"type":5}]',
      [`${prefix}behavior`]: 'no',
      [`${prefix}conditions`]: '{}',
      [`${prefix}current-metrics`]: '[1]',
      mine: 'kept',
    };
    const old = { ...toV1(of({})), metadata: { name: 'web', annotations } };
    expect(toV2(old)).toEqual({ ...of({}), metadata: { name: 'web', annotations: { mine: 'kept' } } });
  });

  test('loses nothing on the way there and back, but puts processor time last', () => {
    const metric = fc.constantFrom(perPod, queue, ofIngress, ofContainer);
    const share = fc.option(fc.integer({ min: 1, max: 100 }).map(cpu), { nil: undefined });
    fc.assert(
      fc.property(fc.array(metric, { maxLength: 4 }), share, fc.boolean(), (others, last, hasStatus) => {
        const metrics = [...others, ...(last ? [last] : [])];
        const status: HorizontalPodAutoscalerStatus = {
          currentReplicas: 2,
          desiredReplicas: 3,
          currentMetrics: [
            { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 7, averageValue: '7m' } } },
          ],
          conditions: [{ type: 'AbleToScale', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
        };
        const autoscaler = of({ metrics, behavior: {} }, hasStatus ? status : undefined);
        expect(toV2(toV1(autoscaler))).toEqual(autoscaler);
      }),
    );
  });
});
