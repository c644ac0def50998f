/** DaemonSets: a pod on each fitting node, rollouts with history, and their status. */
import { expect } from 'vitest';
import controllerrevisions from '#api/apps/controllerrevision.js';
import daemonsets from '#api/apps/daemonset.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { DaemonSet } from '#api/gen/apps-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';
import { conformance, type Scene } from './conformance.js';
import { image } from './objects.js';
import { newImage, podsOf, template } from './owned-pods.js';

const daemonLabels = { 'daemonset-name': 'daemon-set' };

const daemonOf = (namespace: string, spec: Partial<DaemonSet['spec']> = {}): DaemonSet =>
  ({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'daemon-set', namespace, labels: daemonLabels },
    spec: { selector: { matchLabels: daemonLabels }, template: template(daemonLabels), ...spec },
  }) as DaemonSet;

/** Each of these nodes has one running pod of the set, and no other has. */
const runsOn = (scene: Scene, wanted: string[]) =>
  scene.until(async () => {
    const running = (await podsOf(scene, 'daemon-set')).filter(
      ({ status, metadata }) => status?.phase === 'Running' && !metadata.deletionTimestamp,
    );
    return (
      running
        .map(({ spec }) => spec.nodeName)
        .sort()
        .join() === wanted.join()
    );
  }, 60_000);

const all = ['node-0', 'node-1'];

conformance('[sig-apps] Daemon set should run and stop simple daemon [Conformance] [Serial]', async (scene) => {
  const { client, namespace } = scene;
  await client.of(daemonsets).create(daemonOf(namespace));
  await runsOn(scene, all);
  const [pod] = await podsOf(scene, 'daemon-set');
  await client.of(pods).delete(pod!.metadata.name!, { namespace, gracePeriodSeconds: 0 });
  await runsOn(scene, all);
  expect((await podsOf(scene, 'daemon-set')).map(({ metadata }) => metadata.uid)).not.toContain(pod!.metadata.uid);
});

conformance('[sig-apps] Daemon set should run and stop complex daemon [Conformance] [Serial]', async (scene) => {
  const { client, namespace } = scene;
  const key = 'daemonset-color';
  const selecting = (color: string) => ({
    template: { ...template(daemonLabels), spec: { ...template(daemonLabels).spec, nodeSelector: { [key]: color } } },
  });
  const paint = (color: string | null) =>
    client.of(nodes).patch('node-1', { metadata: { labels: { [key]: color } } }, { type: 'merge' });
  await client.of(daemonsets).create(daemonOf(namespace, selecting('blue')));
  await runsOn(scene, []);
  await paint('blue');
  await runsOn(scene, ['node-1']);
  await paint('green');
  await runsOn(scene, []);
  const body = { spec: { ...selecting('green'), updateStrategy: { type: 'RollingUpdate' } } };
  await client.of(daemonsets).patch('daemon-set', body, { type: 'merge', namespace });
  await runsOn(scene, ['node-1']);
  await paint(null);
});

conformance('[sig-apps] Daemon set should retry creating failed daemon pods [Conformance] [Serial]', async (scene) => {
  const { client, namespace, until } = scene;
  await client.of(daemonsets).create(daemonOf(namespace));
  await runsOn(scene, all);
  const [pod] = await podsOf(scene, 'daemon-set');
  await client
    .of(pods)
    .patch(pod!.metadata.name!, { status: { phase: 'Failed' } }, { type: 'merge', namespace, subresource: 'status' });
  await until(
    async () => !(await podsOf(scene, 'daemon-set')).some(({ metadata }) => metadata.uid === pod!.metadata.uid),
    60_000,
  );
  await runsOn(scene, all);
});

const setDaemonImage = ({ client, namespace }: Scene, to: string) => {
  const spec = { template: { spec: { containers: [{ name: 'webserver', image: to }] } } };
  return client.of(daemonsets).patch('daemon-set', { spec }, { type: 'strategic', namespace });
};

const allRun = (scene: Scene, to: string) =>
  scene.until(async () => {
    const images = (await podsOf(scene, 'daemon-set')).map(
      ({ spec, status }) => status?.phase === 'Running' && spec.containers[0]?.image,
    );
    return images.length === all.length && images.every((one) => one === to);
  }, 60_000);

conformance(
  '[sig-apps] Daemon set should update pod when spec was updated and update strategy is RollingUpdate [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace } = scene;
    const hashesOf = async () => {
      const found = await client.of(controllerrevisions).list({ namespace });
      return found.items.map(
        ({ metadata, revision }) => [metadata.labels?.['controller-revision-hash'], revision] as const,
      );
    };
    await client.of(daemonsets).create(daemonOf(namespace, { updateStrategy: { type: 'RollingUpdate' } }));
    await runsOn(scene, all);
    const [[hash]] = (await hashesOf()) as [readonly [string, number]];
    expect(
      (await podsOf(scene, 'daemon-set')).map(({ metadata }) => metadata.labels?.['controller-revision-hash']),
    ).toEqual([hash, hash]);
    await setDaemonImage(scene, newImage);
    await allRun(scene, newImage);
    expect((await hashesOf()).map(([, revision]) => revision).sort()).toEqual([1, 2]);
    const newest = (await hashesOf()).find(([, revision]) => revision === 2)![0];
    expect(
      (await podsOf(scene, 'daemon-set')).every(
        ({ metadata }) => metadata.labels?.['controller-revision-hash'] === newest,
      ),
    ).toBe(true);
  },
);

