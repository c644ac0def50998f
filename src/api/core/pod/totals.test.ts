import { expect, test } from 'vitest';
import type { Pod, PodStatus } from '#api/gen/core-v1.js';
import { amountsToJson } from '#apimachinery/amounts.js';
import { podLimits, podRequests } from './totals.js';

const whole = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } });

function podOf(status: PodStatus): Pod {
  const containers = [{ name: 'c', image: 'i', resources: { requests: { cpu: '100m', 'ephemeral-storage': '1Gi' } } }];
  return { metadata: {}, spec: { containers, resources: whole('1', '1Gi') }, status } as unknown as Pod;
}

const requests = (pod: Pod) => amountsToJson(podRequests(pod, { useStatus: true }));

test('a pod that is resized as a whole counts by the larger of what it has and what it shall have', () => {
  expect(requests(podOf({}))).toEqual({ cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' });
  const shrinking = { resources: whole('2', '512Mi'), allocatedResources: { cpu: '1500m', memory: '512Mi' } };
  expect(requests(podOf(shrinking))).toEqual({ cpu: '2', memory: '1Gi', 'ephemeral-storage': '1Gi' });
  expect(amountsToJson(podLimits(podOf(shrinking), { useStatus: true }))).toEqual({ cpu: '2', memory: '1Gi' });
  expect(amountsToJson(podRequests(podOf(shrinking)))).toMatchObject({ cpu: '1' });
  const conditions = [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }];
  const has = { resources: whole('500m', '512Mi'), allocatedResources: { cpu: '500m', memory: '512Mi' } };
  expect(requests(podOf({ ...has, conditions }))).toMatchObject({ cpu: '500m', memory: '512Mi' });
});
