/** All that clients do with the objects of a kind, one after another, as upstream's tests of API operations do it. */
import { expect } from 'vitest';
import type { ResourceRef } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import type { Scene } from './conformance.js';
import { refusal } from './objects.js';

export interface Lifecycle {
  ref: ResourceRef;
  make(name: string): KubeObject;
  /** Names of the objects; each must differ from the others where the kind asks for it. Default: three plain ones. */
  names?: [string, string, string];
  /** Default: false. */
  hasStatus?: boolean;
}

export async function liveThrough(
  scene: Scene,
  { ref, make, hasStatus = false, ...options }: Lifecycle,
): Promise<void> {
  const { client, http, observe, until } = scene;
  const { group, versions, plural } = ref;
  const root = group ? `/apis/${group}/${versions[0]}` : `/api/${versions[0]}`;
  const { resources } = (await http.send(root)).json;
  const served = resources.map(({ name }: { name: string }) => name);
  expect(served).toEqual(expect.arrayContaining(hasStatus ? [plural, `${plural}/status`] : [plural]));

  const objects = client.of(ref);
  const scope = ref.namespaced ? { namespace: scene.namespace } : {};
  const [first, second, third] = options.names ?? [`${plural}-one`, `${plural}-two`, `${plural}-three`];
  const label = `e2e-${scene.namespace}`;
  const selection = { labelSelector: `e2e=${label}`, ...scope };
  const labelled = (name: string) => {
    const object = make(name);
    return { ...object, metadata: { ...object.metadata, ...scope, labels: { ...object.metadata.labels, e2e: label } } };
  };
  const made = await objects.create(labelled(first));
  const watch = observe(ref, { ...selection, resourceVersion: made.metadata.resourceVersion });
  expect((await objects.get(first, scope)).metadata.uid).toBe(made.metadata.uid);
  expect((await objects.list({ labelSelector: selection.labelSelector })).items.length).toBe(1);
  expect((await objects.list(selection)).items.length).toBe(1);

  const patched = await objects.patch(
    first,
    { metadata: { annotations: { patched: 'true' } } },
    { type: 'merge', ...scope },
  );
  expect(patched.metadata.annotations?.['patched']).toBe('true');
  await watch.next({ type: 'MODIFIED', where: ({ metadata }) => metadata.annotations?.['patched'] === 'true' });
  await until(async () => {
    const changed = copy(await objects.get(first, scope));
    changed.metadata.annotations = { ...changed.metadata.annotations, updated: 'true' };
    return (await objects.update(changed)).metadata.annotations?.['updated'] === 'true';
  });
  await watch.next({ where: ({ metadata }) => metadata.annotations?.['updated'] === 'true' });
  if (hasStatus) {
    const namespaced = ref.namespaced ? `/namespaces/${scene.namespace}` : '';
    expect((await http.send(`${root}${namespaced}/${plural}/${first}/status`)).status).toBe(200);
  }
  for (const name of [second, third]) await objects.create(labelled(name));
  expect((await objects.list(selection)).items.length).toBe(3);
  await objects.delete(first, scope);
  await until(() =>
    objects.get(first, scope).then(
      () => false,
      () => true,
    ),
  );
  await refusal(objects.get(first, scope), 'NotFound');
  await watch.next({ type: 'DELETED' });
  await objects.deleteCollection(selection);
  await until(async () => (await objects.list(selection)).items.length === 0);
}
