/** Quotas that are counted and charged, and claims that stay while pods use them, on the real API server. */
import { afterEach, expect, test } from 'vitest';
import deployments from '#api/apps/deployment.js';
import configMaps from '#api/core/configmap.js';
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import resourceQuotas from '#api/core/resourcequota.js';
import type { PersistentVolume, PersistentVolumeClaim, Pod, ResourceQuota } from '#api/gen/core-v1.js';
import { nodeName, TestCluster } from './test-cluster.js';

let cluster: TestCluster;
afterEach(() => cluster.end());

const metadata = (name: string) => ({ name, namespace: 'default' });
const config = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata(name) });
const pod = (name: string, spec: object = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(name),
    spec: { nodeName, containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1' } } }], ...spec },
  }) as Pod;

async function addQuota(hard: Record<string, string>, scopes?: string[]): Promise<void> {
  const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: metadata('q'), spec: { hard, scopes } };
  await cluster.client.of(resourceQuotas).create(quota as ResourceQuota);
  await cluster.until(async () => (await used()) !== undefined);
}
const used = async () => (await cluster.get(resourceQuotas, 'q')).status?.used;
const messageOf = (work: Promise<unknown>) =>
  work.then(
    () => 'admitted',
    (error: Error) => error.message,
  );

test('a quota counts what is there, refuses what is too much, and takes back what goes', async () => {
  cluster = await TestCluster.start();
  await cluster.until(() => cluster.exists(configMaps, 'kube-root-ca.crt'));
  await cluster.client.of(pods).create(pod('a'));
  await addQuota({
    cpu: '2',
    pods: '5',
    'count/configmaps': '2',
    'count/deployments.apps': '1',
    'requests.storage': '1Gi',
  });
  expect(await used()).toEqual({
    'count/configmaps': '1',
    'count/deployments.apps': '0',
    cpu: '1',
    pods: '1',
    'requests.storage': '0',
  });
  await cluster.client.of(pods).create(pod('b'));
  await cluster.client.of(configMaps).create(config('c'));
  expect(await messageOf(cluster.client.of(pods).create(pod('d')))).toBe(
    'pods "d" is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=2, limited: cpu=2',
  );
  expect(await messageOf(cluster.client.of(configMaps).create(config('d')))).toContain('exceeded quota: q');
  await cluster.client.of(configMaps).delete('c', { namespace: 'default' });
  await cluster.client.of(pods).delete('b', { namespace: 'default' });
  await cluster.until(async () => (await used())?.['cpu'] === '1' && (await used())?.['count/configmaps'] === '1');
  await cluster.client.of(configMaps).create(config('d'));
});

test('a quota follows a pod that ends, and a limit that changes', async () => {
  cluster = await TestCluster.start({ readyAfterMs: () => undefined });
  await addQuota({ pods: '1', 'count/pods': '3' });
  await cluster.client.of(pods).create(pod('a'));
  const status = { status: { phase: 'Succeeded' } };
  await cluster.client.of(pods).patch('a', status, { namespace: 'default', type: 'merge', subresource: 'status' });
  await cluster.until(async () => (await used())?.['pods'] === '0');
  expect(await used()).toEqual({ pods: '0', 'count/pods': '1' });
  const spec = { spec: { hard: { 'count/deployments.apps': '2' } } };
  await cluster.client.of(resourceQuotas).patch('q', spec, { namespace: 'default', type: 'merge' });
  await cluster.until(async () => (await used())?.['count/deployments.apps'] === '0');
  expect(await cluster.list(deployments)).toEqual([]);
});

test('a quota lets a pod go that is given a deadline and so leaves its scope', async () => {
  cluster = await TestCluster.start({ readyAfterMs: () => undefined });
  await addQuota({ pods: '1' }, ['NotTerminating']);
  await cluster.client.of(pods).create(pod('a'));
  await cluster.advance(10_000);
  expect(await used()).toEqual({ pods: '1' });
  const spec = { spec: { activeDeadlineSeconds: 3600 } };
  await cluster.client.of(pods).patch('a', spec, { namespace: 'default', type: 'merge' });
  await cluster.advance(5_000);
  expect(await used()).toEqual({ pods: '0' });
});

test('a claim stays while a pod on a node uses it, and a volume while it is bound', async () => {
  cluster = await TestCluster.start();
  const resources = { requests: { storage: '1Gi' } };
  const spec = { accessModes: ['ReadWriteOnce'], resources, storageClassName: '' };
  const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: metadata('data'), spec };
  await cluster.client.of(claims).create(claim as PersistentVolumeClaim);
  await cluster.client
    .of(pods)
    .create(pod('p', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] }));
  await cluster.client.of(claims).delete('data', { namespace: 'default' });
  await cluster.advance(5_000);
  expect((await cluster.get(claims, 'data')).metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
  await cluster.client.of(pods).delete('p', { namespace: 'default' });
  await cluster.until(async () => !(await cluster.exists(claims, 'data')));

  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'disk' },
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/tmp/x' } },
  };
  await cluster.client.of(volumes).create(volume as PersistentVolume);
  await cluster.client.of(claims).create({ ...claim, metadata: metadata('user') } as PersistentVolumeClaim);
  await cluster.until(async () => (await cluster.get(volumes, 'disk')).status?.phase === 'Bound');
  await cluster.client.of(volumes).delete('disk');
  await cluster.advance(5_000);
  expect(await cluster.exists(volumes, 'disk')).toBe(true);
  await cluster.client.of(claims).delete('user', { namespace: 'default' });
  await cluster.until(async () => !(await cluster.exists(volumes, 'disk')));
});
