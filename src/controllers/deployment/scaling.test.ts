import { expect, test } from 'vitest';
import type { Deployment, ReplicaSet } from '#api/gen/apps-v1.js';
import { newestSize, rollingStep, type Sizes, scaledSizes } from './scaling.js';

function deployment(
  replicas: number,
  rollingUpdate = { maxSurge: '25%' as number | string, maxUnavailable: '25%' as number | string },
) {
  const spec = { replicas, selector: {}, template: {}, strategy: { type: 'RollingUpdate', rollingUpdate } };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec } as Deployment;
}

function set(
  name: string,
  size: number,
  { available = size, desired, max }: { available?: number; desired?: number; max?: number } = {},
) {
  const annotations: Record<string, string> = {};
  if (desired !== undefined) annotations['deployment.kubernetes.io/desired-replicas'] = String(desired);
  if (max !== undefined) annotations['deployment.kubernetes.io/max-replicas'] = String(max);
  const metadata = { name, creationTimestamp: `2026-01-01T00:00:0${name}Z`, annotations };
  const status = { replicas: size, availableReplicas: available };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata,
    spec: { replicas: size, selector: {} },
    status,
  } as ReplicaSet;
}

const sizes = (found: Sizes) => Object.fromEntries([...found].map(([one, size]) => [one.metadata.name, size]));

test('the newest grows by the surge first, then the old shrink by what is available beyond the minimum', () => {
  const wanted = deployment(10); // surge 3, unavailable 2
  expect(sizes(rollingStep(wanted, { newest: set('2', 0), old: [set('1', 10)] }))).toEqual({ 2: 3 });
  expect(sizes(rollingStep(wanted, { newest: set('2', 3, { available: 0 }), old: [set('1', 10)] }))).toEqual({ 1: 8 });
  expect(sizes(rollingStep(wanted, { newest: set('2', 5, { available: 0 }), old: [set('1', 8)] }))).toEqual({});
  expect(sizes(rollingStep(wanted, { newest: set('2', 5, { available: 4 }), old: [set('1', 8)] }))).toEqual({ 1: 4 });
});

test('old pods that serve nobody go before those that do', () => {
  const step = rollingStep(deployment(10), {
    newest: set('3', 0 + 3, { available: 0 }),
    old: [set('1', 8), set('2', 2, { available: 0 })],
  });
  expect(sizes(step)).toEqual({ 2: 0 });
});

test('with no surge and none unavailable allowed, one pod is: 0 and 0 would never move', () => {
  const wanted = deployment(4, { maxSurge: '1%', maxUnavailable: 0 });
  expect(sizes(rollingStep(wanted, { newest: set('2', 0), old: [set('1', 4)] }))).toEqual({ 2: 1 });
  const stuck = deployment(4, { maxSurge: 0, maxUnavailable: '1%' });
  expect(sizes(rollingStep(stuck, { newest: set('2', 0), old: [set('1', 4)] }))).toEqual({ 1: 3 });
});

test('a Recreate deployment takes all at once', () => {
  const wanted = deployment(4);
  wanted.spec.strategy = { type: 'Recreate' };
  expect(newestSize(wanted, { size: 0, others: [] })).toBe(4);
});

/** The cases of upstream's TestScale, in short. */
test('in the middle of a rollout, a change of replicas is shared in proportion', () => {
  const rolling = { desired: 10, max: 13 };
  const scaled = (to: number, newest: ReplicaSet, old: ReplicaSet[]) =>
    sizes(scaledSizes(deployment(to, { maxSurge: 3, maxUnavailable: 2 }), { newest, old }));
  // 10 -> 15, newest 5 and old 8 of 13: 18 allowed, 5 more
  expect(scaled(15, set('2', 5, { available: 0, ...rolling }), [set('1', 8, rolling)])).toEqual({ 1: 11, 2: 7 });
  // and down to 5: 8 allowed
  expect(scaled(5, set('2', 5, { available: 0, ...rolling }), [set('1', 8, rolling)])).toEqual({ 1: 5, 2: 3 });
  // to nothing
  expect(scaled(0, set('2', 5, { available: 0, ...rolling }), [set('1', 8, rolling)])).toEqual({ 1: 0, 2: 0 });
});

test('of a single used ReplicaSet the size is the whole', () => {
  expect(sizes(scaledSizes(deployment(7), { newest: set('2', 3), old: [set('1', 0)] }))).toEqual({ 2: 7 });
  expect(sizes(scaledSizes(deployment(7), { newest: undefined, old: [set('1', 0), set('2', 0)] }))).toEqual({ 2: 7 });
});

test('what is left of old ones goes once the newest has all', () => {
  const newest = set('2', 5, { desired: 5 });
  expect(sizes(scaledSizes(deployment(5), { newest, old: [set('1', 2)] }))).toEqual({ 1: 0 });
});
