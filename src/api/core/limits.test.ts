import { describe, expect, test } from 'vitest';
import type {
  LimitRange,
  LimitRangeItem,
  ReplicationController,
  ReplicationControllerSpec,
  ResourceQuota,
  ResourceQuotaSpec,
} from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';
import limitRanges from './limitrange.js';
import controllers from './replicationcontroller.js';
import quotas from './resourcequota.js';

const texts = (errors: readonly { message: string }[] | undefined) => errors!.map(({ message }) => message);
const metadata = { name: 'one', namespace: 'default' };

describe('a ReplicationController', () => {
  const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'a', image: 'b' }] } };
  const of = (spec: ReplicationControllerSpec): ReplicationController => {
    const controller = { apiVersion: 'v1', kind: 'ReplicationController', metadata: { ...metadata }, spec: copy(spec) };
    controllers.default!(controller);
    return controller;
  };

  test('selects what it makes, and is labelled like it', () => {
    const controller = of({ template });
    expect(controller.spec).toMatchObject({ replicas: 1, selector: { app: 'a' } });
    expect(controller.metadata).toMatchObject({ labels: { app: 'a' } });
    expect(controllers.validate!(controller)).toEqual([]);
  });

  test.each<[string, ReplicationControllerSpec, string[]]>([
    ['of nothing', {}, ['spec.selector: Required value', 'spec.template: Required value']],
    [
      'that would not find its pods',
      { selector: { app: 'b' }, template, replicas: -1, minReadySeconds: -1 },
      [
        'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
        'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
      ],
    ],
    [
      'whose pods end',
      { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
  ])('%s is refused', (_, spec, messages) => {
    expect(texts(controllers.validate!(of(spec)))).toEqual(messages);
  });

  test('shows how many there are', () => {
    const controller = { ...of({ template, replicas: 3 }), status: { replicas: 2, readyReplicas: 1 } };
    const cells = controllers.columns!.map((column) => column.cell(controller, { nowMs: 0 }));
    expect(cells).toEqual(['one', 3, 2, 1, '<unknown>', 'a', 'b', 'app=a']);
    expect(controllers.selectableFields!['status.replicas']!(controller)).toBe('2');
  });
});

