/** ResourceClaims made for pods, and taken back from them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import events from '#api/core/event.js';
import pods from '#api/core/pod/index.js';
import resourceClaims from '#api/devices/resourceclaim.js';
import resourceClaimTemplates from '#api/devices/resourceclaimtemplate.js';
import { TestCluster } from './test-cluster.js';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await TestCluster.start();
});
afterEach(() => cluster.end());

const spec = { devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } }] } };

async function addPod(claim: object): Promise<void> {
  const resources = { claims: [{ name: 'gpu' }] };
  await cluster.client.of(pods).create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i', resources }], resourceClaims: [{ name: 'gpu', ...claim }] },
  });
}

async function addTemplate(): Promise<void> {
  const metadata = { name: 't', namespace: 'default' };
  const labels = { of: 'template' };
  const body = { apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaimTemplate', metadata };
  await cluster.client.of(resourceClaimTemplates).create({ ...body, spec: { metadata: { labels }, spec } });
}

const claims = () => cluster.list(resourceClaims);
const pod = () => cluster.get(pods, 'p');

test('a claim is made from its template, named in the pod, reserved, and goes when the pod is done', async () => {
  await addPod({ resourceClaimTemplateName: 't' });
  const told = async () => (await cluster.list(events)).find(({ reason }) => reason === 'FailedResourceClaimCreation');
  await cluster.until(async () => (await told()) !== undefined);
  expect((await told())?.message).toBe(
    'PodResourceClaim gpu: resource claim template "t": resourceclaimtemplate.resource.k8s.io "t" not found',
  );
  await addTemplate();
  await cluster.until(async () => (await pod()).status?.resourceClaimStatuses !== undefined);
  const [claim, ...others] = await claims();
  expect(others).toEqual([]);
  expect((await pod()).status?.resourceClaimStatuses).toEqual([
    { name: 'gpu', resourceClaimName: claim!.metadata.name },
  ]);
  expect(claim).toMatchObject({
    metadata: {
      labels: { of: 'template' },
      annotations: { 'resource.kubernetes.io/pod-claim-name': 'gpu' },
      ownerReferences: [{ kind: 'Pod', name: 'p', controller: true }],
    },
    spec,
  });
  expect(claim!.metadata.name).toMatch(/^p-gpu-/);
  const body = { status: { phase: 'Succeeded' } };
  await cluster.client.of(pods).patch('p', body, { type: 'merge', namespace: 'default', subresource: 'status' });
  await cluster.until(async () => (await claims()).length === 0);
});

test('a claim of its own keeps its allocation until its last pod is gone', async () => {
  const metadata = { name: 'own', namespace: 'default', finalizers: ['resource.kubernetes.io/delete-protection'] };
  const source = cluster.client.of(resourceClaims);
  const made = await source.create({ apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaim', metadata, spec });
  await addPod({ resourceClaimName: 'own' });
  const result = { request: 'gpu', driver: 'gpu.example.com', pool: 'a', device: 'd0' };
  await source.updateStatus({ ...made, status: { allocation: { devices: { results: [result] } } } });
  const own = () => cluster.get(resourceClaims, 'own');
  // The pod was bound past the scheduler, so the controller reserves for it.
  await cluster.until(async () => (await own()).status?.reservedFor?.[0]?.name === 'p');
  expect((await own()).status?.allocation).toBeDefined();
  await cluster.client.of(pods).delete('p', { namespace: 'default' });
  await cluster.until(async () => (await own()).status?.allocation === undefined);
  expect((await own()).status?.reservedFor ?? []).toEqual([]);
  await cluster.until(async () => (await own()).metadata.finalizers === undefined);
});
