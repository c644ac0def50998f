/** Kinds that are data for others: all that clients do with their objects. */
import { expect } from 'vitest';
import cronjobs from '#api/batch/cronjob.js';
import persistentvolumes from '#api/core/persistentvolume/index.js';
import persistentvolumeclaims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import deviceclasses from '#api/devices/deviceclass.js';
import resourceclaims from '#api/devices/resourceclaim.js';
import resourceclaimtemplates from '#api/devices/resourceclaimtemplate.js';
import resourceslices from '#api/devices/resourceslice.js';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.js';
import ingressclasses from '#api/networking/ingressclass.js';
import ipaddresses from '#api/networking/ipaddress.js';
import servicecidrs from '#api/networking/servicecidr.js';
import csidrivers from '#api/storage/csidriver.js';
import csinodes from '#api/storage/csinode.js';
import csistoragecapacities from '#api/storage/csistoragecapacity.js';
import storageclasses from '#api/storage/storageclass.js';
import volumeattachments from '#api/storage/volumeattachment.js';
import volumeattributesclasses from '#api/storage/volumeattributesclass.js';
import type { KubeObject } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import { conformance, useCluster } from './conformance.js';
import { liveThrough } from './lifecycle.js';
import { image, podOf } from './objects.js';

useCluster({ nodes: 1 });

const object = (apiVersion: string, kind: string, name: string, rest: object): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name },
  ...rest,
});

conformance(
  '[sig-network] IngressClass API should support creating IngressClass API operations [Conformance]',
  (scene) =>
    liveThrough(scene, {
      ref: ingressclasses,
      make: (name) =>
        object('networking.k8s.io/v1', 'IngressClass', name, { spec: { controller: 'example.com/controller' } }),
    }),
);

conformance(
  '[sig-network] ServiceCIDR and IPAddress API should support IPAddress API operations [Conformance]',
  (scene) =>
    liveThrough(scene, {
      ref: ipaddresses,
      names: ['192.168.7.7', '192.168.7.8', '192.168.7.9'],
      make: (name) => {
        const parentRef = { resource: 'gateways', group: 'gateway.networking.k8s.io', namespace: 'foo', name: 'bar' };
        const labels = { 'ipaddress.kubernetes.io/managed-by': 'e2e-test' };
        return {
          ...object('networking.k8s.io/v1', 'IPAddress', name, { spec: { parentRef } }),
          metadata: { name, labels },
        };
      },
    }),
);

conformance(
  '[sig-network] ServiceCIDR and IPAddress API should support ServiceCIDR API operations [Conformance]',
  (scene) => {
    let range = 20;
    return liveThrough(scene, {
      ref: servicecidrs,
      hasStatus: true,
      make: (name) =>
        object('networking.k8s.io/v1', 'ServiceCIDR', name, { spec: { cidrs: [`10.196.196.${(range += 4)}/30`] } }),
    });
  },
);

const deviceSpec = { selectors: [{ cel: { expression: 'true' } }] };
const requests = { devices: { requests: [{ name: 'req-0', exactly: { deviceClassName: 'foo' } }] } };

conformance('[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 DeviceClass [Conformance]', (scene) =>
  liveThrough(scene, {
    ref: deviceclasses,
    make: (name) => object('resource.k8s.io/v1', 'DeviceClass', name, { spec: deviceSpec }),
  }),
);

conformance('[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceClaim [Conformance]', (scene) =>
  liveThrough(scene, {
    ref: resourceclaims,
    hasStatus: true,
    make: (name) => object('resource.k8s.io/v1', 'ResourceClaim', name, { spec: requests }),
  }),
);

conformance('[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceClaimTemplate [Conformance]', (scene) =>
  liveThrough(scene, {
    ref: resourceclaimtemplates,
    make: (name) => object('resource.k8s.io/v1', 'ResourceClaimTemplate', name, { spec: { spec: requests } }),
  }),
);

