/** PersistentVolumes and their claims on the real API server: found, bound, waited for, released and lost. */
import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import events from '#api/core/event.js';
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.js';
import type { StorageClass } from '#api/gen/storage-v1.js';
import storageClasses from '#api/storage/storageclass.js';
import attributesClasses from '#api/storage/volumeattributesclass.js';
import { finishPod } from './finish-pod.js';
import { TestCluster } from './test-cluster.js';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await TestCluster.start();
});
afterEach(() => cluster.end());

function volume(name: string, storage: string, spec: PersistentVolume['spec'] = {}): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' }, ...spec },
  };
}

function claim(name: string, storage: string, spec: PersistentVolumeClaim['spec'] = {}): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, storageClassName: '', ...spec },
  };
}

function storageClass(name: string, more: Partial<StorageClass> = {}): StorageClass {
  return { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name }, provisioner: 'x.io/y', ...more };
}

const create = (...all: (PersistentVolume | PersistentVolumeClaim | StorageClass)[]) =>
  Promise.all(
    all.map((one) => {
      if (one.kind === 'StorageClass') return cluster.client.of(storageClasses).create(one as StorageClass);
      if (one.kind === 'PersistentVolume') return cluster.client.of(volumes).create(one as PersistentVolume);
      return cluster.client.of(claims).create(one as PersistentVolumeClaim);
    }),
  );
const phaseOf = async (name: string) => (await cluster.get(volumes, name)).status?.phase;
const claimPhase = (name: string, phase: string) => async () =>
  (await cluster.get(claims, name)).status?.phase === phase;
const told = async (name: string) =>
  (await cluster.list(events))
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason, message }) => `${reason}: ${message}`);

test('a claim gets the smallest volume that is large enough', async () => {
  await create(volume('small', '1Gi'), volume('large', '10Gi'), volume('middle', '5Gi'));
  await cluster.until(async () => (await cluster.list(volumes)).every(({ status }) => status?.phase === 'Available'));
  await create(claim('c', '2Gi'));
  await cluster.until(claimPhase('c', 'Bound'));
  const bound = await cluster.get(claims, 'c');
  expect(bound.spec).toMatchObject({ volumeName: 'middle' });
  expect(bound.status).toEqual({ phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '5Gi' } });
  expect(bound.metadata.annotations).toEqual({
    'pv.kubernetes.io/bind-completed': 'yes',
    'pv.kubernetes.io/bound-by-controller': 'yes',
  });
  const middle = await cluster.get(volumes, 'middle');
  expect(middle.status?.phase).toBe('Bound');
  expect(middle.metadata.annotations).toEqual({ 'pv.kubernetes.io/bound-by-controller': 'yes' });
  expect(middle.spec?.claimRef).toMatchObject({ kind: 'PersistentVolumeClaim', name: 'c', uid: bound.metadata.uid });
  expect(await phaseOf('small')).toBe('Available');
});

test('no volume that differs in class, mode, access or labels will do', async () => {
  await create(
    volume('class', '1Gi', { storageClassName: 'x' }),
    volume('access', '1Gi', { accessModes: ['ReadOnlyMany'] }),
    volume('block', '1Gi', { volumeMode: 'Block' }),
    volume('labels', '1Gi'),
    claim('c', '1Gi', { selector: { matchLabels: { a: 'b' } } }),
  );
  await cluster.advance(20_000);
  expect((await cluster.get(claims, 'c')).status?.phase).toBe('Pending');
  expect(await told('c')).toEqual([
    'FailedBinding: no persistent volumes available for this claim and no storage class is set',
  ]);
  await create({ ...volume('fits', '1Gi'), metadata: { name: 'fits', labels: { a: 'b' } } });
  await cluster.until(claimPhase('c', 'Bound'));
});

test('two claims for one volume: one is bound, the other waits for the next volume', async () => {
  await create(volume('one', '1Gi'), claim('a', '1Gi'), claim('b', '1Gi'));
  await cluster.until(async () => (await claimPhase('a', 'Bound')()) || (await claimPhase('b', 'Bound')()));
  await cluster.advance(20_000);
  const phases = (await cluster.list(claims)).map(({ status }) => status?.phase).sort();
  expect(phases).toEqual(['Bound', 'Pending']);
  await create(volume('two', '1Gi'));
  await cluster.until(async () => (await claimPhase('a', 'Bound')()) && (await claimPhase('b', 'Bound')()));
});