conformance(
  '[sig-apps] Daemon set should rollback without unnecessary restarts [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace, until } = scene;
    await client.of(daemonsets).create(daemonOf(namespace, { updateStrategy: { type: 'RollingUpdate' } }));
    await runsOn(scene, all);
    const nodeOf = (pod: Pod) => pod.spec.nodeName;
    const before = await podsOf(scene, 'daemon-set');
    // The new version fits nowhere: at most one pod is replaced, and hangs.
    const unfit = {
      template: {
        spec: {
          containers: [{ name: 'webserver', image: 'foo:non-existent', resources: { requests: { cpu: '100000' } } }],
        },
      },
    };
    await client.of(daemonsets).patch('daemon-set', { spec: unfit }, { type: 'strategic', namespace });
    await until(
      async () =>
        (await podsOf(scene, 'daemon-set')).some(({ spec }) => spec.containers[0]?.image === 'foo:non-existent'),
      60_000,
    );
    const kept = (await podsOf(scene, 'daemon-set')).filter(({ spec }) => spec.containers[0]?.image === image);
    expect(kept.length).toBeGreaterThan(0);
    const back = { template: { spec: { containers: [{ name: 'webserver', image, resources: { requests: null } }] } } };
    await client.of(daemonsets).patch('daemon-set', { spec: back }, { type: 'strategic', namespace });
    await runsOn(scene, all);
    const after = await podsOf(scene, 'daemon-set');
    const uids = after.map(({ metadata }) => metadata.uid);
    for (const pod of kept) expect(uids, `the pod on ${nodeOf(pod)} was restarted`).toContain(pod.metadata.uid);
    expect(before.length).toBe(after.length);
  },
);

conformance(
  '[sig-apps] Daemon set should list and delete a collection of DaemonSets [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace, until } = scene;
    await client.of(daemonsets).create(daemonOf(namespace));
    await runsOn(scene, all);
    const selection = { labelSelector: 'daemonset-name=daemon-set' };
    expect((await client.of(daemonsets).list({ ...selection })).items.length).toBe(1);
    await client.of(daemonsets).deleteCollection({ namespace, ...selection });
    await until(async () => (await client.of(daemonsets).list({ namespace, ...selection })).items.length === 0);
  },
);

conformance(
  '[sig-apps] Daemon set should verify changes to a daemon set status [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace, http, until } = scene;
    await client.of(daemonsets).create(daemonOf(namespace));
    await runsOn(scene, all);
    const read = await http.send(`/apis/apps/v1/namespaces/${namespace}/daemonsets/daemon-set/status`);
    expect(read.json.status.desiredNumberScheduled).toBe(2);
    const condition = (type: string) => ({ type, status: 'True', reason: 'E2E', message: 'Set from e2e test' });
    await until(async () => {
      const changed = copy(await client.of(daemonsets).get('daemon-set', { namespace }));
      changed.status!.conditions = [condition('StatusUpdate')];
      return (await client.of(daemonsets).updateStatus(changed)).status?.conditions?.[0]?.type === 'StatusUpdate';
    });
    const body = { status: { conditions: [condition('StatusPatched')] } };
    const patched = await client
      .of(daemonsets)
      .patch('daemon-set', body, { type: 'merge', namespace, subresource: 'status' });
    expect(patched.status?.conditions).toMatchObject([condition('StatusPatched')]);
  },
);

conformance(
  '[sig-apps] ControllerRevision should manage the lifecycle of a ControllerRevision [Conformance] [Serial]',
  async (scene) => {
    const { client, namespace, until } = scene;
    await client.of(daemonsets).create(daemonOf(namespace));
    await runsOn(scene, all);
    const selection = { namespace, labelSelector: 'daemonset-name=daemon-set' };
    const { items } = await client.of(controllerrevisions).list({ ...selection, namespace: undefined });
    expect(items.length).toBe(1);
    const initial = items[0]!;
    const { name = '' } = initial.metadata;
    const patched = await client
      .of(controllerrevisions)
      .patch(name, { metadata: { labels: { [name]: 'patched' } } }, { type: 'strategic', namespace });
    expect(patched.metadata.labels?.[name]).toBe('patched');
    const own = { apiVersion: 'apps/v1', kind: 'ControllerRevision' };
    const made = await client.of(controllerrevisions).create({
      ...own,
      metadata: {
        name: 'own-revision',
        namespace,
        labels: daemonLabels,
        ownerReferences: initial.metadata.ownerReferences,
      },
      data: initial.data,
      revision: (initial.revision ?? 0) + 1,
    });
    expect(made.revision).toBe(2);
    await client.of(controllerrevisions).delete(name, { namespace });
    await until(async () => {
      const names = (await client.of(controllerrevisions).list(selection)).items.map(({ metadata }) => metadata.name);
      return names.includes('own-revision') || names.length > 0;
    });
    const updated = copy(await client.of(controllerrevisions).get('own-revision', { namespace }));
    updated.metadata.labels!['own-revision'] = 'updated';
    expect((await client.of(controllerrevisions).update(updated)).metadata.labels?.['own-revision']).toBe('updated');
    await client.of(controllerrevisions).deleteCollection({ namespace, labelSelector: 'own-revision=updated' });
    await until(
      async () =>
        (await client.of(controllerrevisions).list({ namespace, labelSelector: 'own-revision=updated' })).items
          .length === 0,
    );
  },
);
