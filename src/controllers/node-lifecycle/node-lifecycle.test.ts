import { expect, test } from 'vitest';
import type { Lease } from '#api/gen/coordination-v1.js';
import type { Node, Taint } from '#api/gen/core-v1.js';
import { defaultSettings } from '../settings.js';
import { type Heartbeat, listen, verdict as verdictBy } from './health.js';
import { missingOldLabels } from './node-labels.js';
import { wantedTaints } from './node-taints.js';
import { disruptionOf as disruptionBy } from './zones.js';

const { nodeMonitorGracePeriod: graceMs, nodeStartupGracePeriod: startupGraceMs } = defaultSettings;
/** By both clocks: as long after the start of the tests. */
const at = (ms: number) => ({ nowMs: startMs + ms, monotonicMs: ms });
const verdict = (node: Node, heartbeat: Heartbeat, ms: number) => verdictBy(node, heartbeat, defaultSettings, at(ms));
const disruptionOf = (nodes: readonly Node[]) => disruptionBy(nodes, defaultSettings);

const startMs = Date.parse('2026-01-01T00:00:00Z');

function node(
  name: string,
  {
    ready,
    heartbeat = 'h1',
    zone = '',
    taints,
    unschedulable,
  }: { ready?: string; heartbeat?: string; zone?: string; taints?: Taint[]; unschedulable?: boolean } = {},
): Node {
  const labels: Record<string, string> = zone ? { 'topology.kubernetes.io/zone': zone } : {};
  const conditions = ready
    ? [{ type: 'Ready', status: ready, lastHeartbeatTime: heartbeat, reason: 'KubeletReady' }]
    : [];
  const metadata = { name, uid: name, labels, creationTimestamp: '2026-01-01T00:00:00Z' };
  return { apiVersion: 'v1', kind: 'Node', metadata, spec: { taints, unschedulable }, status: { conditions } };
}

const lease = (renewTime: string) => ({ spec: { renewTime } }) as Lease;

test('a node is heard by its Lease or its status, and is unreachable 50 s after the last of either', () => {
  const one = node('a', { ready: 'True' });
  const first = listen(undefined, { node: one, lease: lease('1'), ...at(0) });
  const renewed = listen(first, { node: one, lease: lease('2'), ...at(40_000) });
  expect(listen(renewed, { node: one, lease: lease('2'), ...at(60_000) })).toEqual(renewed);
  expect(verdict(one, renewed, 40_000 + graceMs)).toBeUndefined();
  const conditions = verdict(one, renewed, 40_001 + graceMs);
  expect(conditions?.map(({ type, status, reason }) => [type, status, reason])).toEqual([
    ['Ready', 'Unknown', 'NodeStatusUnknown'],
    ['MemoryPressure', 'Unknown', 'NodeStatusNeverUpdated'],
    ['DiskPressure', 'Unknown', 'NodeStatusNeverUpdated'],
    ['PIDPressure', 'Unknown', 'NodeStatusNeverUpdated'],
  ]);
  expect(conditions?.[0]?.message).toBe('Kubelet stopped posting node status.');
  const silent = { ...one, status: { conditions } };
  expect(verdict(silent, listen(renewed, { node: silent, lease: lease('2'), ...at(91_000) }), 91_000)).toBeUndefined();
});

test('our own verdict is no sign of life, a renewed Lease after it is', () => {
  const before = listen(undefined, { node: node('a', { ready: 'True' }), lease: lease('1'), ...at(0) });
  const unknown = node('a', { ready: 'Unknown' });
  const after = listen(before, { node: unknown, lease: lease('1'), ...at(60_000) });
  expect(after.seenMs).toBe(0);
  expect(listen(after, { node: unknown, lease: lease('2'), ...at(70_000) }).seenMs).toBe(70_000);
});

test('a node that never said anything has 60 s from its creation', () => {
  const mute = node('a');
  const heard = listen(undefined, { node: mute, lease: undefined, ...at(30_000) });
  expect(verdict(mute, heard, startupGraceMs)).toBeUndefined();
  expect(verdict(mute, heard, startupGraceMs + 1)?.[0]).toMatchObject({
    type: 'Ready',
    reason: 'NodeStatusNeverUpdated',
  });
});

