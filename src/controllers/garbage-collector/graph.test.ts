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
  expect(graph.withDoubtfulOwners()).toEqual(['b']);
  expect(graph.observe(pods, object('b', ['nobody'])).check).toEqual([]);
});

test('a dependent that names its owner wrongly, or from another namespace, is checked', () => {
  const graph = graphOf(object('owner'));
  const elsewhere = (one: KubeObject, namespace: string) => ({ ...one, metadata: { ...one.metadata, namespace } });
  const misnamed = object('b', ['owner']);
  misnamed.metadata.ownerReferences![0]!.name = 'other';
  expect(graph.observe(pods, elsewhere(object('a', ['owner']), 'far')).check).toEqual(['a']);
  expect(graph.observe(pods, misnamed).check).toEqual(['b']);
  expect(graph.withDoubtfulOwners()).toEqual(['a', 'b']);
  // Seen the other way round, too.
  const late = graphOf(object('c', ['late']), elsewhere(object('d', ['late']), 'far'));
  expect(late.observe(pods, object('late')).check).toEqual(['d']);
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