describe('a ResourceQuota', () => {
  const of = (spec: ResourceQuotaSpec): ResourceQuota => {
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: copy(spec) };
    quotas.default!(quota);
    return quota;
  };
  const scoped = (scopeName: string, operator: string, values?: string[]): ResourceQuotaSpec => ({
    scopeSelector: { matchExpressions: [{ scopeName, operator, ...(values && { values }) }] },
  });

  test.each<[string, ResourceQuotaSpec, string[]]>([
    [
      'of all that can be counted',
      {
        hard: {
          pods: '1',
          'requests.cpu': '500m',
          'limits.memory': '1Gi',
          'requests.nvidia.com/gpu': '1',
          'count/deployments.apps': '2',
          'hugepages-2Mi': '2Mi',
          'requests.hugepages-2Mi': '2Mi',
          'gold.storageclass.storage.k8s.io/requests.storage': '1Gi',
        },
      },
      [],
    ],
    [
      'of what is not known, or of parts of it',
      { hard: { storage: '1Gi', odd: '1', pods: '500m', cpu: '-1' } },
      [
        'spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota',
        'spec.hard[odd]: Invalid value: "odd": must be a standard resource type or fully qualified',
        'spec.hard[odd]: Invalid value: "odd": must be a standard resource for quota',
        'spec.hard[pods]: Invalid value: "500m": must be an integer',
        'spec.hard[cpu]: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
    [
      'for pods that are and are not',
      { scopes: ['BestEffort', 'NotBestEffort', 'Odd'], hard: { cpu: '1' } },
      [
        'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Odd"]: unsupported scope applied to resource',
        'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Odd"]: unsupported scope',
        'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Odd"]: conflicting scopes',
      ],
    ],
    [
      'for volumes of a class',
      { ...scoped('VolumeAttributesClass', 'In', ['gold']), hard: { 'requests.storage': '1' } },
      [],
    ],
    [
      'for pods of no priority',
      scoped('PriorityClass', 'In'),
      [
        "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
      ],
    ],
    [
      'for ends of a sort',
      scoped('Terminating', 'In', ['a']),
      [
        'spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be \'Exists\' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity',
      ],
    ],
    [
      'for what is nowhere known',
      { ...scoped('Odd', 'Odd'), hard: { secrets: '1' } },
      [
        'spec.scopeSelector.matchExpressions.scopeName: Invalid value: "Odd": unsupported scope',
        'spec.scopeSelector.matchExpressions.operator: Invalid value: "Odd": not a valid selector operator',
      ],
    ],
    [
      'for pods, of what is no pod',
      { ...scoped('Terminating', 'Exists'), hard: { secrets: '1' } },
      [
        'spec.scopeSelector.matchExpressions: Invalid value: {"MatchExpressions":[{"ScopeName":"Terminating","Operator":"Exists","Values":null}]}: unsupported scope applied to resource',
      ],
    ],
  ])('%s', (_, spec, messages) => {
    expect(texts(quotas.validate!(of(spec)))).toEqual(messages);
  });

  test('keeps its scopes', () => {
    expect(texts(quotas.validateUpdate!(of({ scopes: ['BestEffort'] }), of({})))).toEqual([
      'spec.scopes: Invalid value: ["BestEffort"]: field is immutable',
    ]);
  });

  test('shows what is used of what there is', () => {
    const hard = { pods: '4', cpu: '2', 'limits.cpu': '3' };
    const quota = { ...of({ hard: { pods: '5' } }), status: { hard, used: { pods: '1' } } };
    const cells = quotas.columns!.map((column) => column.cell(quota, { nowMs: 0 }));
    expect(cells).toEqual(['one', 'cpu: 0/2, pods: 1/4', 'limits.cpu: 0/3', '<unknown>']);
  });
});

describe('a LimitRange', () => {
  const of = (...limits: LimitRangeItem[]): LimitRange => {
    const range = { apiVersion: 'v1', kind: 'LimitRange', metadata, spec: { limits: copy(limits) } };
    limitRanges.default!(range);
    return range;
  };

  test('fills in for containers what follows from the rest', () => {
    const item = { type: 'Container', max: { cpu: '2' }, min: { memory: '1Mi' }, default: { memory: '3Mi' } };
    expect(of(item).spec!.limits[0]).toMatchObject({
      default: { cpu: '2', memory: '3Mi' },
      defaultRequest: { cpu: '2', memory: '3Mi' },
    });
    expect(of({ type: 'Container', min: { cpu: '1' } }).spec!.limits[0]).toMatchObject({
      default: {},
      defaultRequest: { cpu: '1' },
    });
    expect(of({ type: 'Pod', max: { cpu: '2' } }).spec!.limits[0]).toEqual({ type: 'Pod', max: { cpu: '2' } });
  });

  test.each<[string, LimitRangeItem[], string[]]>([
    [
      'of a sort that is not',
      [{ type: 'Odd' }],
      ['spec.limits[0].type: Invalid value: "Odd": must be a standard limit type or fully qualified'],
    ],
    ['of one sort twice', [{ type: 'Pod' }, { type: 'Pod' }], ['spec.limits[1].type: Duplicate value: "Pod"']],
    [
      'for pods that have no defaults',
      [{ type: 'Pod', default: { cpu: '1' }, defaultRequest: { cpu: '1' } }],
      [
        "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
        "spec.limits[0].defaultRequest: Forbidden: may not be specified when `type` is 'Pod'",
      ],
    ],
    [
      'for claims of whatever size',
      [{ type: 'PersistentVolumeClaim' }],
      [
        'spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
      ],
    ],
    [
      'out of order',
      [
        {
          type: 'Container',
          min: { cpu: '3' },
          max: { cpu: '2' },
          default: { cpu: '4' },
          defaultRequest: { cpu: '5' },
        },
      ],
      [
        'spec.limits[0].min[cpu]: Invalid value: "3": min value 3 is greater than max value 2',
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "5": default request value 5 is greater than max value 2',
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "5": default request value 5 is greater than default limit value 4',
        'spec.limits[0].default[cpu]: Invalid value: "2": default value 4 is greater than max value 2',
      ],
    ],
    [
      'of ratios that cannot be',
      [
        { type: 'Pod', maxLimitRequestRatio: { cpu: '500m' } },
        { type: 'Container', min: { cpu: '100m' }, max: { cpu: '1' }, maxLimitRequestRatio: { cpu: '20' } },
      ],
      [
        'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1',
        'spec.limits[1].maxLimitRequestRatio[cpu]: Invalid value: "20": ratio 20 is greater than max/min = 10.000000',
      ],
    ],
    [
      'of devices that are half promised',
      [{ type: 'Container', default: { 'example.com/gpu': '2' }, defaultRequest: { 'example.com/gpu': '1' } }],
      [
        'spec.limits[0].defaultRequest[example.com/gpu]: Invalid value: "1": default value 2 must equal to defaultRequest value 1 in example.com/gpu',
      ],
    ],
  ])('%s is refused', (_, limits, messages) => {
    expect(texts(limitRanges.validate!(of(...limits)))).toEqual(messages);
  });
});