test('a claim may name its volume, and a volume its claim', async () => {
  await create(
    volume('named', '5Gi'),
    volume('other', '1Gi'),
    volume('reserved', '9Gi', { claimRef: { namespace: 'default', name: 'b' } }),
    claim('a', '1Gi', { volumeName: 'named' }),
    claim('b', '1Gi'),
  );
  await cluster.until(async () => (await claimPhase('a', 'Bound')()) && (await claimPhase('b', 'Bound')()));
  expect((await cluster.get(claims, 'a')).spec?.volumeName).toBe('named');
  expect((await cluster.get(claims, 'b')).spec?.volumeName).toBe('reserved');
  expect((await cluster.get(volumes, 'reserved')).metadata.annotations ?? {}).toEqual({});
  await create(volume('small', '1Gi'), claim('c', '2Gi', { volumeName: 'small' }));
  await cluster.until(async () => (await told('c')).length > 0);
  expect(await told('c')).toEqual([
    'VolumeMismatch: Cannot bind to requested volume "small": requested PV is too small',
  ]);
});

test('a volume whose claim is gone is released, and kept or given up as its policy says', async () => {
  await create(
    volume('kept', '1Gi', { persistentVolumeReclaimPolicy: 'Retain', claimRef: { namespace: 'default', name: 'a' } }),
    volume('gone', '1Gi', { persistentVolumeReclaimPolicy: 'Delete', claimRef: { namespace: 'default', name: 'b' } }),
    claim('a', '1Gi'),
    claim('b', '1Gi'),
  );
  await cluster.until(async () => (await claimPhase('a', 'Bound')()) && (await claimPhase('b', 'Bound')()));
  await cluster.client.of(claims).delete('a', { namespace: 'default' });
  await cluster.client.of(claims).delete('b', { namespace: 'default' });
  await cluster.until(async () => (await phaseOf('kept')) === 'Released' && (await phaseOf('gone')) === 'Failed');
  await create(claim('a', '1Gi'));
  await cluster.advance(20_000);
  expect((await cluster.get(claims, 'a')).status?.phase).toBe('Pending');
});

async function releasedVolumes(...all: PersistentVolume[]): Promise<void> {
  const named = ({ metadata: { name = '' } }: PersistentVolume) => name;
  const reserved = (one: PersistentVolume) => ({ ...one.spec, claimRef: { namespace: 'default', name: named(one) } });
  await create(...all.map((one): PersistentVolume => ({ ...one, spec: reserved(one) })));
  await create(...all.map((one) => claim(named(one), '1Gi', { accessModes: one.spec!.accessModes })));
  await cluster.until(async () => (await cluster.list(claims)).every(({ status }) => status?.phase === 'Bound'));
  for (const one of all) await cluster.client.of(claims).delete(named(one), { namespace: 'default' });
}

test('a directory below /tmp is removed with its volume, and no other; what has no deleter says so', async () => {
  const directory = await mkdtemp(join('/tmp', 't8s-volume-'));
  await writeFile(join(directory, 'data'), 'x');
  const policy = { persistentVolumeReclaimPolicy: 'Delete', hostPath: undefined } as const;
  await releasedVolumes(
    volume('gone', '1Gi', { ...policy, hostPath: { path: directory } }),
    volume('elsewhere', '1Gi', { ...policy, hostPath: { path: '/data' } }),
    volume('shared', '1Gi', { ...policy, nfs: { server: 's', path: '/p' } }),
    volume('old', '1Gi', { ...policy, iscsi: { targetPortal: 't', iqn: 'iqn.2026-01.a:b', lun: 0 } }),
  );
  await cluster.until(async () => !(await cluster.exists(volumes, 'gone', '')));
  expect(existsSync(directory)).toBe(false);
  const whys = {
    elsewhere: 'host_path deleter only supports /tmp/.+ but received provided /data',
    shared: 'error getting deleter volume plugin for volume "shared": no deletable volume plugin matched',
    old: 'error getting deleter volume plugin for volume "old": no volume plugin matched',
  };
  await cluster.advance(40_000);
  for (const [name, message] of Object.entries(whys)) {
    expect((await cluster.get(volumes, name)).status).toMatchObject({ phase: 'Failed', message });
    expect(await told(name)).toEqual([`VolumeFailedDelete: ${message}`]);
  }
});

