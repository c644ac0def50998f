/** Claims that ask for more than they have: whoever resizes the volume is told, and so is the user. */
import { expect, test } from 'vitest';
import events from '#api/core/event.js';
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import type { PersistentVolumeSpec } from '#api/gen/core-v1.js';
import storageClasses from '#api/storage/storageclass.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';

const namespace = 'default';
const accessModes = ['ReadWriteOnce'];

async function boundClaim(cluster: TestCluster, name: string, source: Partial<PersistentVolumeSpec>): Promise<void> {
  const client = cluster.client();
  const shared = { accessModes, storageClassName: 'growing' };
  await client.of(volumes).create({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `pv-${name}` },
    spec: { ...shared, capacity: { storage: '1Gi' }, ...source },
  });
  await client.of(claims).create({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace },
    spec: { ...shared, volumeName: `pv-${name}`, resources: { requests: { storage: '1Gi' } } },
  });
  await cluster.until(async () => (await client.of(claims).get(name, { namespace })).status?.phase === 'Bound');
}

test('a claim that grows waits for the program of its driver, whichever made the volume', async () => {
  const controllers = ['persistent-volume-binder', 'persistent-volume-releaser', 'expand-controller'];
  const cluster = await startTestCluster({ nodes: 0, scheduler: false, controllers });
  const client = cluster.client();
  await client.of(storageClasses).create({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'growing' },
    provisioner: 'disk.csi.example.com',
    allowVolumeExpansion: true,
  });
  await boundClaim(cluster, 'csi', { csi: { driver: 'disk.csi.example.com', volumeHandle: 'h' } });
  await boundClaim(cluster, 'old', { awsElasticBlockStore: { volumeID: 'vol-1' } });
  await boundClaim(cluster, 'nfs', { nfs: { server: 'nfs.example.com', path: '/' } });
  await cluster.advance(1000);
  const told = async () =>
    (await client.of(events).list({ namespace, fieldSelector: 'reason=ExternalExpanding' })).items.map(
      ({ type, involvedObject, source, message }) => [involvedObject.name, type, source?.component, message],
    );
  expect(await told()).toEqual([]);
  for (const name of ['csi', 'old', 'nfs']) {
    const spec = { resources: { requests: { storage: '2Gi' } } };
    await client.of(claims).patch(name, { spec }, { type: 'merge', namespace });
  }
  await cluster.until(async () => (await told()).length === 3);
  const waiting = 'waiting for an external controller to expand this PVC';
  const migrating = 'CSI migration enabled for kubernetes.io/aws-ebs; waiting for external resizer to expand the pvc';
  expect((await told()).sort()).toEqual([
    ['csi', 'Normal', 'volume_expand', waiting],
    ['nfs', 'Normal', 'volume_expand', waiting],
    ['old', 'Normal', 'volume_expand', migrating],
  ]);
  await cluster.until(async () => {
    const { metadata } = await client.of(claims).get('old', { namespace });
    return metadata.annotations?.['volume.kubernetes.io/storage-resizer'] === 'ebs.csi.aws.com';
  });
  expect(cluster.errors).toEqual([]);
  await cluster.stop();
});
