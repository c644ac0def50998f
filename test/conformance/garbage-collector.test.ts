/** What becomes of pods whose controller is deleted: in the background, in the foreground, or left as orphans. */
import { expect } from 'vitest';
import pods from '#api/core/pod/index.js';
import replicationcontrollers from '#api/core/replicationcontroller.js';
import type { Pod, ReplicationController } from '#api/gen/core-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import { conformance, type Scene } from './conformance.js';
import { image } from './objects.js';

function controllerNamed(name: string, namespace: string, replicas: number): ReplicationController {
  const labels = { gc: name };
  const template = {
    metadata: { labels },
    spec: { containers: [{ name: 'main', image }], terminationGracePeriodSeconds: 0 },
  };
  return {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name, namespace },
    spec: { replicas, selector: labels, template },
  };
}

const podsOf = async ({ client, namespace }: Scene): Promise<Pod[]> =>
  (await client.of(pods).list({ namespace })).items;

async function createWithPods(scene: Scene, name: string, replicas: number): Promise<ReplicationController> {
  const { client, namespace, until } = scene;
  const created = await client.of(replicationcontrollers).create(controllerNamed(name, namespace, replicas));
  await until(async () => {
    const { status } = await client.of(replicationcontrollers).get(name, { namespace });
    return status?.replicas === replicas;
  });
  return created;
}

const exists = async ({ client, namespace }: Scene, name: string): Promise<boolean> =>
  (await client.of(replicationcontrollers).list({ namespace })).items.some(({ metadata }) => metadata.name === name);

conformance(
  '[sig-api-machinery] Garbage collector should delete pods created by rc when not orphaning [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const { metadata } = await createWithPods(scene, 'simpletest.rc', 2);
    const preconditions = { uid: metadata.uid };
    const options = { namespace, propagationPolicy: 'Background', preconditions } as const;
    await client.of(replicationcontrollers).delete('simpletest.rc', options);
    expect(await exists(scene, 'simpletest.rc')).toBe(false);
    await until(async () => (await podsOf(scene)).length === 0);
  },
);

conformance(
  '[sig-api-machinery] Garbage collector should orphan pods created by rc if delete options say so [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace, until, cluster } = scene;
    const replicas = 100;
    await createWithPods(scene, 'simpletest.rc', replicas);
    const options = { namespace, propagationPolicy: 'Orphan' } as const;
    await client.of(replicationcontrollers).delete('simpletest.rc', options);
    await until(async () => !(await exists(scene, 'simpletest.rc')));
    await cluster.clock.sleep(3_000);
    const left = await podsOf(scene);
    expect(left).toHaveLength(replicas);
    expect(left.filter((pod) => controllerOf(pod) || pod.metadata.deletionTimestamp)).toEqual([]);
  },
);

conformance(
  '[sig-api-machinery] Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const { metadata } = await createWithPods(scene, 'simpletest.rc', 20);
    const preconditions = { uid: metadata.uid };
    const options = { namespace, propagationPolicy: 'Foreground', preconditions } as const;
    await client.of(replicationcontrollers).delete('simpletest.rc', options);
    await until(async () => {
      // Asked in this order: a controller that is still there proves nothing of pods that are asked for later.
      const there = await exists(scene, 'simpletest.rc');
      const left = await podsOf(scene);
      if (!there) expect(left).toEqual([]);
      return !there;
    });
  },
);

conformance(
  "[sig-api-machinery] Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted [Conformance] [Serial]",
  async (scene) => {
    const { client, namespace, until, cluster } = scene;
    const half = 10;
    const deleted = await createWithPods(scene, 'simpletest-rc-to-be-deleted', 2 * half);
    const stays = await client
      .of(replicationcontrollers)
      .create(controllerNamed('simpletest-rc-to-stay', namespace, 0));
    const owner = { apiVersion: 'v1', kind: stays.kind, name: stays.metadata.name!, uid: stays.metadata.uid! };
    const shared = (await podsOf(scene)).slice(0, half).map(({ metadata }) => metadata.name!);
    for (const name of shared) {
      const patch = { metadata: { ownerReferences: [owner] } };
      await client.of(pods).patch(name, patch, { type: 'strategic', namespace });
    }
    const preconditions = { uid: deleted.metadata.uid };
    const options = { namespace, propagationPolicy: 'Foreground', preconditions } as const;
    await client.of(replicationcontrollers).delete('simpletest-rc-to-be-deleted', options);
    await until(async () => !(await exists(scene, 'simpletest-rc-to-be-deleted')));
    await cluster.clock.sleep(1_000);
    const left = await podsOf(scene);
    expect(left.map(({ metadata }) => metadata.name).sort()).toEqual(shared.sort());
    for (const { metadata } of left) {
      expect(metadata.deletionTimestamp).toBeUndefined();
      expect(metadata.ownerReferences).toEqual([owner]);
    }
  },
);