test('a volume is recycled by a pod that empties it, and is there for others then', async () => {
  await releasedVolumes(volume('v', '3Gi', { persistentVolumeReclaimPolicy: 'Recycle', hostPath: { path: '/data' } }));
  const recycler = () => cluster.get(pods, 'recycler-for-v');
  await cluster.until(async () => (await cluster.list(pods)).some(({ status }) => status?.phase === 'Running'));
  expect((await recycler()).spec).toMatchObject({
    activeDeadlineSeconds: 90,
    restartPolicy: 'Never',
    volumes: expect.arrayContaining([{ name: 'vol', hostPath: { path: '/data', type: '' } }]),
    containers: [{ name: 'pv-recycler', command: ['/bin/sh'] }],
  });
  await cluster.client.of(events).create({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e', namespace: 'default' },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'recycler-for-v' },
    type: 'Normal',
    reason: 'Started',
    message: 'Container started',
  });
  await cluster.until(async () => (await told('v')).length > 0);
  await finishPod(cluster, await recycler(), 0);
  await cluster.until(async () => (await phaseOf('v')) === 'Available');
  // The reference was its maker's, who goes on keeping it for a claim of that name.
  const { claimRef } = (await cluster.get(volumes, 'v')).spec!;
  expect([claimRef?.name, claimRef?.uid]).toEqual(['v', undefined]);
  expect(await told('v')).toEqual(['RecyclerPod: Recycler pod: Container started', 'VolumeRecycled: Volume recycled']);
  await cluster.until(async () => !(await cluster.exists(pods, 'recycler-for-v')));
});

test('a volume whose recycler fails has failed, and is tried again', async () => {
  await releasedVolumes(
    volume('v', '1Gi', { persistentVolumeReclaimPolicy: 'Recycle', hostPath: { path: '/data' } }),
    volume('w', '1Gi', {
      persistentVolumeReclaimPolicy: 'Recycle',
      hostPath: undefined,
      iscsi: { targetPortal: 't', iqn: 'iqn.2026-01.a:b', lun: 0 },
    }),
  );
  const runs = async () => (await cluster.list(pods)).some(({ status }) => status?.phase === 'Running');
  await cluster.until(runs);
  await finishPod(cluster, await cluster.get(pods, 'recycler-for-v'), 1);
  await cluster.until(async () => (await phaseOf('v')) === 'Failed');
  const why = 'Recycle failed: failed to recycle volume: pod failed, pod.Status.Message unknown';
  expect(await told('v')).toEqual([`VolumeFailedRecycle: ${why}`]);
  expect(await told('w')).toEqual(['VolumeFailedRecycle: No recycler plugin found for the volume!']);
  await cluster.until(runs);
  await finishPod(cluster, await cluster.get(pods, 'recycler-for-v'), 0);
  await cluster.until(async () => (await phaseOf('v')) === 'Available');
});

test('a volume of a driver is left to the driver when its claim is gone', async () => {
  const spec = { hostPath: undefined, csi: { driver: 'd.io', volumeHandle: 'h' } } as const;
  const claimRef = { namespace: 'default', name: 'a' };
  await create(volume('v', '1Gi', { ...spec, persistentVolumeReclaimPolicy: 'Delete', claimRef }), claim('a', '1Gi'));
  await cluster.until(claimPhase('a', 'Bound'));
  await cluster.client.of(claims).delete('a', { namespace: 'default' });
  await cluster.until(async () => (await phaseOf('v')) === 'Released');
  await cluster.advance(20_000);
  expect((await cluster.get(volumes, 'v')).status).toEqual({
    phase: 'Released',
    lastPhaseTransitionTime: expect.any(String),
  });
});

test('volumes that come and go are no reason to say again what a claim waits for', async () => {
  await create(claim('c', '5Gi'));
  const count = async () => (await cluster.list(events)).find(({ involvedObject: { name } }) => name === 'c')?.count;
  await cluster.until(async () => (await count()) !== undefined);
  await cluster.advance(3000);
  const before = await count();
  for (const name of ['a', 'b', 'd', 'e']) await create(volume(name, '1Gi'));
  await cluster.advance(5000);
  expect(await count()).toBe(before);
  await cluster.advance(10_000);
  expect(await count()).toBe(before! + 1);
});

test('a claim whose volume is taken away is lost', async () => {
  await create(volume('v', '1Gi'), claim('c', '1Gi'));
  await cluster.until(claimPhase('c', 'Bound'));
  await cluster.client.of(volumes).patch('v', { metadata: { finalizers: null } }, { type: 'merge' });
  await cluster.client.of(volumes).delete('v');
  await cluster.client
    .of(volumes)
    .patch('v', { metadata: { finalizers: null } }, { type: 'merge' })
    .catch(() => {});
  await cluster.until(claimPhase('c', 'Lost'));
  expect(await told('c')).toContain(
    'ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!',
  );
});

