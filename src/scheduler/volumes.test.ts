/** Where pods with volumes can go, and in which words they are told when they cannot. */
import { describe, expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.js';
import type { StorageClass } from '#api/gen/storage-v1.js';
import { decide, node, outcomeOf, pod, storage } from './test-snapshot.js';

const using = (...names: string[]) =>
  pod({ volumes: names.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) });

function claim(
  name: string,
  parts: { spec?: PersistentVolumeClaim['spec']; bound?: string; annotations?: Record<string, string> } = {},
): PersistentVolumeClaim {
  const annotations = { ...parts.annotations, ...(parts.bound && { 'pv.kubernetes.io/bind-completed': 'yes' }) };
  const spec = { accessModes: ['ReadWriteOnce'], storageClassName: 'late', ...parts.spec, volumeName: parts.bound };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default', uid: name, annotations },
    spec: { resources: { requests: { storage: '1Gi' } }, ...spec },
    status: { phase: parts.bound ? 'Bound' : 'Pending' },
  };
}

function volume(
  name: string,
  parts: { on?: string; storage?: string; spec?: PersistentVolume['spec']; labels?: Record<string, string> } = {},
): PersistentVolume {
  const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: [parts.on ?? ''] }];
  const nodeAffinity = parts.on ? { required: { nodeSelectorTerms: [{ matchExpressions }] } } : undefined;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, labels: parts.labels },
    spec: {
      capacity: { storage: parts.storage ?? '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'late',
      nodeAffinity,
      ...parts.spec,
    },
    status: { phase: 'Available' },
  };
}

function storageClass(name: string, parts: Partial<StorageClass> = {}): StorageClass {
  const spec = { provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer', ...parts };
  return { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name }, ...spec };
}

const late = storageClass('late');
const nodes = () => [node('a'), node('b')];

describe('claims', () => {
  test('that are not there, on their way out, lost, or not bound though they should be, hold the pod up', () => {
    const leaving = claim('leaving');
    leaving.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    const lost = claim('lost', { spec: {}, bound: 'gone' });
    lost.status = { phase: 'Lost' };
    const immediate = claim('now', { spec: { storageClassName: 'now' } });
    const volumes = storage({
      claims: [leaving, lost, immediate],
      storageClasses: [storageClass('now', { volumeBindingMode: 'Immediate' })],
    });
    // The last words are those of DynamicResources, which was not asked before and so cannot say what else to do.
    const told = (name: string) => decide(using(name), nodes(), { volumes });
    expect(told('none')).toBe('0/2 nodes are available: persistentvolumeclaim "none" not found. not found');
    expect(told('leaving')).toBe(
      '0/2 nodes are available: persistentvolumeclaim "leaving" is being deleted. not found',
    );
    expect(told('lost')).toBe(
      '0/2 nodes are available: persistentvolumeclaim "lost" bound to non-existent persistentvolume "gone". not found',
    );
    expect(told('now')).toBe('0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found');
    const own = pod({ volumes: [{ name: 'scratch', ephemeral: {} }] });
    expect(decide(own, nodes(), { volumes })).toBe(
      `0/2 nodes are available: waiting for ephemeral volume controller to create the persistentvolumeclaim "${own.metadata.name}-scratch". not found`,
    );
  });

  test('that are bound lead to where their volumes are', () => {
    const volumes = storage({ claims: [claim('data', { bound: 'v' })], volumes: [volume('v', { on: 'b' })] });
    expect(decide(using('data'), nodes(), { volumes })).toBe('b');
    expect(decide(using('data'), [node('a')], { volumes })).toBe(
      "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity.",
    );
  });

  test('that wait for a consumer lead to a volume that does for them, or to where one can be made', () => {
    const claims = [claim('data')];
    const free = [volume('small', { on: 'a', storage: '1Mi' }), volume('v', { on: 'b' })];
    const view = (parts: Parameters<typeof storage>[0]) => ({ volumes: storage({ claims, ...parts }) });
    expect(decide(using('data'), nodes(), view({ volumes: free, storageClasses: [late] }))).toBe('b');
    expect(decide(using('data'), nodes(), view({ storageClasses: [late] }))).toBe(
      "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
    );
    const allowedTopologies = [{ matchLabelExpressions: [{ key: 'kubernetes.io/hostname', values: ['b'] }] }];
    const made = storageClass('late', { provisioner: 'disks.example.com', allowedTopologies });
    expect(decide(using('data'), nodes(), view({ storageClasses: [made] }))).toBe('b');
    const chosen = [claim('data', { annotations: { 'volume.kubernetes.io/selected-node': 'a' } })];
    const anywhere = storageClass('late', { provisioner: 'disks.example.com' });
    expect(decide(using('data'), nodes(), view({ claims: chosen, storageClasses: [anywhere] }))).toBe('a');
  });

  test('ask drivers that tell how much space they have', () => {
    const provisioner = 'disks.example.com';
    const volumes = storage({
      claims: [claim('data')],
      storageClasses: [storageClass('late', { provisioner })],
      csiDrivers: [
        {
          apiVersion: 'storage.k8s.io/v1',
          kind: 'CSIDriver',
          metadata: { name: provisioner },
          spec: { storageCapacity: true },
        },
      ],
      capacities: [
        {
          apiVersion: 'storage.k8s.io/v1',
          kind: 'CSIStorageCapacity',
          metadata: { name: 'on-b', namespace: 'default' },
          storageClassName: 'late',
          nodeTopology: { matchLabels: { 'kubernetes.io/hostname': 'b' } },
          capacity: '2Gi',
        },
      ],
    });
    expect(decide(using('data'), nodes(), { volumes })).toBe('b');
    expect(decide(using('data'), [node('a')], { volumes })).toBe(
      '0/1 nodes are available: 1 node(s) did not have enough free storage.',
    );
  });
});

