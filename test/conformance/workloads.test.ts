/** Deployments and ReplicaSets: their status and scale, adoption, rollouts, and what goes or stays with an owner. */
import { expect } from 'vitest';
import deployments from '#api/apps/deployment.js';
import replicasets from '#api/apps/replicaset.js';
import pods from '#api/core/pod/index.js';
import type { Deployment, ReplicaSet } from '#api/gen/apps-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import { conformance, type Scene } from './conformance.js';
import { deploymentOf, image, podOf, refusal, replicaSetOf } from './objects.js';
import { rescale } from './rescale.js';

const newImage = 'registry.k8s.io/e2e-test-images/agnhost:2.47';

async function rolledOut({ client, until, namespace }: Scene, name: string): Promise<Deployment> {
  let found: Deployment | undefined;
  await until(async () => {
    found = await client.of(deployments).get(name, { namespace });
    const { status = {}, spec, metadata } = found;
    const wanted = spec!.replicas;
    const counts = [status.replicas, status.updatedReplicas, status.availableReplicas];
    return (status.observedGeneration ?? 0) >= metadata.generation! && counts.every((count) => (count ?? 0) === wanted);
  });
  return found!;
}

const own = async ({ client, namespace }: Scene, name: string): Promise<ReplicaSet[]> => {
  const { items } = await client.of(replicasets).list({ namespace });
  return items.filter((set) => controllerOf(set)?.name === name);
};

async function readyReplicas({ client, until, namespace }: Scene, name: string, count: number): Promise<void> {
  await until(async () => (await client.of(replicasets).get(name, { namespace })).status?.readyReplicas === count);
}

conformance('[sig-apps] Deployment Deployment should have a working scale subresource [Conformance]', async (scene) => {
  await scene.client.of(deployments).create(deploymentOf('test-new-deployment', scene.namespace, { name: 'httpd' }));
  await rolledOut(scene, 'test-new-deployment');
  await rescale(scene, deployments, 'test-new-deployment');
});

conformance('[sig-apps] ReplicaSet Replicaset should have a working scale subresource [Conformance]', async (scene) => {
  await scene.client.of(replicasets).create(replicaSetOf('test-rs', scene.namespace, { name: 'sample-pod' }, 1));
  await readyReplicas(scene, 'test-rs', 1);
  await rescale(scene, replicasets, 'test-rs');
});

conformance(
  '[sig-apps] Deployment RollingUpdateDeployment should delete old pods and create new ones [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const labels = { name: 'sample-pod', pod: 'httpd' };
    const revision = '3546343826724305832';
    const old = replicaSetOf('test-rolling-update-controller', namespace, labels, 1);
    old.metadata.annotations = { 'deployment.kubernetes.io/revision': revision };
    await client.of(replicasets).create(old);
    await readyReplicas(scene, 'test-rolling-update-controller', 1);
    const wanted = deploymentOf('test-rolling-update-deployment', namespace, labels);
    wanted.spec!.template.spec!.containers[0]!.image = newImage;
    await client.of(deployments).create(wanted);
    const done = await rolledOut(scene, 'test-rolling-update-deployment');
    expect(done.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3546343826724305833');
    const sets = await own(scene, 'test-rolling-update-deployment');
    expect(sets.map(({ metadata, spec }) => [metadata.name === old.metadata.name, spec?.replicas]).sort()).toEqual([
      [false, 1],
      [true, 0],
    ]);
  },
);