conformance('[sig-node] [DRA] CRUD Tests resource.k8s.io/v1 ResourceSlice [Conformance]', (scene) =>
  liveThrough(scene, {
    ref: resourceslices,
    make: (name) =>
      object('resource.k8s.io/v1', 'ResourceSlice', name, {
        spec: {
          driver: 'dra.example.com',
          nodeName: 'some-node',
          pool: { name: 'pool', generation: 1, resourceSliceCount: 1 },
          devices: [{ name: 'device-0' }],
        },
      }),
  }),
);

conformance('[sig-apps] CronJob should support CronJob API operations [Conformance]', async (scene) => {
  await liveThrough(scene, {
    ref: cronjobs,
    hasStatus: true,
    make: (name) => {
      const template = { spec: { restartPolicy: 'OnFailure', containers: [{ name: 'c', image }] } };
      const spec = { schedule: '* */1 * * ?', concurrencyPolicy: 'Allow', jobTemplate: { spec: { template } } };
      return object('batch/v1', 'CronJob', name, { spec });
    },
  });
  // Its status, by PATCH and PUT.
  const { client, namespace } = scene;
  const template = { spec: { restartPolicy: 'OnFailure', containers: [{ name: 'c', image }] } };
  const spec = { schedule: '* */1 * * ?', jobTemplate: { spec: { template } } };
  await client
    .of(cronjobs)
    .create({ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'status', namespace }, spec });
  const lastScheduleTime = '2026-01-01T00:00:00Z';
  const status = { type: 'merge' as const, namespace, subresource: 'status' };
  const patched = await client.of(cronjobs).patch('status', { status: { lastScheduleTime } }, status);
  expect(patched.status?.lastScheduleTime).toBe(lastScheduleTime);
  const changed = copy(await client.of(cronjobs).get('status', { namespace }));
  changed.status = { lastScheduleTime: '2026-01-02T00:00:00Z' };
  expect((await client.of(cronjobs).updateStatus(changed)).status?.lastScheduleTime).toBe('2026-01-02T00:00:00Z');
});

conformance('[sig-storage] CSIInlineVolumes should run through the lifecycle of a CSIDriver [Conformance]', (scene) =>
  liveThrough(scene, {
    ref: csidrivers,
    make: (name) =>
      object('storage.k8s.io/v1', 'CSIDriver', name, {
        spec: { volumeLifecycleModes: ['Ephemeral'], attachRequired: false, podInfoOnMount: true },
      }),
  }),
);

conformance(
  '[sig-storage] CSIInlineVolumes should support CSIVolumeSource in Pod API [Conformance]',
  async ({ client, namespace }) => {
    const csi = { driver: 'e2e.example.com', volumeAttributes: { type: 'example' } };
    const labels = { e2e: 'inline' };
    const pod = podOf('pod-csi-inline-volumes', namespace, { labels, spec: { volumes: [{ name: 'csi', csi }] } });
    await client.of(pods).create({
      ...pod,
      spec: { ...pod.spec, nodeName: undefined, schedulingGates: [{ name: 'e2e.example.com/never' }] },
    });
    const read = await client.of(pods).get('pod-csi-inline-volumes', { namespace });
    expect(read.spec.volumes?.find(({ name }) => name === 'csi')?.csi).toEqual(csi);
    const listed = await client.of(pods).list({ namespace, labelSelector: 'e2e=inline' });
    expect(listed.items.length).toBe(1);
    const patched = await client
      .of(pods)
      .patch('pod-csi-inline-volumes', { metadata: { labels: { patched: 'true' } } }, { type: 'merge', namespace });
    expect(patched.spec.volumes?.find(({ name }) => name === 'csi')?.csi).toEqual(csi);
    await client.of(pods).delete('pod-csi-inline-volumes', { namespace });
  },
);

