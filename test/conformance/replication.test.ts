/** ReplicationControllers: adoption, release, scale, what is told when no pod can be made, and their life as objects. */
import { expect } from 'vitest';
import pods from '#api/core/pod/index.js';
import replicationControllers from '#api/core/replicationcontroller.js';
import resourceQuotas from '#api/core/resourcequota.js';
import type { ReplicationController } from '#api/gen/core-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import { conformance, type Scene } from './conformance.js';
import { image, podOf } from './objects.js';
import { template } from './owned-pods.js';

function controllerNamed(name: string, namespace: string, replicas: number): ReplicationController {
  const labels = { name };
  return {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name, namespace, labels },
    spec: { replicas, selector: labels, template: template(labels) },
  };
}

const ownerOf = async ({ client, namespace }: Scene, pod: string) =>
  controllerOf(await client.of(pods).get(pod, { namespace }))?.uid;

conformance(
  '[sig-apps] ReplicationController should serve a basic image on each replica with a public image [Conformance]',
  async ({ client, namespace, until }) => {
    const name = 'my-hostname-basic';
    await client.of(replicationControllers).create(controllerNamed(name, namespace, 2));
    const running = async () => (await client.of(pods).list({ namespace, labelSelector: `name=${name}` })).items;
    await until(async () => (await running()).filter(({ status }) => status?.phase === 'Running').length === 2);
    expect((await running()).map(({ spec }) => spec.containers[0]?.image)).toEqual([image, image]);
  },
);

conformance('[sig-apps] ReplicationController should adopt matching pods on creation [Conformance]', async (scene) => {
  const { client, namespace, until } = scene;
  const name = 'pod-adoption';
  await client.of(pods).create(podOf(name, namespace, { labels: { name } }));
  const made = await client.of(replicationControllers).create(controllerNamed(name, namespace, 1));
  await until(async () => (await ownerOf(scene, name)) === made.metadata.uid);
  expect((await client.of(pods).list({ namespace })).items).toHaveLength(1);
});

conformance('[sig-apps] ReplicationController should release no longer matching pods [Conformance]', async (scene) => {
  const { client, namespace, until } = scene;
  const name = 'pod-release';
  const made = await client.of(replicationControllers).create(controllerNamed(name, namespace, 1));
  let pod = '';
  await until(async () => {
    const { items } = await client.of(pods).list({ namespace });
    pod = items[0]?.metadata.name ?? '';
    return pod !== '' && controllerOf(items[0]!)?.uid === made.metadata.uid;
  });
  const body = { metadata: { labels: { name: 'not-matching-name' } } };
  await client.of(pods).patch(pod, body, { type: 'strategic', namespace });
  await until(async () => (await ownerOf(scene, pod)) === undefined);
});

conformance(
  '[sig-apps] ReplicationController should surface a failure condition on a common issue like exceeded quota [Conformance]',
  async ({ client, namespace, until }) => {
    const name = 'condition-test';
    const metadata = { name, namespace };
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard: { pods: '2' } } };
    await client.of(resourceQuotas).create(quota);
    await until(async () => (await client.of(resourceQuotas).get(name, { namespace })).status?.hard?.['pods'] === '2');
    await client.of(replicationControllers).create(controllerNamed(name, namespace, 3));
    const failure = async () => {
      const { metadata: own, status } = await client.of(replicationControllers).get(name, { namespace });
      const isObserved = (status?.observedGeneration ?? 0) >= own.generation!;
      return isObserved ? (status?.conditions?.some(({ type }) => type === 'ReplicaFailure') ?? false) : undefined;
    };
    await until(async () => (await failure()) === true);
    const patch = { type: 'merge', namespace } as const;
    await client.of(replicationControllers).patch(name, { spec: { replicas: 2 } }, patch);
    await until(async () => (await failure()) === false);
  },
);

conformance(
  '[sig-apps] ReplicationController should get and update a ReplicationController scale [Conformance]',
  async ({ client, namespace, until }) => {
    const name = 'e2e-rc';
    await client.of(replicationControllers).create(controllerNamed(name, namespace, 1));
    const status = async () => (await client.of(replicationControllers).get(name, { namespace })).status;
    await until(async () => (await status())?.readyReplicas === 1);
    const source = client.of(replicationControllers);
    type Scale = { spec: { replicas: number }; metadata: object };
    const scale = <R>(method: 'GET' | 'PUT', body?: unknown) =>
      source.subresource<R>({ method, name, namespace, subresource: 'scale', body });
    const before = await scale<Scale>('GET');
    expect(before.spec.replicas).toBe(1);
    expect((await scale<Scale>('PUT', { ...before, spec: { replicas: 2 } })).spec.replicas).toBe(2);
    await until(async () => (await status())?.readyReplicas === 2);
  },
);

conformance(
  '[sig-apps] ReplicationController should test the lifecycle of a ReplicationController [Conformance]',
  async ({ client, namespace, observe }) => {
    const name = 'rc-test';
    const source = client.of(replicationControllers);
    const own = controllerNamed(name, namespace, 1);
    own.metadata.labels = { 'test-rc-static': 'true' };
    const watch = observe(replicationControllers, { namespace, labelSelector: 'test-rc-static=true' });
    await source.create(own);
    await watch.next({ type: 'ADDED' });
    await watch.next({ where: ({ status }) => status?.readyReplicas === 1 });
    const merge = { type: 'strategic', namespace } as const;
    await source.patch(name, { metadata: { labels: { 'test-rc': 'patched' } } }, merge);
    await watch.next({ where: ({ metadata }) => metadata.labels?.['test-rc'] === 'patched' });
    const status = { status: { readyReplicas: 0, availableReplicas: 0 } };
    await source.patch(name, status, { ...merge, subresource: 'status' });
    await watch.next({ where: (object) => (object.status?.readyReplicas ?? 0) === 0 });
    const read = await source.subresource<ReplicationController>({
      method: 'GET',
      name,
      namespace,
      subresource: 'status',
    });
    expect(read.metadata.name).toBe(name);
    await watch.next({ where: (object) => object.status?.readyReplicas === 1 });
    await source.patch(name, { spec: { replicas: 2 } }, { ...merge, subresource: 'scale' });
    await watch.next({ where: (object) => object.status?.readyReplicas === 2 });
    const changed = copy(await source.get(name, { namespace }));
    changed.metadata.labels!['test-rc'] = 'updated';
    await source.update(changed);
    await watch.next({ where: ({ metadata }) => metadata.labels?.['test-rc'] === 'updated' });
    const { items } = await source.list({ labelSelector: 'test-rc-static=true' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual([name]);
    await source.deleteCollection({ namespace, labelSelector: 'test-rc-static=true' });
    await watch.next({ type: 'DELETED' });
  },
);
