import { expect, test } from 'vitest';
import type { Container, Pod } from '#api/gen/core-v1.js';
import { podPhase } from './pod-status.js';
import { restartsAfter } from './restart-policy.js';

const container: Container = { name: 'c', image: 'i' };
const podOf = (restartPolicy: string, one = container) =>
  ({ metadata: {}, spec: { restartPolicy, containers: [one] } }) as Pod;
const rule = (operator: string, values: number[]) => ({ action: 'Restart', exitCodes: { operator, values } });

test.each<[string, Partial<Container>, { starts: number[]; ends: number[] }]>([
  ['Always', {}, { starts: [0, 1], ends: [] }],
  ['OnFailure', {}, { starts: [1], ends: [0] }],
  ['Never', {}, { starts: [], ends: [0, 1] }],
  ['Never', { restartPolicy: 'OnFailure' }, { starts: [1], ends: [0] }],
  ['Always', { restartPolicy: 'Never' }, { starts: [], ends: [0, 1] }],
  ['Never', { restartPolicy: 'Never', restartPolicyRules: [rule('In', [42])] }, { starts: [42], ends: [0, 1] }],
  ['Never', { restartPolicy: 'Never', restartPolicyRules: [rule('NotIn', [0, 7])] }, { starts: [1, 42], ends: [0, 7] }],
])(
  'in a pod of policy %s, a container with %o starts again and ends by its exit code',
  (policy, own, { starts, ends }) => {
    const one = { ...container, ...own };
    const again = (code: number) => restartsAfter(code, one, podOf(policy, one));
    expect(starts.map(again)).toEqual(starts.map(() => true));
    expect(ends.map(again)).toEqual(ends.map(() => false));
  },
);

test('a pod runs on while one of its containers is to start again, and has failed when none is', () => {
  const phase = (own: Partial<Container>, exitCode: number) => {
    const status = {
      name: 'c',
      ready: false,
      restartCount: 0,
      image: 'i',
      imageID: '',
      state: { terminated: { exitCode } },
    };
    return podPhase(podOf('Never', { ...container, ...own }), { containerStatuses: [status] }, { terminated: false });
  };
  expect(phase({}, 1)).toBe('Failed');
  expect(phase({ restartPolicy: 'OnFailure' }, 1)).toBe('Running');
  expect(phase({ restartPolicy: 'OnFailure' }, 0)).toBe('Succeeded');
});
