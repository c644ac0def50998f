/**
 * Devices for pods while the scheduler's writes are refused and answers lost, by chance that a seed repeats: whatever
 * happens, no device is given twice, and in the end each that is free is used.
 */
// Reading these takes real time, in which the virtual one would run past the limit of a request.
import '#api/devices/compile.js';
import '#scheduler/devices/allocation.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import pods from '#api/core/pod/index.js';
import deviceClasses from '#api/devices/deviceclass.js';
import resourceClaims from '#api/devices/resourceclaim.js';
import resourceClaimTemplates from '#api/devices/resourceclaimtemplate.js';
import resourceSlices from '#api/devices/resourceslice.js';
import type { Pod } from '#api/gen/core-v1.js';
import { StatusError } from '#apimachinery/errors.js';
import { silentLog } from '#base/log.js';
import { fraction, type Prng, SeededPrng } from '#base/prng.js';
import { Client } from '#client/client.js';
import { type ApiRequest, type Transport, TransportError } from '#client/transport.js';
import { Scheduler } from '#scheduler/scheduler.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';

let cluster: TestCluster;
let stop: AbortController;
let scheduling: Promise<void> | undefined;
beforeEach(() => {
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await cluster.advance(60_000);
  await scheduling;
  await cluster.stop();
});

/** Of ten writes two are refused and one gets no answer. */
function faulty({ request, watch }: Pick<Transport, 'request' | 'watch'>, prng: Prng): Transport {
  return {
    request: async (given: ApiRequest) => {
      const isTried = given.method !== 'GET' && !given.path.includes('/events');
      const chance = isTried ? fraction(prng) : 1;
      if (chance < 0.1) throw new StatusError({ reason: 'Conflict', message: 'refused by the test' });
      if (chance < 0.2) throw new StatusError({ reason: 'InternalError', message: 'refused by the test' });
      const response = await request(given);
      if (chance < 0.3) throw new TransportError('lost by the test');
      return response;
    },
    watch,
  };
}

const namespace = 'default';
const apiVersion = 'resource.k8s.io/v1';
const [driver, nodes] = ['d.example.com', ['a', 'b', 'c']];

async function prepare(): Promise<void> {
  const client = cluster.client();
  await client.of(deviceClasses).create({ apiVersion, kind: 'DeviceClass', metadata: { name: 'any' }, spec: {} });
  for (const nodeName of nodes) {
    const spec = {
      ...{ driver, nodeName, pool: { name: nodeName, generation: 1, resourceSliceCount: 1 } },
      devices: [{ name: 'x' }, { name: 'y' }],
    };
    await client.of(resourceSlices).create({ apiVersion, kind: 'ResourceSlice', metadata: { name: nodeName }, spec });
  }
  const devices = { requests: [{ name: 'r', exactly: { deviceClassName: 'any' } }] };
  const metadata = { name: 't', namespace };
  const template = { apiVersion, kind: 'ResourceClaimTemplate', metadata, spec: { spec: { devices } } };
  await client.of(resourceClaimTemplates).create(template);
}

async function addPod(name: string): Promise<void> {
  const spec: Pod['spec'] = {
    containers: [{ name: 'c', image: 'i', resources: { claims: [{ name: 'own' }] } }],
    resourceClaims: [{ name: 'own', resourceClaimTemplateName: 't' }],
  };
  await cluster.client().of(pods).create({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec });
}

/** The devices that claims say they have. Throws when one is had twice. */
async function given(): Promise<string[]> {
  const { items } = await cluster.client().of(resourceClaims).list({ namespace });
  const all = items.flatMap(({ status }) => status?.allocation?.devices?.results ?? []);
  const ids = all.map(({ pool, device }) => `${pool}/${device}`);
  expect(new Set(ids).size).toBe(ids.length);
  return ids;
}

const placed = async () =>
  (await cluster.client().of(pods).list({ namespace })).items.filter(({ spec }) => spec.nodeName !== undefined);

test.each([1, 2, 3])('no device is given twice, and none lies idle (seed %i)', async (seed) => {
  cluster = await startTestCluster({ scheduler: false, nodes: nodes.map((name) => ({ name })) });
  await prepare();
  const { transport } = cluster.client({ name: 'system:kube-scheduler' });
  const prng = new SeededPrng(seed);
  const client = new Client(
    faulty({ request: (one) => transport.request(one), watch: (one) => transport.watch(one) }, prng),
  );
  scheduling = new Scheduler({ client, clock: cluster.clock, prng, log: silentLog }).run(stop.signal);
  for (let at = 0; at < 10; at++) await addPod(`p${at}`);
  const isFull = async () => (await given()).length === 6 && (await placed()).length === 6;
  await cluster.until(isFull, { limitMs: 600_000, stepMs: 500 });
  for (const { metadata } of (await placed()).slice(0, 4))
    await cluster.client().of(pods).delete(metadata.name!, { namespace });
  await cluster.until(async () => (await cluster.client().of(pods).list({ namespace })).items.length === 6);
  await cluster.until(isFull, { limitMs: 600_000, stepMs: 500 });
});
