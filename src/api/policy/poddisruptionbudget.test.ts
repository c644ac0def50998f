import { expect, test } from 'vitest';
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from '#api/gen/policy-v1.js';
import budgets from './poddisruptionbudget.js';

const of = (spec: PodDisruptionBudgetSpec): PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'web', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec,
});

test.each<[string, PodDisruptionBudgetSpec, string[]]>([
  ['a share', { minAvailable: '50%', selector: {} }, []],
  [
    'both bounds',
    { minAvailable: 1, maxUnavailable: 1 },
    [
      'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
    ],
  ],
  [
    'more than all',
    { maxUnavailable: '200%' },
    ['spec.maxUnavailable: Invalid value: "200%": must not be greater than 100%'],
  ],
  [
    'less than none',
    { minAvailable: -1 },
    ['spec.minAvailable: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'a policy nobody knows',
    { unhealthyPodEvictionPolicy: 'Never' },
    ['spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"'],
  ],
])('a budget of %s', (_, spec, messages) => {
  expect(budgets.validate!(of(spec)).map(({ message }) => message)).toEqual(messages);
});

test('columns show the bound that is set', () => {
  const nowMs = Date.parse('2026-01-01T00:00:05Z');
  const cells = budgets.columns!.map((column) => column.cell(of({ minAvailable: '50%' }), { nowMs }));
  expect(cells).toEqual(['web', '50%', 'N/A', 0, '5s']);
});
