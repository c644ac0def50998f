/** Devices for pods: allocated with the node, shared, freed, waited for. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import events from '#api/core/event.js';
import pods from '#api/core/pod/index.js';
// Reading these takes real time, in which the virtual one would run past the limit of a request.
import '#api/devices/compile.js';
import '#scheduler/devices/allocation.js';
import deviceClasses from '#api/devices/deviceclass.js';
import resourceClaims from '#api/devices/resourceclaim.js';
import resourceClaimTemplates from '#api/devices/resourceclaimtemplate.js';
import resourceSlices from '#api/devices/resourceslice.js';
import type { Container, Pod } from '#api/gen/core-v1.js';
import type { Device, DeviceClaim, DeviceClassSpec, ResourceClaim, ResourceSliceSpec } from '#api/gen/resource-v1.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await startTestCluster({ nodes: [{ name: 'a' }, { name: 'b' }] });
});
afterEach(() => cluster.stop());

const namespace = 'default';
const driver = 'gpu.example.com';
const apiVersion = 'resource.k8s.io/v1';
const clientOf = () => cluster.client();

async function addClass(name = 'gpu', spec: DeviceClassSpec = {}): Promise<void> {
  const selectors = [{ cel: { expression: `device.driver == "${driver}"` } }];
  await clientOf()
    .of(deviceClasses)
    .create({ apiVersion, kind: 'DeviceClass', metadata: { name }, spec: { selectors, ...spec } });
}

async function addSlice(nodeName: string, devices: Device[], spec: Partial<ResourceSliceSpec> = {}): Promise<void> {
  const pool = { name: nodeName, generation: 1, resourceSliceCount: 1, ...spec.pool };
  await clientOf()
    .of(resourceSlices)
    .create({
      apiVersion,
      kind: 'ResourceSlice',
      metadata: { generateName: `${nodeName}-` },
      spec: { driver, nodeName, devices, ...spec, pool },
    });
}

const asking = (parts: object = {}): DeviceClaim => ({
  requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu', ...parts } }],
});

async function addClaim(name: string, devices: DeviceClaim = asking()): Promise<void> {
  const metadata = { name, namespace };
  await clientOf().of(resourceClaims).create({ apiVersion, kind: 'ResourceClaim', metadata, spec: { devices } });
}

async function addPod(name: string, claims: readonly string[], container: Partial<Container> = {}): Promise<void> {
  const spec: Pod['spec'] = {
    containers: [{ name: 'c', image: 'i', resources: { claims: claims.map((one) => ({ name: one })) }, ...container }],
    resourceClaims: claims.map((one) => ({ name: one, resourceClaimName: one })),
  };
  await clientOf().of(pods).create({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec });
}

const pod = (name: string) => clientOf().of(pods).get(name, { namespace });
const claim = (name: string) => clientOf().of(resourceClaims).get(name, { namespace });
const placed = (name: string) => cluster.until(async () => (await pod(name)).spec.nodeName !== undefined);
const devicesOf = ({ status }: ResourceClaim) =>
  status?.allocation?.devices?.results?.map(({ pool, device }) => `${pool}/${device}`);

async function failure(): Promise<string | undefined> {
  const { items } = await clientOf().of(events).list({ namespace });
  return items.find(({ reason }) => reason === 'FailedScheduling')?.message;
}

test('a pod goes to the node of a device that its claim chooses, and the claim says which', async () => {
  await addClass('gpu', { config: [{ opaque: { driver, parameters: { mode: 'fast' } } }] });
  await addSlice('a', [{ name: 'small', attributes: { memory: { int: 8 } } }]);
  await addSlice('b', [{ name: 'large', attributes: { memory: { int: 80 } } }]);
  const selectors = [{ cel: { expression: `device.attributes["${driver}"].memory >= 16` } }];
  await addClaim('own', asking({ selectors }));
  await addPod('p', ['own']);
  await placed('p');
  const { metadata, spec } = await pod('p');
  expect(spec.nodeName).toBe('b');
  const own = await claim('own');
  expect(own.metadata.finalizers).toEqual(['resource.kubernetes.io/delete-protection']);
  expect(own.status).toEqual({
    allocation: {
      allocationTimestamp: expect.any(String),
      devices: {
        results: [{ request: 'gpu', driver, pool: 'b', device: 'large' }],
        config: [{ source: 'FromClass', opaque: { driver, parameters: { mode: 'fast' } } }],
      },
      nodeSelector: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }],
      },
    },
    reservedFor: [{ resource: 'pods', name: 'p', uid: metadata.uid }],
  });
});

test('a device is not given twice, is free again when its pod is gone, and goes to the pod that waited for it', async () => {
  await addClass();
  await addSlice('a', [{ name: 'one' }]);
  await addClaim('first');
  await addClaim('second');
  await addPod('p1', ['first']);
  await placed('p1');
  await addPod('p2', ['second']);
  await cluster.until(async () => (await failure()) !== undefined);
  expect(await failure()).toBe(
    '0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  );
  await clientOf().of(pods).delete('p1', { namespace });
  await placed('p2');
  expect(devicesOf(await claim('second'))).toEqual(['a/one']);
  const first = await claim('first');
  expect(first.status?.allocation).toBeUndefined();
  expect(first.metadata.finalizers).toBeUndefined();
});

test('pods share a claim on its node', async () => {
  await addClass();
  await addSlice('b', [{ name: 'one' }]);
  await addClaim('shared');
  for (const name of ['p1', 'p2', 'p3']) await addPod(name, ['shared']);
  for (const name of ['p1', 'p2', 'p3']) {
    await placed(name);
    expect((await pod(name)).spec.nodeName).toBe('b');
  }
  const names = (await claim('shared')).status?.reservedFor?.map(({ name }) => name);
  expect(names?.sort()).toEqual(['p1', 'p2', 'p3']);
});

test('claims are made from a template before their pods are looked at', async () => {
  await addClass();
  await addSlice('a', [{ name: 'one' }, { name: 'two' }]);
  const metadata = { name: 't', namespace };
  const spec: Pod['spec'] = {
    containers: [{ name: 'c', image: 'i', resources: { claims: [{ name: 'gpu' }] } }],
    resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 't' }],
  };
  const names = ['p1', 'p2'];
  const asPod = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec });
  await Promise.all(names.map((name) => clientOf().of(pods).create(asPod(name))));
  await cluster.advance(2000);
  const template = { apiVersion, kind: 'ResourceClaimTemplate', metadata, spec: { spec: { devices: asking() } } };
  await clientOf().of(resourceClaimTemplates).create(template);
  for (const name of names) {
    await placed(name);
    expect((await pod(name)).spec.nodeName).toBe('a');
  }
  expect(await failure()).toBeUndefined();
  const { items } = await clientOf().of(resourceClaims).list({ namespace });
  expect(items.flatMap(devicesOf).sort()).toEqual(['a/one', 'a/two']);
});

test('a pod waits for its claim, its class and its devices, in this order', async () => {
  await addPod('p', ['own']);
  await cluster.advance(1000);
  expect(await failure()).toBeUndefined();
  await addClaim('own');
  await cluster.until(async () => (await failure()) !== undefined);
  expect(await failure()).toBe(
    '0/2 nodes are available: request gpu: device class gpu does not exist. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  );
  await addClass();
  await cluster.advance(1000);
  await addSlice('a', [{ name: 'one' }]);
  await placed('p');
});

test('an expression that fails ends the attempt, and the pod is told', async () => {
  await addClass();
  await addSlice('a', [{ name: 'one' }]);
  const selectors = [{ cel: { expression: `device.attributes["${driver}"].missing == "x"` } }];
  await addClaim('own', asking({ selectors }));
  await addPod('p', ['own']);
  await cluster.until(async () => (await failure()) !== undefined);
  expect(await failure()).toBe(
    'running "DynamicResources" filter plugin: claim default/own: selector #0: CEL runtime error: no such key: missing',
  );
  const condition = (await pod('p')).status?.conditions?.find(({ type }) => type === 'PodScheduled');
  expect(condition).toMatchObject({ status: 'False', reason: 'SchedulerError' });
});

test('a claim that keeps its pod from every node is given up for other devices', async () => {
  await addClass();
  await addSlice('a', [{ name: 'one' }]);
  await addSlice('b', [{ name: 'two' }]);
  await addClaim('own');
  await addPod('p1', ['own']);
  await placed('p1');
  const first = (await pod('p1')).spec.nodeName!;
  // Without the finalizer nobody takes the allocation back when the pod goes.
  const now = await claim('own');
  await clientOf()
    .of(resourceClaims)
    .update({ ...now, metadata: { ...now.metadata, finalizers: [] } });
  await clientOf().of(pods).delete('p1', { namespace });
  await cluster.until(async () => ((await claim('own')).status?.reservedFor ?? []).length === 0);
  const other = first === 'a' ? 'b' : 'a';
  const spec: Pod['spec'] = {
    nodeSelector: { 'kubernetes.io/hostname': other },
    containers: [{ name: 'c', image: 'i', resources: {} }],
    resourceClaims: [{ name: 'own', resourceClaimName: 'own' }],
  };
  await clientOf()
    .of(pods)
    .create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p2', namespace }, spec });
  await placed('p2');
  expect((await pod('p2')).spec.nodeName).toBe(other);
  expect(devicesOf(await claim('own'))?.[0]).toMatch(new RegExp(`^${other}/`));
});

test('a device that must be attached keeps its pod waiting until its driver says so', async () => {
  await addClass();
  await addSlice('a', [
    { name: 'fabric', bindsToNode: true, bindingConditions: ['Attached'], bindingFailureConditions: ['Failed'] },
  ]);
  await addClaim('own');
  await addPod('p', ['own']);
  await cluster.until(async () => (await claim('own')).status?.allocation !== undefined);
  await cluster.advance(5000);
  expect((await pod('p')).spec.nodeName).toBeUndefined();
  const { items } = await clientOf().of(events).list({ namespace });
  expect(items.find(({ reason }) => reason === 'BindingConditionsPending')?.message).toBe(
    'waiting for binding conditions for device on node a',
  );
  const own = await claim('own');
  const attached = {
    type: 'Attached',
    status: 'True',
    reason: 'Done',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const devices = [{ driver, pool: 'a', device: 'fabric', conditions: [attached] }];
  await clientOf()
    .of(resourceClaims)
    .updateStatus({ ...own, status: { ...own.status, devices } });
  await placed('p');
});

test('an extended resource of a class is served by devices, with a claim that the pod names', async () => {
  await addClass('gpu', { extendedResourceName: 'example.com/gpu' });
  await addSlice('b', [{ name: 'one' }, { name: 'two' }]);
  const resources = { requests: { 'example.com/gpu': '2' }, limits: { 'example.com/gpu': '2' } };
  await addPod('p', [], { resources });
  await placed('p');
  const { spec, status, metadata } = await pod('p');
  expect(spec.nodeName).toBe('b');
  const { resourceClaimName = '', requestMappings } = status?.extendedResourceClaimStatus ?? {};
  expect(requestMappings).toEqual([
    { containerName: 'c', resourceName: 'example.com/gpu', requestName: 'container-0-request-0' },
  ]);
  const made = await claim(resourceClaimName);
  expect(resourceClaimName).toMatch(/^p-extended-resources-/);
  expect(made.metadata.annotations).toEqual({ 'resource.kubernetes.io/extended-resource-claim': 'true' });
  expect(devicesOf(made)).toEqual(['b/one', 'b/two']);
  expect(made.status?.reservedFor).toEqual([{ resource: 'pods', name: 'p', uid: metadata.uid }]);
  await clientOf().of(pods).delete('p', { namespace });
  await cluster.until(async () => (await clientOf().of(resourceClaims).list({ namespace })).items.length === 0);
});

test('a pod goes when a device of its claim is tainted, once the claim tolerates it no longer', async () => {
  await addClass();
  await addSlice('a', [{ name: 'one' }]);
  const tolerations = [{ key: 'broken', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 }];
  await addClaim('own', asking({ tolerations }));
  await addPod('p', ['own']);
  await placed('p');
  const source = clientOf().of(resourceSlices);
  const taint = async (taints: Device['taints']) => {
    const [found] = (await source.list()).items;
    await source.update({ ...found!, spec: { ...found!.spec, devices: [{ name: 'one', taints }] } });
  };
  const told = async () => {
    const { items } = await clientOf().of(events).list({ namespace });
    return items.filter(({ reason }) => reason === 'DeviceTaintManagerEviction').map(({ message }) => message);
  };
  await taint([{ key: 'broken', effect: 'NoExecute' }]);
  await cluster.advance(20_000);
  expect((await pod('p')).metadata.deletionTimestamp).toBeUndefined();
  await taint([]);
  await cluster.until(async () => (await told()).length > 0);
  expect(await told()).toEqual(['Cancelling deletion']);
  await taint([{ key: 'broken', effect: 'NoExecute' }]);
  await cluster.advance(25_000);
  expect((await pod('p')).metadata.deletionTimestamp).toBeUndefined();
  const kept = { metadata: { finalizers: ['example.com/kept'] } };
  await clientOf().of(pods).patch('p', kept, { type: 'merge', namespace });
  await cluster.until(async () => (await pod('p')).metadata.deletionTimestamp !== undefined);
  await cluster.until(async () => (await told()).includes('Marking for deletion'));
  const condition = (await pod('p')).status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  expect(condition).toMatchObject({
    status: 'True',
    reason: 'DeletionByDeviceTaintManager',
    message: 'Device Taint manager: deleting due to NoExecute taint',
  });
});
