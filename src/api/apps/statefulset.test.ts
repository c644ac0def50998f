import { describe, expect, test } from 'vitest';
import type { StatefulSet, StatefulSetSpec, StatefulSetStatus } from '#api/gen/apps-v1.js';
import { copy } from '#base/json.js';
import statefulSets from './statefulset.js';

const template = { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'a', image: 'postgres' }] } };
const claim = {
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};

function of(spec: Partial<StatefulSetSpec>, status?: StatefulSetStatus): StatefulSet {
  const set: StatefulSet = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'default', generation: 1 },
    spec: { selector: { matchLabels: { app: 'db' } }, serviceName: 'db', template: copy(template), ...copy(spec) },
    ...(status && { status }),
  } as StatefulSet;
  statefulSets.default!(set);
  return set;
}

const texts = (errors: readonly { message: string }[] | undefined) => errors!.map(({ message }) => message);

test('its defaults are upstream’s', () => {
  const { spec } = of({ volumeClaimTemplates: [claim as never] });
  expect(spec).toMatchObject({
    replicas: 1,
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    revisionHistoryLimit: 10,
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
  });
  expect(spec.volumeClaimTemplates).toEqual([
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      ...claim,
      spec: { ...claim.spec, volumeMode: 'Filesystem' },
      status: { phase: 'Pending' },
    },
  ]);
  expect(of({ updateStrategy: { type: 'RollingUpdate' } }).spec.updateStrategy).toEqual({ type: 'RollingUpdate' });
  expect(of({ updateStrategy: { type: 'OnDelete' } }).spec.updateStrategy).toEqual({ type: 'OnDelete' });
});

describe('is refused', () => {
  test.each<[string, Partial<StatefulSetSpec>, string[]]>([
    ['for nothing', {}, []],
    [
      'for a policy that does not exist',
      { podManagementPolicy: 'Random' },
      ["spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'"],
    ],
    [
      'for a strategy that does not exist',
      { updateStrategy: { type: 'Now' } },
      [
        'spec.updateStrategy: Invalid value: {"Type":"Now","RollingUpdate":null}: must be \'RollingUpdate\' or \'OnDelete\'',
      ],
    ],
    [
      'for steps of updates on deletion',
      { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } },
      [
        'spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: only allowed for updateStrategy \'RollingUpdate\'',
      ],
    ],
    [
      'for a partition below zero',
      { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: -1 } } },
      ['spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'for claims kept in a way that does not exist',
      { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Keep' } },
      [
        'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Keep": supported values: "Retain", "Delete"',
      ],
    ],
    [
      'for numbers below zero',
      { replicas: -1, minReadySeconds: -1, ordinals: { start: -1 } },
      [
        'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
        'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0',
      ],
    ],
    [
      'for a selector of everything',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for statefulset'],
    ],
    [
      'for a claim without a size',
      { volumeClaimTemplates: [{ ...claim, spec: { accessModes: ['ReadWriteOnce'] } } as never] },
      ['spec.volumeClaimTemplates[0].spec.resources[storage]: Required value'],
    ],
    [
      'for pods that end',
      { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never', activeDeadlineSeconds: 5 } } },
      [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported',
      ],
    ],
  ])('%s', (_, spec, messages) => {
    expect(texts(statefulSets.validateCreate!(of(spec)))).toEqual(messages);
  });

  test('for a mount of what is neither a volume nor a claim', () => {
    const mounting = (name: string) => ({
      ...template,
      spec: { containers: [{ ...template.spec.containers[0]!, volumeMounts: [{ name, mountPath: '/data' }] }] },
    });
    const volumeClaimTemplates = [claim as never];
    expect(texts(statefulSets.validateCreate!(of({ volumeClaimTemplates, template: mounting('data') })))).toEqual([]);
    expect(texts(statefulSets.validateCreate!(of({ volumeClaimTemplates, template: mounting('other') })))).toEqual([
      'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "other"',
    ]);
  });

  test('for a name that is no host name', () => {
    expect(statefulSets.validateName!('a.b')).toEqual(['must not contain dots']);
  });

  test('for changes that its pods could not follow', () => {
    const old = of({});
    const other = of({ replicas: 5, minReadySeconds: 3, revisionHistoryLimit: 2, ordinals: { start: 1 } });
    expect(statefulSets.validateUpdate!(other, old)).toEqual([]);
    const [problem, ...more] = texts(statefulSets.validateUpdate!(of({ serviceName: 'a.b' }), old));
    expect([problem, more]).toEqual([expect.stringContaining('spec: Forbidden: updates to statefulset spec'), []]);
    expect(texts(statefulSets.validateUpdate!(of({ serviceName: 'other' }), old))).toEqual([
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ]);
  });

  test('for a status that does not add up', () => {
    const old = of({}, { replicas: 1, availableReplicas: 0, collisionCount: 2 });
    const set = of({}, { replicas: 1, readyReplicas: 1, availableReplicas: 2, currentReplicas: -1, collisionCount: 1 });
    expect(texts(statefulSets.validateStatusUpdate!(set, old))).toEqual([
      'status.currentReplicas: Invalid value: -1: must be greater than or equal to 0',
      'status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 2: cannot be greater than status.readyReplicas',
      'status.collisionCount: Invalid value: 1: cannot be decremented',
    ]);
  });
});

test('a history without an end, and parts of bytes, are warned of', () => {
  const spec = { ...claim.spec, resources: { requests: { storage: '1500m' } } };
  const set = of({ revisionHistoryLimit: -1, volumeClaimTemplates: [{ ...claim, spec } as never] });
  expect(statefulSets.warnings!(set, undefined)).toEqual([
    'spec.volumeClaimTemplates[0].Spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
    'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended',
  ]);
  expect(statefulSets.warnings!(set, set)).toHaveLength(1);
});

test('columns count what is ready of what is wanted', () => {
  const set = of({ replicas: 3 }, { replicas: 2, readyReplicas: 2, availableReplicas: 2 });
  set.metadata.creationTimestamp = '2026-01-01T00:00:00Z';
  const cells = statefulSets.columns!.map((column) => column.cell(set, { nowMs: Date.parse('2026-01-01T00:01:00Z') }));
  expect(cells).toEqual(['db', '2/3', '60s', 'a', 'postgres']);
});
