/** Volumes of CSI drivers: asked for when a pod comes to a node, shown on the node, taken off when no pod is left. */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import events from '#api/core/event.js';
import nodes from '#api/core/node.js';
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { VolumeAttachment } from '#api/gen/storage-v1.js';
import csiDrivers from '#api/storage/csidriver.js';
import volumeAttachments from '#api/storage/volumeattachment.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';

const namespace = 'default';
const driver = 'disk.csi.example.com';
let cluster: TestCluster;

beforeEach(async () => {
  const controllers = ['attachdetach-controller', 'persistent-volume-binder', 'service-account-controller'];
  cluster = await startTestCluster({ nodes: 0, scheduler: false, controllers });
  for (const name of ['a', 'b']) {
    const annotations = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' };
    const status = { conditions: [{ type: 'Ready', status: 'True' }] };
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name, annotations }, spec: {}, status };
    await cluster.client().of(nodes).create(node);
  }
});

afterEach(async () => {
  expect(cluster.errors).toEqual([]);
  await cluster.stop();
});

async function disk(name: string, accessModes = ['ReadWriteOnce']): Promise<void> {
  const client = cluster.client();
  const resources = { requests: { storage: '1Gi' } };
  await client.of(volumes).create({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `pv-${name}` },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes,
      csi: { driver, volumeHandle: `handle-${name}` },
      storageClassName: 'x',
    },
  });
  await client.of(claims).create({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace },
    spec: { accessModes, resources, volumeName: `pv-${name}`, storageClassName: 'x' },
  });
}

async function user(name: string, nodeName: string, claimName = 'data'): Promise<void> {
  const spec = {
    nodeName,
    containers: [{ name: 'main', image: 'pause' }],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
  };
  await cluster.client().of(pods).create({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec });
}

const attachments = async () => (await cluster.client().of(volumeAttachments).list()).items;
const answer = ({ metadata }: VolumeAttachment, status: object) =>
  cluster.client().of(volumeAttachments).patch(metadata.name!, { status }, { type: 'merge', subresource: 'status' });
const onNode = async (name: string) =>
  ((await cluster.client().of(nodes).get(name)).status?.volumesAttached ?? []).map((one) => one.name);
const told = async (pod: string) =>
  (
    await cluster
      .client()
      .of(events)
      .list({ namespace, fieldSelector: `involvedObject.name=${pod}` })
  ).items.map(({ reason, message }) => `${reason}: ${message}`);
const attachedTo = (nodeName: string) =>
  cluster.until(async () => (await attachments()).some(({ spec }) => spec.nodeName === nodeName));

test('a volume is attached for its first user, shown on the node, and detached after its last', async () => {
  await disk('data');
  await user('one', 'a');
  await attachedTo('a');
  const [asked] = await attachments();
  const hash = createHash('sha256').update(`handle-data${driver}a`).digest('hex');
  expect(asked).toMatchObject({
    metadata: { name: `csi-${hash}` },
    spec: { attacher: driver, nodeName: 'a', source: { persistentVolumeName: 'pv-data' } },
  });
  expect(await onNode('a')).toEqual([]);
  await answer(asked!, { attached: true });
  await cluster.until(async () => String(await onNode('a')) === `kubernetes.io/csi/${driver}^handle-data`);
  await cluster.until(async () =>
    (await told('one')).includes('SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "pv-data" '),
  );
  await user('two', 'a');
  await cluster.client().of(pods).delete('one', { namespace, gracePeriodSeconds: 0 });
  await cluster.advance(10_000);
  expect(await attachments()).toHaveLength(1);
  await cluster.client().of(pods).delete('two', { namespace, gracePeriodSeconds: 0 });
  await cluster.until(async () => (await attachments()).length === 0 && (await onNode('a')).length === 0);
});

test('a volume for one node is refused to another until the first lets it go', async () => {
  await disk('data');
  await user('one', 'a');
  await attachedTo('a');
  await user('two', 'b');
  const message = 'FailedAttachVolume: Multi-Attach error for volume "pv-data" Volume is already used by pod(s) one';
  await cluster.until(async () => (await told('two')).includes(message));
  await cluster.client().of(pods).delete('one', { namespace, gracePeriodSeconds: 0 });
  await attachedTo('b');
  expect((await attachments()).map(({ spec }) => spec.nodeName)).toEqual(['b']);
});

test('a volume that may be shared is attached to both', async () => {
  await disk('data', ['ReadWriteMany']);
  await user('one', 'a');
  await user('two', 'b');
  await cluster.until(async () => (await attachments()).length === 2);
});

test('a driver that attaches nothing is not asked, and what it says of failures pods are told', async () => {
  await cluster
    .client()
    .of(csiDrivers)
    .create({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: driver },
      spec: { attachRequired: false },
    });
  await disk('data');
  await user('one', 'a');
  await cluster.advance(5_000);
  expect(await attachments()).toEqual([]);
  await cluster.client().of(csiDrivers).delete(driver);
  await attachedTo('a');
  await answer((await attachments())[0]!, {
    attached: false,
    attachError: { message: 'no such disk', time: '2026-01-01T00:00:00Z' },
  });
  const message = 'FailedAttachVolume: AttachVolume.Attach failed for volume "pv-data" : no such disk';
  await cluster.until(async () => (await told('one')).includes(message));
});

test('a mounted volume stays, until its node is not well for six minutes or is said to be out of service', async () => {
  await disk('data');
  await user('one', 'a');
  await attachedTo('a');
  await answer((await attachments())[0]!, { attached: true });
  const ready = (status: string) => ({ conditions: [{ type: 'Ready', status }] });
  const setStatus = (status: object) =>
    cluster.client().of(nodes).patch('a', { status }, { type: 'merge', subresource: 'status' });
  await setStatus({ volumesInUse: [`kubernetes.io/csi/${driver}^handle-data`] });
  await cluster.client().of(pods).delete('one', { namespace, gracePeriodSeconds: 0 });
  await cluster.advance(600_000);
  expect(await attachments()).toHaveLength(1);
  await setStatus(ready('Unknown'));
  await cluster.until(async () => (await attachments()).length === 0);
  await user('two', 'a');
  await attachedTo('a');
  await setStatus(ready('False'));
  await cluster.client().of(pods).delete('two', { namespace, gracePeriodSeconds: 0 });
  await cluster.advance(300_000);
  expect(await attachments()).toHaveLength(1);
  const taints = [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }];
  await cluster.client().of(nodes).patch('a', { spec: { taints } }, { type: 'merge' });
  await cluster.until(async () => (await attachments()).length === 0);
});