conformance(
  '[sig-apps] Deployment RecreateDeployment should delete old pods and create new ones [Conformance]',
  async (scene) => {
    const { client, namespace, observe } = scene;
    const labels = { name: 'sample-pod-3' };
    await client
      .of(deployments)
      .create(deploymentOf('test-recreate-deployment', namespace, labels, { strategy: { type: 'Recreate' } }));
    const { metadata } = await rolledOut(scene, 'test-recreate-deployment');
    expect(metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    const watch = observe(pods, { namespace });
    await watch.next({ type: 'ADDED' });
    const spec = { template: { spec: { containers: [{ name: 'main', image: newImage }] } } };
    await client.of(deployments).patch('test-recreate-deployment', { spec }, { type: 'strategic', namespace });
    await rolledOut(scene, 'test-recreate-deployment');
    // The old pod is gone before the new one comes.
    const kinds = watch.events.slice(1).filter(({ type }) => type !== 'MODIFIED');
    expect(kinds.map(({ type }) => type)).toEqual(['DELETED', 'ADDED']);
  },
);

conformance('[sig-apps] Deployment deployment should delete old replica sets [Conformance]', async (scene) => {
  const { client, namespace, until } = scene;
  const labels = { name: 'cleanup-pod', pod: 'httpd' };
  await client.of(replicasets).create(replicaSetOf('test-cleanup-controller', namespace, labels, 1));
  await readyReplicas(scene, 'test-cleanup-controller', 1);
  const wanted = deploymentOf('test-cleanup-deployment', namespace, labels, { revisionHistoryLimit: 0 });
  wanted.spec!.template.spec!.containers[0]!.image = newImage;
  await client.of(deployments).create(wanted);
  await until(async () => {
    const { items } = await client.of(replicasets).list({ namespace });
    return items.length === 1 && items[0]!.metadata.name !== 'test-cleanup-controller';
  });
});

conformance('[sig-apps] Deployment deployment should support rollover [Conformance]', async (scene) => {
  const { client, namespace } = scene;
  const labels = { name: 'rollover-pod' };
  await client.of(replicasets).create(replicaSetOf('test-rollover-controller', namespace, labels, 1));
  await readyReplicas(scene, 'test-rollover-controller', 1);
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } as const;
  const wanted = deploymentOf('test-rollover-deployment', namespace, labels, { strategy, minReadySeconds: 1 });
  wanted.spec!.template.spec!.containers[0]!.image = 'registry.k8s.io/redis-slave:nonexistent';
  await client.of(deployments).create(wanted);
  // A second change rolls over the first before it is done.
  const spec = { template: { spec: { containers: [{ name: 'main', image: newImage }] } } };
  await client.of(deployments).patch('test-rollover-deployment', { spec }, { type: 'strategic', namespace });
  await rolledOut(scene, 'test-rollover-deployment');
  const sets = await own(scene, 'test-rollover-deployment');
  const alive = sets.filter(({ spec: { replicas } = {} }) => replicas !== 0);
  expect(alive.map(({ spec: set }) => set?.template?.spec?.containers[0]?.image)).toEqual([newImage]);
});

conformance('[sig-apps] Deployment should run the lifecycle of a Deployment [Conformance]', async (scene) => {
  const { client, namespace, observe } = scene;
  const labels = { 'test-deployment-static': 'true' };
  const name = 'test-deployment';
  const watch = observe(deployments, { labelSelector: 'test-deployment-static=true' });
  await client.of(deployments).create(deploymentOf(name, namespace, labels, { replicas: 2 }));
  const isReady = ({ status }: Deployment) => status?.readyReplicas === 2;
  await watch.next({ type: 'ADDED' });
  await watch.next({ where: isReady });
  const body = {
    metadata: { labels: { 'test-deployment': 'patched' } },
    spec: { replicas: 1, template: { spec: { containers: [{ name: 'main', image: newImage }] } } },
  };
  await client.of(deployments).patch(name, body, { type: 'strategic', namespace });
  await watch.next({ where: ({ metadata }) => metadata.labels?.['test-deployment'] === 'patched' });
  await watch.next({ where: ({ status }) => status?.readyReplicas === 1 && status.updatedReplicas === 1 });
  const { items } = await client.of(deployments).list({ labelSelector: 'test-deployment-static=true' });
  expect(
    items.map(({ metadata, spec }) => [metadata.name, spec?.replicas, spec?.template.spec?.containers[0]?.image]),
  ).toEqual([[name, 1, newImage]]);
  const changed = copy(await client.of(deployments).get(name, { namespace }));
  changed.metadata.labels!['test-deployment'] = 'updated';
  changed.spec!.replicas = 2;
  await client.of(deployments).update(changed);
  await watch.next({ where: (object) => object.metadata.labels?.['test-deployment'] === 'updated' && isReady(object) });
  const status = await client
    .of(deployments)
    .subresource<Deployment>({ method: 'GET', name, namespace, subresource: 'status' });
  expect(status.status?.readyReplicas).toBe(2);
  // A status that contradicts itself is refused, as it is by upstream.
  const contradiction = { status: { readyReplicas: 0 } };
  const patch = { type: 'strategic' as const, namespace, subresource: 'status' };
  await refusal(client.of(deployments).patch(name, contradiction, patch), 'Invalid');
  await client.of(deployments).deleteCollection({ namespace, labelSelector: 'test-deployment-static=true' });
  await watch.next({ type: 'DELETED' });
});