test('a silent node that is made again long after an earlier one of its name is unknown at once', () => {
  const before = listen(undefined, { node: node('a', { ready: 'True' }), lease: lease('2'), ...at(0) });
  const again = node('a');
  for (const [left, afterMs, isUnknown] of [
    [undefined, startupGraceMs, false],
    [undefined, startupGraceMs + 1, true],
    [lease('1'), startupGraceMs + 1, true],
    [lease('2'), startupGraceMs + 1, true],
    [lease('3'), startupGraceMs + 1, false],
  ] as const) {
    const heard = listen(before, { node: again, lease: left, ...at(afterMs) });
    expect(verdict(again, heard, afterMs) !== undefined).toBe(isUnknown);
  }
  const posted = node('a', { ready: 'True', heartbeat: '2026-01-01T02:00:00Z' });
  expect(listen(before, { node: posted, lease: undefined, ...at(startupGraceMs + 1) }).seenMs).toBe(startupGraceMs + 1);
});

test('a clock that is set makes no node silent', () => {
  const one = node('a', { ready: 'True' });
  const heard = listen(undefined, { node: one, lease: lease('1'), ...at(0) });
  const jumped = { nowMs: startMs + 3_600_000, monotonicMs: 1000 };
  expect(verdictBy(one, heard, defaultSettings, jumped)).toBeUndefined();
});

test('taints follow conditions; those of others, and times of those that stay, are kept', () => {
  const foreign = { key: 'gpu', effect: 'NoSchedule' };
  const old = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule', timeAdded: '2025-01-01T00:00:00Z' };
  const taints = (one: Node, mayExecute: boolean) =>
    wantedTaints(one, { mayExecute, nowMs: startMs }).map(
      ({ key, effect, timeAdded }) => `${key}:${effect}${timeAdded ? ` ${timeAdded}` : ''}`,
    );
  expect(taints(node('a', { ready: 'False', taints: [foreign, old] }), false)).toEqual([
    'gpu:NoSchedule',
    'node.kubernetes.io/not-ready:NoSchedule 2025-01-01T00:00:00Z',
  ]);
  expect(taints(node('a', { ready: 'Unknown', taints: [foreign, old] }), true)).toEqual([
    'gpu:NoSchedule',
    'node.kubernetes.io/unreachable:NoSchedule 2026-01-01T00:00:00Z',
    'node.kubernetes.io/unreachable:NoExecute 2026-01-01T00:00:00Z',
  ]);
  expect(taints(node('a', { ready: 'True', taints: [foreign, old] }), true)).toEqual(['gpu:NoSchedule']);
  expect(taints(node('a', { ready: 'True', unschedulable: true }), true)).toEqual([
    'node.kubernetes.io/unschedulable:NoSchedule 2026-01-01T00:00:00Z',
  ]);
});

test('evictions go on at 0.1 a second, stop in a small zone that is mostly down, slow down in a large one', () => {
  const nodes = (ready: number, silent: number, zone: string) => [
    ...Array.from({ length: ready }, (_, index) => node(`${zone}r${index}`, { ready: 'True', zone })),
    ...Array.from({ length: silent }, (_, index) => node(`${zone}s${index}`, { ready: 'Unknown', zone })),
  ];
  const { isTotal, ratePerSecond } = disruptionOf([
    ...nodes(3, 1, 'normal'),
    ...nodes(4, 6, 'small'),
    ...nodes(20, 40, 'large'),
    ...nodes(0, 2, 'down'),
  ]);
  expect(isTotal).toBe(false);
  expect(Object.fromEntries(ratePerSecond)).toEqual({ ':normal': 0.1, ':small': 0, ':large': 0.01, ':down': 0.1 });
  expect(disruptionOf([...nodes(0, 2, 'a'), ...nodes(0, 1, 'b')]).isTotal).toBe(true);
});

test('labels say the same by their older names', () => {
  expect(missingOldLabels({ 'kubernetes.io/os': 'linux', 'beta.kubernetes.io/os': 'linux' })).toEqual({});
  expect(missingOldLabels({ 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'arm64' })).toEqual({
    'beta.kubernetes.io/os': 'linux',
    'beta.kubernetes.io/arch': 'arm64',
  });
});
