import { expect, test } from 'vitest';
import type { JsonObject } from '#apimachinery/patch.js';
import { applyStrategicMergePatch } from '#apimachinery/strategic-merge.js';
import { builtinSchemas as table } from '../../schema-table.js';
import { conditionsPatch } from './conditions-patch.js';

test('a new condition comes behind those that there are, and one that changes keeps its place', () => {
  const conditions = ['Ready', 'PodScheduled'].map((type) => ({ type, status: 'True' }));
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: { containers: [] }, status: { conditions } };
  const patched = (one: { type: string; status: string }) => {
    const type = table.type('io.k8s.api.core.v1.Pod');
    const patch = { status: conditionsPatch(pod, [one]) } as unknown as JsonObject;
    return applyStrategicMergePatch(pod as unknown as JsonObject, patch, { table, type })['status'];
  };
  const added = { type: 'DisruptionTarget', status: 'True' };
  expect(patched(added)).toEqual({ conditions: [...conditions, added] });
  const changed = { type: 'Ready', status: 'False' };
  expect(patched(changed)).toEqual({ conditions: [changed, conditions[1]] });
});
