/** StatefulSets: their pods in order, their rollouts with partitions and history, and their status. */
import { expect } from 'vitest';
import statefulsets from '#api/apps/statefulset.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import type { StatefulSet } from '#api/gen/apps-v1.js';
import { copy } from '#base/json.js';
import { conformance, type Scene } from './conformance.js';
import { image, serviceOf } from './objects.js';
import { newImage, podsOf, template } from './owned-pods.js';
import { rescale } from './rescale.js';

const labels = { foo: 'bar', baz: 'blah' };

const setOf = (
  name: string,
  namespace: string,
  replicas: number,
  spec: Partial<StatefulSet['spec']> = {},
): StatefulSet =>
  ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace, labels },
    spec: { serviceName: 'test', replicas, selector: { matchLabels: labels }, template: template(labels), ...spec },
  }) as StatefulSet;

async function ready({ client, namespace, until }: Scene, name: string): Promise<StatefulSet> {
  let found: StatefulSet | undefined;
  await until(async () => {
    found = await client.of(statefulsets).get(name, { namespace });
    const { status, spec, metadata } = found;
    const isSeen = (status?.observedGeneration ?? 0) >= metadata.generation!;
    return isSeen && status?.readyReplicas === spec?.replicas && status?.replicas === spec?.replicas;
  }, 60_000);
  return found!;
}

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should have a working scale subresource [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    await client.of(services).create(serviceOf('test', namespace, { clusterIP: 'None', selector: labels }));
    await client.of(statefulsets).create(setOf('ss', namespace, 1));
    await ready(scene, 'ss');
    await rescale(scene, statefulsets, 'ss');
    expect((await ready(scene, 'ss')).spec?.replicas).toBe(4);
    expect((await podsOf(scene, 'ss')).map(({ metadata }) => metadata.name).sort()).toEqual([
      'ss-0',
      'ss-1',
      'ss-2',
      'ss-3',
    ]);
  },
);

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should list, patch and delete a collection of StatefulSets [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    await client.of(statefulsets).create(setOf('test-ss', namespace, 1));
    await ready(scene, 'test-ss');
    const body = {
      metadata: { labels: { 'test-ss': 'patched' } },
      spec: {
        replicas: 2,
        template: { spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'webserver', image: newImage }] } },
      },
    };
    await client.of(statefulsets).patch('test-ss', body, { type: 'strategic', namespace });
    await ready(scene, 'test-ss');
    const selection = { labelSelector: 'test-ss=patched' };
    const { items } = await client.of(statefulsets).list(selection);
    expect(items.map(({ spec }) => [spec?.replicas, spec?.template.spec?.containers[0]?.image])).toEqual([
      [2, newImage],
    ]);
    await client.of(statefulsets).deleteCollection({ namespace, ...selection });
    await until(async () => (await client.of(statefulsets).list(selection)).items.length === 0);
  },
);

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should validate Statefulset Status endpoints [Conformance]',
  async (scene) => {
    const { client, namespace, http, until } = scene;
    await client.of(statefulsets).create(setOf('ss', namespace, 1));
    await ready(scene, 'ss');
    const read = await http.send(`/apis/apps/v1/namespaces/${namespace}/statefulsets/ss/status`);
    expect(read.json.status.replicas).toBe(1);
    const condition = (type: string) => ({ type, status: 'True', reason: 'E2E', message: 'Set from e2e test' });
    await until(async () => {
      const changed = copy(await client.of(statefulsets).get('ss', { namespace }));
      changed.status!.conditions = [condition('StatusUpdate')];
      const updated = await client.of(statefulsets).updateStatus(changed);
      return updated.status?.conditions?.[0]?.type === 'StatusUpdate';
    });
    const body = { status: { conditions: [condition('StatusPatched')] } };
    const patched = await client
      .of(statefulsets)
      .patch('ss', body, { type: 'merge', namespace, subresource: 'status' });
    expect(patched.status?.conditions).toMatchObject([condition('StatusPatched')]);
  },
);

const imagesOf = async (scene: Scene, name: string) =>
  Object.fromEntries(
    (await podsOf(scene, name)).map(({ metadata, spec }) => [metadata.name, spec.containers[0]?.image]),
  );

const setImage = ({ client, namespace }: Scene, name: string, to: string, more: object = {}) => {
  const containers = [{ name: 'webserver', image: to }];
  return client
    .of(statefulsets)
    .patch(name, { spec: { ...more, template: { spec: { containers } } } }, { type: 'strategic', namespace });
};

const rolledTo = (scene: Scene, name: string, to: string) =>
  scene.until(async () => {
    const { status, spec } = await scene.client.of(statefulsets).get(name, { namespace: scene.namespace });
    const images = Object.values(await imagesOf(scene, name));
    return (
      images.every((one) => one === to) &&
      status?.updatedReplicas === spec?.replicas &&
      status?.currentRevision === status?.updateRevision
    );
  }, 60_000);

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should perform rolling updates and roll backs of template modifications [Conformance]',
  async (scene) => {
    const { client, namespace, observe } = scene;
    await client.of(statefulsets).create(setOf('ss2', namespace, 3));
    const { status: before } = await ready(scene, 'ss2');
    expect(before?.currentRevision).toBe(before?.updateRevision);
    const watch = observe(pods, { namespace });
    await setImage(scene, 'ss2', newImage);
    await rolledTo(scene, 'ss2', newImage);
    // From the last to the first.
    const gone = watch.events.filter(({ type }) => type === 'DELETED').map(({ object }) => object.metadata.name);
    expect(gone).toEqual(['ss2-2', 'ss2-1', 'ss2-0']);
    const { status: after } = await client.of(statefulsets).get('ss2', { namespace });
    expect(after?.currentRevision).not.toBe(before?.currentRevision);
    await setImage(scene, 'ss2', image);
    await rolledTo(scene, 'ss2', image);
    const { status: back } = await client.of(statefulsets).get('ss2', { namespace });
    expect(back?.currentRevision).toBe(before?.currentRevision);
  },
);

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should perform canary updates and phased rolling updates of template modifications [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const partitioned = (partition: number) => ({
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
    });
    await client.of(statefulsets).create(setOf('ss2', namespace, 3, partitioned(3) as Partial<StatefulSet['spec']>));
    await ready(scene, 'ss2');
    await setImage(scene, 'ss2', newImage);
    await ready(scene, 'ss2');
    expect(new Set(Object.values(await imagesOf(scene, 'ss2')))).toEqual(new Set([image]));
    await client.of(statefulsets).patch('ss2', { spec: partitioned(2) }, { type: 'merge', namespace });
    await until(async () => (await imagesOf(scene, 'ss2'))['ss2-2'] === newImage, 60_000);
    await ready(scene, 'ss2');
    expect(await imagesOf(scene, 'ss2')).toEqual({ 'ss2-0': image, 'ss2-1': image, 'ss2-2': newImage });
    // A pod that is lost comes back in the version that is its own.
    for (const name of ['ss2-0', 'ss2-2']) await client.of(pods).delete(name, { namespace, gracePeriodSeconds: 0 });
    await until(
      async () => (await podsOf(scene, 'ss2')).filter(({ status }) => status?.phase === 'Running').length === 3,
      60_000,
    );
    expect(await imagesOf(scene, 'ss2')).toEqual({ 'ss2-0': image, 'ss2-1': image, 'ss2-2': newImage });
    for (const partition of [1, 0])
      await client.of(statefulsets).patch('ss2', { spec: partitioned(partition) }, { type: 'merge', namespace });
    await rolledTo(scene, 'ss2', newImage);
  },
);