describe('volumes', () => {
  test('of a zone are used in that zone', () => {
    const zone = 'topology.kubernetes.io/zone';
    const claims = [claim('data', { bound: 'v' })];
    const volumes = storage({ claims, volumes: [volume('v', { labels: { [zone]: 'x__y' } })] });
    const zoned = [node('p', { labels: { [zone]: 'z' } }), node('q', { labels: { [zone]: 'y' } })];
    expect(decide(using('data'), zoned, { volumes })).toBe('q');
    expect(decide(using('data'), zoned.slice(0, 1), { volumes })).toBe(
      '0/1 nodes are available: 1 node(s) had no available volume zone.',
    );
  });

  test('with one pod at a time are not shared, not even on another node; a more important pod takes them', () => {
    const data = claim('data', { bound: 'v', spec: { accessModes: ['ReadWriteOncePod'] } });
    const volumes = storage({ claims: [data], volumes: [volume('v')] });
    const user = using('data');
    const busy = [node('a').withPod(user), node('b')];
    expect(decide(using('data'), busy, { volumes })).toBe(
      '0/2 nodes are available: 2 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod.',
    );
    const important = using('data');
    important.spec.priority = 10;
    expect(outcomeOf(important, busy, { volumes })).toMatchObject({
      failure: { preemption: { nodeName: 'a', victims: [user] } },
    });
  });

  test('are attached to a node up to the limit of their driver', () => {
    const csi = (name: string) => volume(name, { spec: { csi: { driver: 'disks.example.com', volumeHandle: name } } });
    const volumes = storage({
      claims: [claim('one', { bound: 'v1' }), claim('two', { bound: 'v2' })],
      volumes: [csi('v1'), csi('v2')],
      csiNodes: [
        {
          apiVersion: 'storage.k8s.io/v1',
          kind: 'CSINode',
          metadata: { name: 'a' },
          spec: { drivers: [{ name: 'disks.example.com', nodeID: 'a', allocatable: { count: 1 } }] },
        },
      ],
    });
    const busy = [node('a').withPod(using('one'))];
    expect(decide(using('one'), busy, { volumes })).toBe('a');
    expect(decide(using('two'), busy, { volumes })).toBe('0/1 nodes are available: 1 node(s) exceed max volume count.');
  });

  test('in the spec of pods are not written by two', () => {
    const disk = (readOnly: boolean) =>
      pod({ volumes: [{ name: 'd', gcePersistentDisk: { pdName: 'disk', readOnly } }] });
    expect(decide(disk(false), [node('a').withPod(disk(true))])).toBe(
      '0/1 nodes are available: 1 node(s) had no available disk.',
    );
    expect(decide(disk(true), [node('a').withPod(disk(true))])).toBe('a');
  });
});
