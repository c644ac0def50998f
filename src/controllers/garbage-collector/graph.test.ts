import { expect, test } from 'vitest';
import type { ResourceRef } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import { OwnershipGraph } from './graph.js';

const pods: ResourceRef = { group: '', versions: ['v1'], kind: 'Pod', plural: 'pods', namespaced: true };

function object(
  uid: string,
  owners: string[] = [],
  { finalizer, blocks = false }: { finalizer?: string; blocks?: boolean } = {},
): KubeObject {
  const ownerReferences = owners.map((owner) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    name: owner,
    uid: owner,
    blockOwnerDeletion: blocks,
  }));
  const deletion = finalizer ? { finalizers: [finalizer], deletionTimestamp: '2026-01-01T00:00:00Z' } : {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { uid, name: uid, namespace: 'default', ownerReferences, ...deletion },
  };
}

function graphOf(...objects: KubeObject[]): OwnershipGraph {
  const graph = new OwnershipGraph();
  for (const one of objects) graph.observe(pods, one);
  return graph;
}

test('a dependent of an owner never seen is checked, one of a known owner is not', () => {
  const graph = graphOf(object('owner'));
  expect(graph.observe(pods, object('a', ['owner'])).check).toEqual([]);
  expect(graph.observe(pods, object('b', ['nobody'])).check).toEqual(['b']);
  expect(graph.withUnseenOwners()).toEqual(['b']);
  expect(graph.observe(pods, object('b', ['nobody'])).check).toEqual([]);
});

test('when an owner goes, its dependents are checked', () => {
  const graph = graphOf(object('owner'), object('a', ['owner']), object('b', ['owner']), object('c'));
  expect(graph.remove('owner').check).toEqual(['a', 'b']);
  expect(graph.remove('owner').check).toEqual([]);
});

test('deletion in the foreground checks the dependents, then the owner as each goes or no longer blocks', () => {
  const graph = graphOf(
    object('owner'),
    object('a', ['owner'], { blocks: true }),
    object('b', ['owner'], { blocks: true }),
  );
  expect(graph.observe(pods, object('owner', [], { finalizer: 'foregroundDeletion' })).check).toEqual([
    'a',
    'b',
    'owner',
  ]);
  expect(graph.remove('a').check).toEqual(['owner']);
  expect(graph.observe(pods, object('b', ['owner'])).check).toContain('owner');
  expect(graph.blockingDependentsOf('owner')).toEqual([]);
  expect(graph.observe(pods, object('late', ['owner'])).check).toEqual(['late']);
});

test('deletion that orphans asks for that once', () => {
  const graph = graphOf(object('owner'), object('a', ['owner']));
  const deleted = object('owner', [], { finalizer: 'orphan' });
  expect(graph.observe(pods, deleted)).toEqual({ check: [], orphan: ['owner'] });
  expect(graph.observe(pods, deleted)).toEqual({ check: [], orphan: [] });
});

test('an owner reference that is taken away no longer makes a dependent', () => {
  const graph = graphOf(object('owner'), object('a', ['owner']));
  graph.observe(pods, object('a'));
  expect(graph.dependentsOf('owner')).toEqual([]);
  expect(graph.remove('owner').check).toEqual([]);
});
