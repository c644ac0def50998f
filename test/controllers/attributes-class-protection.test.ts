/** VolumeAttributesClasses that somebody names: they stay until nobody does. */
import { expect, test } from 'vitest';
import claims from '#api/core/persistentvolumeclaim.js';
import classes from '#api/storage/volumeattributesclass.js';
import { startTestCluster } from '#testing/index.js';

test('a class that is deleted stays while a claim names it', async () => {
  const controllers = ['volumeattributesclass-protection-controller'];
  const cluster = await startTestCluster({ nodes: 0, scheduler: false, controllers });
  try {
    const client = cluster.client();
    const made = await client.of(classes).create({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttributesClass',
      metadata: { name: 'fast' },
      driverName: 'disk.csi.example.com',
      parameters: { iops: '9' },
    });
    expect(made.metadata.finalizers).toEqual(['kubernetes.io/vac-protection']);
    await client.of(claims).create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'c', namespace: 'default', finalizers: [] },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: '',
        volumeAttributesClassName: 'fast',
        resources: { requests: { storage: '1Gi' } },
      },
    });
    await client.of(classes).delete('fast');
    await cluster.advance(5000);
    expect((await client.of(classes).get('fast')).metadata.deletionTimestamp).toBeDefined();

    await client.of(claims).patch('c', { metadata: { finalizers: null } }, { namespace: 'default', type: 'merge' });
    await client.of(claims).delete('c', { namespace: 'default' });
    await cluster.until(async () => (await client.of(classes).list()).items.length === 0);
  } finally {
    await cluster.stop();
  }
});