test('a class asks its provisioner for a volume, at once or when the first user has a node', async () => {
  await create(
    storageClass('now'),
    storageClass('later', { volumeBindingMode: 'WaitForFirstConsumer' }),
    claim('a', '1Gi', { storageClassName: 'now' }),
    claim('b', '1Gi', { storageClassName: 'later' }),
    claim('c', '1Gi', { storageClassName: 'missing' }),
    storageClass('disk', { provisioner: 'kubernetes.io/host-path' }),
    claim('d', '1Gi', { storageClassName: 'disk' }),
  );
  const asked = async (name: string) =>
    (await cluster.get(claims, name)).metadata.annotations?.['volume.kubernetes.io/storage-provisioner'];
  await cluster.until(async () => (await asked('a')) === 'x.io/y');
  await cluster.until(async () => (await told('c')).length > 0);
  expect(await told('b')).toEqual(['WaitForFirstConsumer: waiting for first consumer to be created before binding']);
  expect(await told('c')).toEqual(['ProvisioningFailed: storageclass.storage.k8s.io "missing" not found']);
  expect(await asked('b')).toBeUndefined();
  await cluster.until(async () => (await told('d')).length > 0);
  expect(await told('d')).toEqual([
    'ProvisioningFailed: Failed to create provisioner: provisioning in volume plugin "kubernetes.io/host-path" is disabled',
  ]);
  expect(await asked('d')).toBe('kubernetes.io/host-path');
  const annotations = { 'volume.kubernetes.io/selected-node': 'n1' };
  await cluster.client.of(claims).patch('b', { metadata: { annotations } }, { type: 'merge', namespace: 'default' });
  await cluster.until(async () => (await asked('b')) === 'x.io/y');
  const made = volume('pvc-b', '1Gi', {
    storageClassName: 'later',
    persistentVolumeReclaimPolicy: 'Delete',
    claimRef: { namespace: 'default', name: 'b', uid: (await cluster.get(claims, 'b')).metadata.uid },
  });
  await create({ ...made, metadata: { name: 'pvc-b', annotations: { 'pv.kubernetes.io/provisioned-by': 'x.io/y' } } });
  await cluster.until(claimPhase('b', 'Bound'));
});

test('a claim without a class gets the default class when there is one', async () => {
  const { storageClassName: _, ...spec } = claim('c', '1Gi').spec!;
  await create({ ...claim('c', '1Gi'), spec });
  await cluster.until(async () => (await told('c')).length > 0);
  const metadata = { name: 'std', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } };
  await create({ ...storageClass('std'), metadata });
  await cluster.until(async () => (await cluster.get(claims, 'c')).spec?.storageClassName === 'std');
});

test('a claim that has the name of an ephemeral volume, and is not of its pod, is told about', async () => {
  await create(claim('p-v', '1Gi'));
  const volumeClaimTemplate = { spec: claim('', '1Gi').spec! };
  await cluster.client.of(pods).create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate } }] },
  });
  await cluster.until(async () => (await told('p')).length > 0);
  expect(await told('p')).toEqual([
    'FailedBinding: ephemeral volume v: PVC default/p-v was not created for pod default/p (pod is not owner)',
  ]);
});

test('a class of attributes that is deleted stays until no claim and no volume has it any more', async () => {
  const className = { volumeAttributesClassName: 'gold' };
  await cluster.client.of(attributesClasses).create({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttributesClass',
    metadata: { name: 'gold' },
    driverName: 'd.io',
    parameters: { iops: '1' },
  });
  const csi = { hostPath: undefined, csi: { driver: 'd.io', volumeHandle: 'h' } } as const;
  await create(volume('v', '1Gi', { ...csi, ...className }), claim('c', '1Gi', className));
  await cluster.until(claimPhase('c', 'Bound'));
  expect((await cluster.get(claims, 'c')).status?.currentVolumeAttributesClassName).toBe('gold');
  await cluster.client.of(attributesClasses).delete('gold');
  await cluster.advance(2000);
  expect((await cluster.get(attributesClasses, 'gold')).metadata).toMatchObject({
    finalizers: ['kubernetes.io/vac-protection'],
    deletionTimestamp: expect.any(String),
  });
  await cluster.client.of(claims).delete('c', { namespace: 'default' });
  await cluster.until(async () => !(await cluster.exists(claims, 'c')));
  await cluster.client.of(volumes).delete('v');
  await cluster.until(async () => !(await cluster.exists(attributesClasses, 'gold')));
});
