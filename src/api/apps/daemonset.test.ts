import { describe, expect, test } from 'vitest';
import type { DaemonSet, DaemonSetSpec, DaemonSetStatus } from '#api/gen/apps-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { copy } from '#base/json.js';
import daemonSets from './daemonset.js';

const template = { metadata: { labels: { app: 'log' } }, spec: { containers: [{ name: 'a', image: 'fluent' }] } };
const generationKey = 'deprecated.daemonset.template.generation';

function of(spec: Partial<DaemonSetSpec>, status?: DaemonSetStatus): DaemonSet {
  const set = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'log', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'log' } }, template: copy(template), ...copy(spec) },
    ...(status && { status }),
  } as DaemonSet;
  daemonSets.default!(set);
  return set;
}

const texts = (errors: readonly { message: string }[] | undefined) => errors!.map(({ message }) => message);
const rolling = (rollingUpdate: object) => ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } });

test('its defaults are upstream’s', () => {
  expect(of({}).spec).toMatchObject({
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    revisionHistoryLimit: 10,
  });
});

describe('the generation of its template', () => {
  const generationOf = ({ metadata }: DaemonSet) => metadata.annotations?.[generationKey];

  test('begins at one and counts changes of the template, whatever is written', () => {
    const old = of({});
    expect(generationOf(old)).toBe('0');
    daemonSets.prepareForCreate!(old);
    expect(generationOf(old)).toBe('1');

    const other = of({ minReadySeconds: 5 });
    other.metadata.annotations![generationKey] = '7';
    daemonSets.prepareForUpdate!(other, old);
    expect(generationOf(other)).toBe('1');

    const changed = of({ template: { ...template, spec: { containers: [{ name: 'a', image: 'vector' }] } } });
    daemonSets.prepareForUpdate!(changed, old);
    expect(generationOf(changed)).toBe('2');
  });

  test('is a number', () => {
    const set = of({});
    set.metadata.annotations![generationKey] = 'x';
    let thrown: unknown;
    try {
      daemonSets.prepareForCreate!(set);
    } catch (error) {
      thrown = error;
    }
    expect(isReason(thrown, 'BadRequest')).toBe(true);
  });
});

describe('is refused', () => {
  test.each<[string, Partial<DaemonSetSpec>, string[]]>([
    ['for nothing', {}, []],
    [
      'for a selector of everything',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for daemonset'],
    ],
    [
      'for pods it would not find',
      { selector: { matchLabels: { app: 'b' } } },
      ['spec.template.metadata.labels: Invalid value: {"app":"log"}: `selector` does not match template `labels`'],
    ],
    [
      'for a strategy that does not exist',
      { updateStrategy: { type: 'Now' } },
      [
        'spec.updateStrategy: Unsupported value: {"Type":"Now","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"',
      ],
    ],
    [
      'for a pod more and a pod less at once',
      rolling({ maxUnavailable: '10%', maxSurge: 1 }),
      ['spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero'],
    ],
    [
      'for neither a pod more nor a pod less',
      rolling({ maxUnavailable: 0, maxSurge: '0%' }),
      ['spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0'],
    ],
    [
      'for more than all',
      rolling({ maxUnavailable: 0, maxSurge: '101%' }),
      ['spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "101%": must not be greater than 100%'],
    ],
    [
      'for pods that end',
      { template: { ...template, spec: { ...template.spec, activeDeadlineSeconds: 5 } } },
      ['spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is not Supported'],
    ],
  ])('%s', (_, spec, messages) => {
    expect(texts(daemonSets.validate!(of(spec)))).toEqual(messages);
  });

  test('for another selector, and for a status below zero', () => {
    const old = of({});
    expect(texts(daemonSets.validateUpdate!(of({ selector: { matchLabels: { app: 'b' } } }), old))).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
    ]);
    const status = { currentNumberScheduled: 0, numberMisscheduled: -1, desiredNumberScheduled: 0, numberReady: 0 };
    expect(texts(daemonSets.validateStatusUpdate!(of({}, status), old))).toEqual([
      'status.numberMisscheduled: Invalid value: -1: must be greater than or equal to 0',
    ]);
  });
});

test('columns count nodes', () => {
  const status = { currentNumberScheduled: 3, numberMisscheduled: 0, desiredNumberScheduled: 4, numberReady: 2 };
  const set = of({ template: { ...template, spec: { ...template.spec, nodeSelector: { disk: 'ssd' } } } }, status);
  const cells = daemonSets.columns!.map((column) => column.cell(set, { nowMs: 0 }));
  expect(cells).toEqual(['log', 4, 3, 2, 0, 0, 'disk=ssd', '<unknown>', 'a', 'fluent', 'app=log']);
});