conformance('[sig-apps] Deployment should validate Deployment Status endpoints [Conformance]', async (scene) => {
  const { client, namespace, http } = scene;
  const name = 'test-deployment-status';
  await client.of(deployments).create(deploymentOf(name, namespace, { e2e: 'testing' }));
  await rolledOut(scene, name);
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}/status`;
  expect((await http.send(path)).json.status.conditions.length).toBeGreaterThan(0);
  const condition = (type: string) => ({ type, status: 'True', reason: 'E2E', message: 'Set from e2e test' });
  const changed = copy(await client.of(deployments).get(name, { namespace }));
  changed.status!.conditions!.push(condition('StatusUpdate'));
  const updated = await client.of(deployments).updateStatus(changed);
  expect(updated.status?.conditions).toContainEqual(expect.objectContaining(condition('StatusUpdate')));
  const body = { status: { conditions: [condition('StatusPatched')] } };
  const patched = await client.of(deployments).patch(name, body, { type: 'merge', namespace, subresource: 'status' });
  expect(patched.status?.conditions).toMatchObject([condition('StatusPatched')]);
});

conformance(
  '[sig-apps] ReplicaSet should adopt matching pods on creation and release no longer matching pods [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const name = 'pod-adoption-release';
    await client.of(pods).create(podOf(name, namespace, { labels: { name } }));
    const set = await client.of(replicasets).create(replicaSetOf(name, namespace, { name }, 1));
    const owner = async () => controllerOf(await client.of(pods).get(name, { namespace }))?.uid;
    await until(async () => (await owner()) === set.metadata.uid);
    await client
      .of(pods)
      .patch(name, { metadata: { labels: { name: 'not-matching-name' } } }, { type: 'strategic', namespace });
    await until(async () => (await owner()) === undefined);
  },
);

conformance(
  '[sig-apps] ReplicaSet should serve a basic image on each replica with a public image [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    await client.of(replicasets).create(replicaSetOf('my-hostname-basic', namespace, { name: 'my-hostname-basic' }, 2));
    await readyReplicas(scene, 'my-hostname-basic', 2);
    const { items } = await client.of(pods).list({ namespace, labelSelector: 'name=my-hostname-basic' });
    expect(items.map(({ status, spec }) => [status?.phase, spec.containers[0]?.image])).toEqual([
      ['Running', image],
      ['Running', image],
    ]);
  },
);

conformance('[sig-apps] ReplicaSet Replace and Patch tests [Conformance]', async (scene) => {
  const { client, namespace, observe } = scene;
  const name = 'test-rs';
  const labels = { name: 'sample-pod', pod: 'httpd' };
  await client.of(replicasets).create(replicaSetOf(name, namespace, labels, 1));
  await readyReplicas(scene, name, 1);
  const watch = observe(replicasets, { namespace, labelSelector: 'pod=httpd' });
  const scaled = copy(await client.of(replicasets).get(name, { namespace }));
  scaled.spec!.replicas = 2;
  await client.of(replicasets).update(scaled);
  await watch.next({ where: ({ status }) => status?.readyReplicas === 2 });
  const body = {
    metadata: { labels: { 'test-rs': 'patched' } },
    spec: {
      replicas: 3,
      template: { spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: newImage }] } },
    },
  };
  await client.of(replicasets).patch(name, body, { type: 'strategic', namespace });
  const done = await watch.next({
    where: ({ metadata, spec, status }) =>
      metadata.labels?.['test-rs'] === 'patched' && spec?.replicas === 3 && status?.readyReplicas === 3,
  });
  expect(done.spec?.template?.spec?.containers[0]?.image).toBe(newImage);
});

conformance('[sig-apps] ReplicaSet should list and delete a collection of ReplicaSets [Conformance]', async (scene) => {
  const { client, namespace } = scene;
  const labels = { name: 'sample-pod', e2e: 'with-label' };
  await client.of(replicasets).create(replicaSetOf('test-rs', namespace, labels, 3));
  await readyReplicas(scene, 'test-rs', 3);
  const selection = { labelSelector: 'e2e=with-label' };
  expect((await client.of(replicasets).list(selection)).items.length).toBe(1);
  await client.of(replicasets).deleteCollection({ namespace, ...selection });
  expect((await client.of(replicasets).list(selection)).items).toEqual([]);
});

conformance('[sig-apps] ReplicaSet should validate Replicaset Status endpoints [Conformance]', async (scene) => {
  const { client, namespace, http, until } = scene;
  await client.of(replicasets).create(replicaSetOf('test-rs', namespace, { name: 'sample-pod' }, 1));
  await readyReplicas(scene, 'test-rs', 1);
  const status = await http.send(`/apis/apps/v1/namespaces/${namespace}/replicasets/test-rs/status`);
  expect(status.json.status.readyReplicas).toBe(1);
  const condition = (type: string) => ({ type, status: 'True', reason: 'E2E', message: 'Set from e2e test' });
  let updated: ReplicaSet | undefined;
  await until(async () => {
    const changed = copy(await client.of(replicasets).get('test-rs', { namespace }));
    changed.status!.conditions = [...(changed.status!.conditions ?? []), condition('StatusUpdate')];
    updated = await client.of(replicasets).updateStatus(changed);
    return true;
  });
  expect(updated?.status?.conditions).toMatchObject([condition('StatusUpdate')]);
  const body = { status: { conditions: [condition('StatusPatched')] } };
  const patched = await client
    .of(replicasets)
    .patch('test-rs', body, { type: 'merge', namespace, subresource: 'status' });
  expect(patched.status?.conditions).toMatchObject([condition('StatusPatched')]);
});

conformance(
  '[sig-api-machinery] Garbage collector should delete RS created by deployment when not orphaning [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const made = await client
      .of(deployments)
      .create(deploymentOf('simpletest', namespace, { name: 'gc' }, { replicas: 2 }));
    await until(async () => (await own(scene, 'simpletest')).length > 0);
    const preconditions = { uid: made.metadata.uid };
    await client.of(deployments).delete('simpletest', { namespace, propagationPolicy: 'Background', preconditions });
    const left = async () =>
      (await client.of(replicasets).list({ namespace })).items.length +
      (await client.of(pods).list({ namespace })).items.length;
    await until(async () => (await left()) === 0, 60_000);
  },
);

conformance(
  '[sig-api-machinery] Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const made = await client
      .of(deployments)
      .create(deploymentOf('simpletest', namespace, { name: 'gc' }, { replicas: 2 }));
    await rolledOut(scene, 'simpletest');
    const preconditions = { uid: made.metadata.uid };
    await client.of(deployments).delete('simpletest', { namespace, propagationPolicy: 'Orphan', preconditions });
    await until(async () => (await client.of(deployments).list({ namespace })).items.length === 0, 60_000);
    const sets = (await client.of(replicasets).list({ namespace })).items;
    expect(sets.map(controllerOf)).toEqual([undefined]);
    expect((await client.of(pods).list({ namespace })).items.length).toBe(2);
  },
);

conformance(
  '[sig-api-machinery] Garbage collector should not be blocked by dependency circle [Conformance]',
  async ({ client, namespace, until }) => {
    const made = await Promise.all(
      ['pod1', 'pod2', 'pod3'].map((name) => client.of(pods).create(podOf(name, namespace))),
    );
    for (const [at, { metadata }] of made.entries()) {
      const { name, uid } = made[(at + 2) % 3]!.metadata;
      const owner = { apiVersion: 'v1', kind: 'Pod', name, uid, controller: true, blockOwnerDeletion: true };
      await client
        .of(pods)
        .patch(metadata.name!, { metadata: { ownerReferences: [owner] } }, { type: 'strategic', namespace });
    }
    await client.of(pods).delete('pod1', { namespace, propagationPolicy: 'Foreground' });
    await until(async () => (await client.of(pods).list({ namespace })).items.length === 0, 60_000);
  },
);
