/** The objects of priority and fairness, by all that clients do with objects. */
import { expect } from 'vitest';
import flowschemas from '#api/flowcontrol/flowschema.js';
import prioritylevels from '#api/flowcontrol/prioritylevelconfiguration.js';
import type { FlowSchema, PriorityLevelConfiguration } from '#api/gen/flowcontrol-v1.js';
import { copy } from '#base/json.js';
import { conformance, type Scene, useCluster } from './conformance.js';
import { refusal } from './objects.js';

useCluster({ nodes: 0 });

type Kind = typeof flowschemas | typeof prioritylevels;

async function operate<T extends FlowSchema | PriorityLevelConfiguration>(
  { client, http, observe, until }: Scene,
  {
    ref,
    make,
    raise,
    valueOf: read,
  }: { ref: Kind; make: (name: string) => T; raise: (object: T) => void; valueOf: (object: T) => number },
): Promise<void> {
  const objects = client.of(ref as typeof flowschemas);
  const typed = (object: T) => object as FlowSchema;
  const root = '/apis/flowcontrol.apiserver.k8s.io/v1';
  expect((await http.send('/apis')).json.groups.map(({ name }: { name: string }) => name)).toContain(
    'flowcontrol.apiserver.k8s.io',
  );
  const names = (await http.send(root)).json.resources.map(({ name }: { name: string }) => name);
  expect(names).toEqual(expect.arrayContaining([ref.plural, `${ref.plural}/status`]));

  const selection = { labelSelector: `special-label=${ref.plural}` };
  const labelled = (name: string) => {
    const object = make(name);
    object.metadata.labels = { 'special-label': ref.plural };
    return typed(object);
  };
  const created = await objects.create(labelled('e2e-one'));
  const watch = observe(ref as typeof flowschemas, { ...selection, resourceVersion: created.metadata.resourceVersion });
  expect((await objects.get('e2e-one')).metadata.uid).toBe(created.metadata.uid);
  expect((await objects.list(selection)).items.length).toBe(1);
  const patched = await objects.patch('e2e-one', { metadata: { annotations: { patched: 'true' } } }, { type: 'merge' });
  expect(patched.metadata.annotations?.['patched']).toBe('true');
  await watch.next({ type: 'MODIFIED', where: ({ metadata }) => metadata.annotations?.['patched'] === 'true' });
  const before = read(patched as T);
  await until(async () => {
    const changed = copy(await objects.get('e2e-one')) as T;
    raise(changed);
    return read((await objects.update(typed(changed))) as T) === before + 1;
  });
  await watch.next({ type: 'MODIFIED', where: (object) => read(object as T) === before + 1 });

  const condition = { type: 'E2E', status: 'True', reason: 'E2E', message: 'Set from e2e test' };
  const status = { type: 'merge' as const, subresource: 'status' };
  const told = await objects.patch('e2e-one', { status: { conditions: [condition] } }, status);
  expect(told.status?.conditions).toContainEqual(expect.objectContaining(condition));
  await until(async () => {
    const withStatus = copy(await objects.get('e2e-one'));
    withStatus.status = { conditions: [...(withStatus.status?.conditions ?? []), { ...condition, type: 'E2E2' }] };
    const updated = await objects.updateStatus(withStatus);
    return updated.status?.conditions?.some(({ type }) => type === 'E2E2') ?? false;
  });
  const shown = await http.send(`${root}/${ref.plural}/e2e-one/status`);
  expect(shown.json.status.conditions.length).toBeGreaterThan(1);

  await objects.delete('e2e-one');
  await watch.next({ type: 'DELETED' });
  await refusal(objects.get('e2e-one'), 'NotFound');
  for (const name of ['e2e-two', 'e2e-three']) await objects.create(labelled(name));
  await objects.deleteCollection(selection);
  expect((await objects.list(selection)).items).toEqual([]);
}

conformance(
  '[sig-api-machinery] API priority and fairness should support FlowSchema API operations [Conformance]',
  async (scene) => {
    await operate<FlowSchema>(scene, {
      ref: flowschemas,
      make: (name) => ({
        apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
        kind: 'FlowSchema',
        metadata: { name },
        spec: {
          matchingPrecedence: 9000,
          priorityLevelConfiguration: { name: 'global-default' },
          rules: [
            {
              subjects: [{ kind: 'User', user: { name: 'example-e2e-non-existent-user' } }],
              nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
            },
          ],
        },
      }),
      raise: ({ spec }) => {
        spec.matchingPrecedence = 9001;
      },
      valueOf: ({ spec }) => spec.matchingPrecedence ?? 0,
    });
  },
);

conformance(
  '[sig-api-machinery] API priority and fairness should support PriorityLevelConfiguration API operations [Conformance]',
  async (scene) => {
    await operate<PriorityLevelConfiguration>(scene, {
      ref: prioritylevels,
      make: (name) => ({
        apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
        kind: 'PriorityLevelConfiguration',
        metadata: { name },
        spec: { type: 'Limited', limited: { nominalConcurrencyShares: 2, limitResponse: { type: 'Reject' } } },
      }),
      raise: ({ spec }) => {
        spec.limited!.nominalConcurrencyShares = 3;
      },
      valueOf: ({ spec }) => spec.limited?.nominalConcurrencyShares ?? 0,
    });
  },
);