conformance(
  '[sig-storage] CSINodes CSI Conformance should run through the lifecycle of a csinode [Conformance]',
  (scene) =>
    liveThrough(scene, {
      ref: csinodes,
      make: (name) =>
        object('storage.k8s.io/v1', 'CSINode', name, {
          spec: {
            drivers: [{ name: 'e2e-driver', nodeID: name, allocatable: { count: 3 }, topologyKeys: ['e2e/zone'] }],
          },
        }),
    }),
);

conformance(
  '[sig-storage] CSIStorageCapacity should support CSIStorageCapacities API operations [Conformance]',
  (scene) =>
    liveThrough(scene, {
      ref: csistoragecapacities,
      make: (name) =>
        object('storage.k8s.io/v1', 'CSIStorageCapacity', name, { storageClassName: 'e2e-sc', capacity: '1Gi' }),
    }),
);

conformance(
  '[sig-storage] StorageClasses CSI Conformance should run through the lifecycle of a StorageClass [Conformance]',
  (scene) =>
    liveThrough(scene, {
      ref: storageclasses,
      make: (name) =>
        object('storage.k8s.io/v1', 'StorageClass', name, {
          provisioner: 'e2e-fake-provisioner',
          reclaimPolicy: 'Delete',
        }),
    }),
);

conformance(
  '[sig-storage] VolumeAttributesClass [FeatureGate:VolumeAttributesClass] should run through the lifecycle of a VolumeAttributesClass [Conformance]',
  (scene) =>
    liveThrough(scene, {
      ref: volumeattributesclasses,
      make: (name) =>
        object('storage.k8s.io/v1', 'VolumeAttributesClass', name, {
          driverName: 'e2e-fake-driver',
          parameters: { a: 'b' },
        }),
    }),
);

const attachment = (name: string) => ({
  ...object('storage.k8s.io/v1', 'VolumeAttachment', name, {}),
  spec: { attacher: 'e2e-test.csi.example.com', nodeName: 'some-node', source: { persistentVolumeName: 'some-pv' } },
});

conformance(
  '[sig-storage] VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment [Conformance]',
  (scene) => liveThrough(scene, { ref: volumeattachments, hasStatus: true, make: attachment }),
);

conformance(
  '[sig-storage] VolumeAttachment Conformance should apply changes to a volumeattachment status [Conformance]',
  async ({ client, http }) => {
    await client.of(volumeattachments).create(attachment('va-status'));
    const status = { type: 'merge' as const, subresource: 'status' };
    const patched = await client.of(volumeattachments).patch('va-status', { status: { attached: true } }, status);
    expect(patched.status?.attached).toBe(true);
    const read = await http.send('/apis/storage.k8s.io/v1/volumeattachments/va-status/status');
    expect(read.json.status.attached).toBe(true);
    const changed = copy(await client.of(volumeattachments).get('va-status'));
    changed.status!.attached = false;
    expect((await client.of(volumeattachments).updateStatus(changed)).status?.attached).toBe(false);
    await client.of(volumeattachments).delete('va-status');
  },
);

const volumeOf = (name: string): PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name, labels: { e2e: name } },
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '1Gi' },
    persistentVolumeReclaimPolicy: 'Retain',
    storageClassName: name,
    csi: { driver: 'e2e-driver', volumeHandle: name },
  },
});

const claimOf = (name: string, namespace: string): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace, labels: { e2e: name } },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName: name, resources: { requests: { storage: '1Gi' } } },
});

