/** StatefulSets in order: one pod after another, halting at the first that is not healthy; or all at once. */
import { expect } from 'vitest';
import statefulSets from '#api/apps/statefulset.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import { conformance, type Scene } from './conformance.js';
import { serviceOf } from './objects.js';
import { podsOf, template } from './owned-pods.js';

const name = 'ss';
const labels = { foo: 'bar', baz: 'blah' };
const all = ['ss-0', 'ss-1', 'ss-2'];
/** Stands for a probe that the pod passes or fails as the test wants. */
const gate = 'conformance.example.com/healthy';

async function start({ client, namespace }: Scene, podManagementPolicy: string): Promise<void> {
  await client.of(services).create(serviceOf('test', namespace, { clusterIP: 'None', selector: labels }));
  const own = template(labels);
  await client.of(statefulSets).create({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace, labels },
    spec: {
      serviceName: 'test',
      replicas: 1,
      podManagementPolicy,
      selector: { matchLabels: labels },
      template: { ...own, spec: { ...own.spec, readinessGates: [{ conditionType: gate }] } },
    },
  });
}

const names = async (scene: Scene) => (await podsOf(scene, name)).map(({ metadata }) => metadata.name).sort();

const count = (scene: Scene, wanted: number) => scene.until(async () => (await names(scene)).length === wanted);

async function ready({ client, namespace, until }: Scene, wanted: number): Promise<void> {
  await until(async () => {
    const { status } = await client.of(statefulSets).get(name, { namespace });
    return (status?.readyReplicas ?? 0) === wanted;
  });
}

async function scale({ client, namespace }: Scene, replicas: number): Promise<void> {
  await client.of(statefulSets).patch(name, { spec: { replicas } }, { type: 'merge', namespace });
}

async function setHealth({ client, namespace }: Scene, pod: string, isHealthy: boolean): Promise<void> {
  const conditions = [{ type: gate, status: isHealthy ? 'True' : 'False' }];
  const options = { type: 'strategic', namespace, subresource: 'status' } as const;
  await client.of(pods).patch(pod, { status: { conditions } }, options);
}

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Scaling should happen in predictable order and halt if any stateful pod is unhealthy [Conformance] [Slow]',
  async (scene) => {
    const { observe, namespace, cluster } = scene;
    const watch = observe(pods, { namespace });
    const seen = (type: string) =>
      watch.events.filter((event) => event.type === type).map(({ object }) => object.metadata.name);
    await start(scene, 'OrderedReady');
    await count(scene, 1);
    await scale(scene, 3);
    // The first is not healthy, and no second comes.
    await cluster.advance(1500);
    expect(await names(scene)).toEqual(['ss-0']);
    for (const [at, pod] of all.entries()) {
      await count(scene, at + 1);
      await setHealth(scene, pod, true);
    }
    await ready(scene, 3);
    expect(seen('ADDED')).toEqual(all);
    for (const pod of all) await setHealth(scene, pod, false);
    await ready(scene, 0);
    await scale(scene, 0);
    await cluster.advance(1500);
    // One that is not healthy may go only when none before it is unhealthy.
    expect(await names(scene)).toEqual(all);
    // The last first: healthy, it may go at once. The first need not be, since none is before it.
    for (const pod of ['ss-2', 'ss-1']) await setHealth(scene, pod, true);
    await count(scene, 0);
    // The list may be empty before the watch has told.
    await scene.until(() => seen('DELETED').length >= all.length);
    expect(seen('DELETED')).toEqual(all.toReversed());
  },
);

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] Burst scaling should run to completion even with unhealthy pods [Conformance] [Slow]',
  async (scene) => {
    await start(scene, 'Parallel');
    await count(scene, 1);
    await scale(scene, 3);
    await count(scene, 3);
    for (const pod of all) await setHealth(scene, pod, true);
    await ready(scene, 3);
    for (const pod of all) await setHealth(scene, pod, false);
    await ready(scene, 0);
    await scale(scene, 0);
    await count(scene, 0);
  },
);
