/** Which pod of a StatefulSet a rollout takes next, where others are missing or broken. */
import { expect, test } from 'vitest';
import type { StatefulSet } from '#api/gen/apps-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { decide } from './decide.js';

type Given = 'old' | 'new' | 'old broken' | 'new broken' | 'going' | 'none';

function pod(ordinal: number, given: Given): Pod {
  const at = '2026-01-01T00:00:00Z';
  const [revision] = given.split(' ');
  const labels = {
    'controller-revision-hash': revision === 'new' ? 'new' : 'old',
    'statefulset.kubernetes.io/pod-name': `web-${ordinal}`,
    'apps.kubernetes.io/pod-index': String(ordinal),
  };
  const ready = given.endsWith('broken') ? 'False' : 'True';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `web-${ordinal}`, labels, deletionTimestamp: given === 'going' ? at : undefined },
    spec: { containers: [] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready, lastTransitionTime: at }] },
  };
}

/** The ordinals to be deleted. */
function taken(given: Given[], { partition = 0, podManagementPolicy = 'Parallel' } = {}): number[] {
  const set = {
    metadata: { name: 'web' },
    spec: {
      replicas: given.length,
      podManagementPolicy,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
    },
  } as StatefulSet;
  const pods = given.flatMap((one, ordinal) => (one === 'none' ? [] : [pod(ordinal, one)]));
  const steps = decide({ set, pods, current: 'old', update: 'new', nowMs: Date.UTC(2026, 1, 1) });
  return steps.filter(({ type }) => type === 'delete').map(({ ordinal }) => ordinal);
}

test.each<[string, Given[], number[]]>([
  ['the highest first', ['old', 'old', 'old'], [2]],
  ['the next when those above work', ['old', 'old', 'new'], [1]],
  ['none while one above does not work', ['old', 'old', 'new broken'], []],
  ['none while one above is going', ['old', 'old', 'going'], []],
  ['none while one above is missing', ['old', 'old', 'none'], []],
  ['whatever state those below are in', ['old broken', 'old', 'old'], [2]],
  ['one that is broken itself', ['old', 'old broken', 'new'], [1]],
])('a rollout of parallel pods takes %s', (_, given, ordinals) => {
  expect(taken(given)).toEqual(ordinals);
});

test('below the partition nothing is taken, and in order a broken pod holds up all', () => {
  expect(taken(['old', 'old', 'new'], { partition: 2 })).toEqual([]);
  expect(taken(['old broken', 'old', 'old'], { podManagementPolicy: 'OrderedReady' })).toEqual([]);
});