conformance(
  '[sig-storage] PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC [Conformance]',
  async ({ client, namespace, until }) => {
    const name = `lifecycle-${namespace}`;
    const selection = { labelSelector: `e2e=${name}` };
    await client.of(persistentvolumes).create(volumeOf(name));
    await client.of(persistentvolumeclaims).create(claimOf(name, namespace));
    expect((await client.of(persistentvolumes).list(selection)).items.length).toBe(1);
    expect((await client.of(persistentvolumeclaims).list({ namespace, ...selection })).items.length).toBe(1);
    const label = { metadata: { labels: { [name]: 'patched' } } };
    const volume = await client.of(persistentvolumes).patch(name, label, { type: 'strategic' });
    expect(volume.metadata.labels?.[name]).toBe('patched');
    const claim = await client.of(persistentvolumeclaims).patch(name, label, { type: 'strategic', namespace });
    expect(claim.metadata.labels?.[name]).toBe('patched');
    const updated = copy(await client.of(persistentvolumes).get(name));
    updated.metadata.labels![name] = 'updated';
    expect((await client.of(persistentvolumes).update(updated)).metadata.labels?.[name]).toBe('updated');
    const updatedClaim = copy(await client.of(persistentvolumeclaims).get(name, { namespace }));
    updatedClaim.metadata.labels![name] = 'updated';
    expect((await client.of(persistentvolumeclaims).update(updatedClaim)).metadata.labels?.[name]).toBe('updated');
    await client.of(persistentvolumeclaims).delete(name, { namespace });
    await until(
      async () => (await client.of(persistentvolumeclaims).list({ namespace, ...selection })).items.length === 0,
    );
    await client.of(persistentvolumes).delete(name);
    await until(async () => (await client.of(persistentvolumes).list(selection)).items.length === 0);
    await client.of(persistentvolumes).create(volumeOf(name));
    await client.of(persistentvolumeclaims).create(claimOf(name, namespace));
    await client.of(persistentvolumeclaims).deleteCollection({ namespace, ...selection });
    await until(
      async () => (await client.of(persistentvolumeclaims).list({ namespace, ...selection })).items.length === 0,
    );
    await client.of(persistentvolumes).deleteCollection(selection);
    await until(async () => (await client.of(persistentvolumes).list(selection)).items.length === 0);
  },
);

conformance(
  '[sig-storage] PersistentVolumes CSI Conformance should apply changes to a pv/pvc status [Conformance]',
  async ({ client, http, namespace, until }) => {
    const name = `status-${namespace}`;
    await client.of(persistentvolumes).create(volumeOf(name));
    await client.of(persistentvolumeclaims).create(claimOf(name, namespace));
    expect((await http.send(`/api/v1/persistentvolumes/${name}/status`)).json.kind).toBe('PersistentVolume');
    const claimStatus = `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}/status`;
    expect((await http.send(claimStatus)).json.kind).toBe('PersistentVolumeClaim');
    const condition = {
      type: 'StatusPatched',
      status: 'True',
      reason: 'E2E patchedStatus',
      message: 'Set by e2e test',
    };
    const patchedClaim = await client
      .of(persistentvolumeclaims)
      .patch(name, { status: { conditions: [condition] } }, { type: 'merge', namespace, subresource: 'status' });
    expect(patchedClaim.status?.conditions).toMatchObject([condition]);
    const body = { status: { message: 'StatusPatched', reason: 'E2E patchedStatus' } };
    const patched = await client.of(persistentvolumes).patch(name, body, { type: 'merge', subresource: 'status' });
    expect(patched.status).toMatchObject(body.status);
    await until(async () => {
      const changed = copy(await client.of(persistentvolumes).get(name));
      changed.status = { ...changed.status, reason: 'E2E updateStatus', message: 'StatusUpdated' };
      return (await client.of(persistentvolumes).updateStatus(changed)).status?.message === 'StatusUpdated';
    });
    await until(async () => {
      const changed = copy(await client.of(persistentvolumeclaims).get(name, { namespace }));
      changed.status = {
        ...changed.status,
        conditions: [...(changed.status?.conditions ?? []), { ...condition, type: 'StatusUpdated' }],
      };
      const updated = await client.of(persistentvolumeclaims).updateStatus(changed);
      return updated.status?.conditions?.some(({ type }) => type === 'StatusUpdated') ?? false;
    });
    await client.of(persistentvolumeclaims).delete(name, { namespace });
    await client.of(persistentvolumes).delete(name);
  },
);
