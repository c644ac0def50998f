import { expect, test } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { deletionOrder, plainDeletionOrder } from './pod-deletion-order.js';

const nowMs = Date.parse('2026-01-01T12:00:00Z');

function pod(
  name: string,
  {
    node = 'n1',
    phase = 'Running',
    readyAt,
    cost,
    restarts = 0,
    sidecarRestarts = 0,
    created = '2026-01-01T00:00:00Z',
  }: {
    node?: string;
    phase?: string;
    readyAt?: string;
    cost?: string;
    restarts?: number;
    sidecarRestarts?: number;
    created?: string;
  } = {},
): Pod {
  const annotations = cost === undefined ? undefined : { 'controller.kubernetes.io/pod-deletion-cost': cost };
  const conditions = readyAt ? [{ type: 'Ready', status: 'True', lastTransitionTime: readyAt }] : [];
  const statuses = (name: string, restartCount: number) =>
    [{ name, restartCount }] as NonNullable<Pod['status']>['containerStatuses'];
  const containerStatuses = statuses('c', restarts);
  const initContainerStatuses = statuses('s', sidecarRestarts);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, uid: name, creationTimestamp: created, annotations },
    spec: { containers: [], initContainers: [{ name: 's', restartPolicy: 'Always' }], nodeName: node || undefined },
    status: { phase, conditions, containerStatuses, initContainerStatuses },
  };
}

const ready = '2026-01-01T01:00:00Z';

/** Each list is in the order of deletion, for the one reason that its name says. */
test.each([
  ['unassigned before assigned', [pod('a', { node: '' }), pod('b')]],
  ['pending before unknown before running', [pod('c', { phase: 'Pending' }), pod('b', { phase: 'Unknown' }), pod('a')]],
  ['not ready before ready', [pod('b'), pod('a', { readyAt: ready })]],
  ['a lower deletion cost first', [pod('c', { cost: '-5' }), pod('b'), pod('a', { cost: '7' })]],
  [
    'ready for hours after ready for minutes',
    [pod('b', { readyAt: '2026-01-01T11:58:00Z' }), pod('a', { readyAt: ready })],
  ],
  ['about the same age: by uid', [pod('a', { readyAt: '2026-01-01T01:00:10Z' }), pod('b', { readyAt: ready })]],
  ['more restarts first', [pod('b', { restarts: 3 }), pod('a')]],
  ['more restarts of a sidecar first', [pod('b', { sidecarRestarts: 1 }), pod('a')]],
  // Half a power of two apart, and of one magnitude nonetheless.
  [
    'ages within a power of two: by uid',
    [pod('a', { readyAt: '2026-01-01T00:01:00Z' }), pod('b', { readyAt: '2026-01-01T02:00:00Z' })],
  ],
  ['younger first', [pod('b', { created: '2026-01-01T11:59:00Z' }), pod('a')]],
])('%s', (_, expected) => {
  const shuffled = [...expected].reverse();
  const order = deletionOrder(shuffled, { related: [], nowMs });
  expect(order.map(({ metadata }) => metadata.name)).toEqual(expected.map(({ metadata }) => metadata.name));
});

test('of ready pods, those on the most crowded node first', () => {
  const all = [pod('a', { readyAt: ready }), pod('b', { readyAt: ready, node: 'n2' })];
  const related = [...all, pod('other', { node: 'n2' })];
  expect(deletionOrder(all, { related, nowMs }).map(({ metadata }) => metadata.name)).toEqual(['b', 'a']);
});

test('a deletion cost that is no number counts as 0', () => {
  const all = [pod('b', { cost: '1' }), pod('a', { cost: 'x5' })];
  expect(deletionOrder(all, { related: [], nowMs })[0]?.metadata.name).toBe('a');
});

test('a Job heeds neither cost nor magnitude', () => {
  const costly = pod('b', { cost: '7', readyAt: '2026-01-01T01:00:10Z' });
  const all = [pod('a', { readyAt: ready }), costly];
  expect(plainDeletionOrder(all).map(({ metadata }) => metadata.name)).toEqual(['b', 'a']);
});
