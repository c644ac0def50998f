/** What a DaemonSet does on nodes where pods of two revisions, or pods that go, stand side by side. */
import { expect, test } from 'vitest';
import type { DaemonSet } from '#api/gen/apps-v1.js';
import type { Node, Pod } from '#api/gen/core-v1.js';
import { manage, rollOut, type Situation } from './decide.js';
import { nextStatus } from './status.js';

interface Given {
  node?: string;
  old?: boolean;
  ready?: boolean;
  phase?: string;
  going?: boolean;
}

let made = 0;
function pod({ node = 'a', old, ready, phase = 'Running', going }: Given): Pod {
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  const creationTimestamp = new Date(Date.UTC(2026, 0, 1) + 1000 * made++).toISOString();
  const labels = { 'controller-revision-hash': old ? 'old' : 'new' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `p${made}`, creationTimestamp, labels, deletionTimestamp: going ? creationTimestamp : undefined },
    spec: { nodeName: node, containers: [] },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime }] },
  };
}

function situation(
  given: Given[],
  { surge = 0, nodes = ['a'], closed = [] as string[] } = {},
): Situation & { pods: Pod[] } {
  const rollingUpdate = surge > 0 ? { maxSurge: surge, maxUnavailable: 0 } : { maxSurge: 0, maxUnavailable: 1 };
  const spec = { template: { spec: { containers: [] } }, updateStrategy: { type: 'RollingUpdate', rollingUpdate } };
  const set = { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'd', generation: 1 }, spec };
  const places = [...nodes, ...closed].map((name): Node => {
    const taints = closed.includes(name) ? [{ key: 'k', effect: 'NoSchedule' }] : [];
    return { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { taints } };
  });
  const all = given.map(pod);
  return { set: set as unknown as DaemonSet, nodes: places, pods: all, hash: 'new', nowMs: Date.UTC(2026, 1, 1) };
}

/** By the places of the pods among those that were given. */
function managed(one: Situation & { pods: Pod[] }) {
  const need = manage(one);
  return { create: need.create, delete: need.delete.map((gone) => one.pods.indexOf(gone)) };
}

function rolled(one: Situation & { pods: Pod[] }) {
  const need = rollOut(one);
  return { create: need.create, delete: need.delete.map((gone) => one.pods.indexOf(gone)) };
}

test('a pod that has ended and is going leaves its node free; one that still runs does not', () => {
  expect(managed(situation([{ phase: 'Failed', going: true }])).create).toEqual(['a']);
  expect(managed(situation([{ going: true }])).create).toEqual([]);
});

test('with surge nothing waits for a pod that is going', () => {
  expect(managed(situation([{ going: true }], { surge: 1 })).create).toEqual(['a']);
});

test.each<[string, Given[], number[]]>([
  ['both stay until the new one is available', [{ old: true, ready: true }, {}], []],
  ['the old one goes when the new one is available', [{ old: true, ready: true }, { ready: true }], [0]],
  ['the old one goes when it no longer works', [{ old: true }, {}], [0]],
  ['of several of a side the oldest stays', [{ old: true, ready: true }, {}, {}, { old: true }], [2, 3]],
])('with surge, %s', (_, given, gone) => {
  expect(managed(situation(given, { surge: 1 })).delete).toEqual(gone);
});

test('a rollout with surge makes no pod on a node that takes none, and ends one there only when enough others work', () => {
  const given: Given[] = [
    { node: 'a', old: true, ready: true },
    { node: 'b', old: true, ready: true },
  ];
  expect(rolled(situation(given, { surge: 1, closed: ['b'] }))).toEqual({ create: ['a'], delete: [1] });
  const broken: Given[] = [{ node: 'a', old: true }, given[1]!];
  expect(rolled(situation(broken, { surge: 1, closed: ['b'] }))).toEqual({ create: ['a'], delete: [] });
  expect(rolled(situation([{ node: 'b', old: true }], { surge: 1, closed: ['b'] })).delete).toEqual([0]);
});

test('of two pods on a node the older one is counted', () => {
  const one = situation([{ old: true }, { ready: true }], { surge: 1 });
  const known = { observedGeneration: 1 };
  expect(nextStatus(one, known)).toMatchObject({ numberReady: 0, numberAvailable: 0, updatedNumberScheduled: 0 });
  const other = situation([{ old: true, ready: true }, {}], { surge: 1 });
  expect(nextStatus(other, known)).toMatchObject({ numberReady: 1, numberAvailable: 1, updatedNumberScheduled: 0 });
});
