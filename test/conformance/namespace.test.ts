/** Namespaces: what may be changed in them, and that with one everything in it goes. */
import { expect } from 'vitest';
import configmaps from '#api/core/configmap.js';
import namespaces from '#api/core/namespace.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import type { Namespace } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { copy } from '#base/json.js';
import { conformance, type Scene } from './conformance.js';
import { podOf, refusal, serviceOf } from './objects.js';

async function goneNamespace({ client, until }: Scene, name: string): Promise<void> {
  await until(async () => {
    try {
      await client.of(namespaces).get(name);
      return false;
    } catch (error) {
      return isReason(error, 'NotFound');
    }
  }, 60_000);
}

async function recreate({ client }: Scene, name: string): Promise<void> {
  await client.of(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} });
}

conformance(
  '[sig-api-machinery] Namespaces should ensure that all pods are removed when a namespace is deleted [Conformance] [Serial]',
  async (scene) => {
    const { client, until } = scene;
    const namespace = await scene.makeNamespace('nsdeletetest');
    await client.of(pods).create(podOf('test-pod', namespace));
    await until(async () => (await client.of(pods).get('test-pod', { namespace })).status?.phase === 'Running');
    await client.of(namespaces).delete(namespace);
    await goneNamespace(scene, namespace);
    await recreate(scene, namespace);
    await refusal(client.of(pods).get('test-pod', { namespace }), 'NotFound');
  },
);

conformance(
  '[sig-api-machinery] Namespaces should ensure that all services are removed when a namespace is deleted [Conformance] [Serial]',
  async (scene) => {
    const { client } = scene;
    const namespace = await scene.makeNamespace('nsdeletetest');
    await client.of(services).create(serviceOf('test-service', namespace, { selector: { foo: 'bar', baz: 'blah' } }));
    await client.of(namespaces).delete(namespace);
    await goneNamespace(scene, namespace);
    await recreate(scene, namespace);
    await refusal(client.of(services).get('test-service', { namespace }), 'NotFound');
  },
);

conformance(
  '[sig-api-machinery] Namespaces should patch a Namespace [Conformance] [Serial]',
  async ({ client, makeNamespace }) => {
    const name = await makeNamespace('nspatchtest');
    const before = await client.of(namespaces).get(name);
    const body = { metadata: { labels: { testLabel: 'testValue' } } };
    const patched = await client.of(namespaces).patch(name, body, { type: 'strategic' });
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion));
    expect((await client.of(namespaces).get(name)).metadata.labels).toMatchObject({ testLabel: 'testValue' });
  },
);

conformance(
  '[sig-api-machinery] Namespaces should apply changes to a namespace status [Conformance] [Serial]',
  async ({ client, namespace, http }) => {
    const read = await http.send(`/api/v1/namespaces/${namespace}/status`);
    expect(read.json.status.phase).toBe('Active');
    const condition = (type: string, message: string) => ({ type, status: 'True' as const, reason: 'E2E', message });
    const patched = await client.of(namespaces).patch(
      namespace,
      {
        metadata: { annotations: { 'e2e-patched-ns-status': namespace } },
        status: { conditions: [condition('StatusPatch', 'Patched by an e2e test')] },
      },
      { type: 'merge', subresource: 'status' },
    );
    expect(patched.metadata.annotations?.['e2e-patched-ns-status']).toBe(namespace);
    expect(patched.status?.conditions).toMatchObject([condition('StatusPatch', 'Patched by an e2e test')]);
    const changed = copy(await client.of(namespaces).get(namespace));
    changed.status!.conditions!.push(condition('StatusUpdate', 'Updated by an e2e test'));
    const updated = await client.of(namespaces).updateStatus(changed);
    expect(updated.status?.conditions?.length).toBe(2);
    expect(updated.status?.conditions?.at(-1)).toMatchObject(condition('StatusUpdate', 'Updated by an e2e test'));
  },
);

conformance(
  '[sig-api-machinery] Namespaces should apply an update to a Namespace [Conformance] [Serial]',
  async ({ client, namespace }) => {
    const changed = copy(await client.of(namespaces).get(namespace));
    changed.metadata.labels = { ...changed.metadata.labels, [namespace]: 'updated' };
    const updated = await client.of(namespaces).update(changed);
    expect(updated.metadata.labels?.[namespace]).toBe('updated');
  },
);

conformance(
  '[sig-api-machinery] Namespaces should apply a finalizer to a Namespace [Conformance] [Serial]',
  async (scene) => {
    const { client } = scene;
    const finalizer = 'e2e.example.com/fakeFinalizer';
    const name = await scene.makeNamespace('e2e-ns');
    const finalize = async (edit: (finalizers: string[]) => string[]) => {
      const changed = copy(await client.of(namespaces).get(name));
      changed.spec = { finalizers: edit(changed.spec?.finalizers ?? []) };
      const request = { method: 'PUT' as const, name, subresource: 'finalize', body: changed };
      return await client.of(namespaces).subresource<Namespace>(request);
    };
    const added = await finalize((finalizers) => [...finalizers, finalizer]);
    expect(added.spec?.finalizers).toContain(finalizer);
    const removed = await finalize((finalizers) => finalizers.filter((one) => one !== finalizer));
    expect(removed.spec?.finalizers).not.toContain(finalizer);
    await client.of(namespaces).delete(name);
    await goneNamespace(scene, name);
  },
);

conformance(
  '[sig-api-machinery] OrderedNamespaceDeletion namespace deletion should delete pod first [Conformance]',
  async (scene) => {
    const { client, until } = scene;
    const namespace = await scene.makeNamespace('nsdeletetest');
    const finalizers = ['e2e.example.com/finalizer'];
    const pod = podOf('test-pod', namespace);
    await client.of(pods).create({ ...pod, metadata: { ...pod.metadata, finalizers } });
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'test-configmap', namespace, finalizers } };
    await client.of(configmaps).create(map);
    await until(async () => (await client.of(pods).get('test-pod', { namespace })).status?.phase === 'Running');
    await client.of(namespaces).delete(namespace);
    // The namespace has been looked at, the pod is being deleted, and nothing else is.
    await until(async () => {
      const { status } = await client.of(namespaces).get(namespace);
      return status?.conditions?.some(({ type }) => type === 'NamespaceDeletionContentFailure') ?? false;
    });
    expect((await client.of(pods).get('test-pod', { namespace })).metadata.deletionTimestamp).toBeDefined();
    expect(
      (await client.of(configmaps).get('test-configmap', { namespace })).metadata.deletionTimestamp,
    ).toBeUndefined();
    const release = { type: 'merge' as const, namespace };
    await client.of(pods).patch('test-pod', { metadata: { finalizers: null } }, release);
    await until(async () => {
      const { metadata } = await client.of(configmaps).get('test-configmap', { namespace });
      return metadata.deletionTimestamp !== undefined;
    });
    await refusal(client.of(pods).get('test-pod', { namespace }), 'NotFound');
    await client.of(configmaps).patch('test-configmap', { metadata: { finalizers: null } }, release);
    await goneNamespace(scene, namespace);
  },
);
