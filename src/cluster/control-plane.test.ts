import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import leases from '#api/coordination/lease.js';
import serviceAccounts from '#api/core/serviceaccount.js';
import { componentUsers } from '#apiserver/authentication/component-users.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { defaultSettings } from '#controllers/settings.js';
import { openMemoryStore } from '#storage/memory.js';
import { resolveConfig } from './config.js';
import { ControlPlane, type ControlPlaneOptions } from './control-plane.js';
import { electionOf } from './controller-manager/election.js';
import { openPki } from './pki.js';

async function makePlane(clock: VirtualClock, more: Partial<ControlPlaneOptions> = {}) {
  const prng = new SeededPrng(1);
  const directory = await mkdtemp(join(tmpdir(), 't8s-'));
  const plane = new ControlPlane({
    store: openMemoryStore(),
    pki: await openPki({ directory, clock, prng }),
    serviceCidr: '10.96.0.0/12',
    controllerSettings: defaultSettings,
    clusterDomain: 'cluster.local',
    advertiseAddress: '192.0.2.2',
    advertisePort: 6443,
    clock,
    prng,
    log: silentLog,
    ...more,
  });
  return { plane, remove: () => rm(directory, { recursive: true }) };
}

test('discovery and the issuer name the port that clients reach', async () => {
  const { plane, remove } = await makePlane(new VirtualClock());
  const transport = plane.server.transport(componentUsers.apiServer);
  const get = async (path: string) => (await transport.request({ method: 'GET', path })).body;
  expect(await get('/api')).toMatchObject({ serverAddressByClientCIDRs: [{ serverAddress: '192.0.2.2:6443' }] });
  expect(await get('/.well-known/openid-configuration')).toMatchObject({
    jwks_uri: 'https://192.0.2.2:6443/openid/v1/jwks',
  });
  expect((await get('/')) as object).toMatchObject({
    paths: expect.arrayContaining(['/api', '/api/v1', '/apis/apps/v1', '/openid/v1/jwks', '/readyz']),
  });
  await plane.server.close();
  await remove();
});

test('controllers and scheduler work at once where nobody holds their Leases', async () => {
  const clock = new VirtualClock();
  const flags = resolveConfig({ flags: {}, env: {}, root: false, linux: false });
  const election = electionOf(flags, { dataDir: '/data' })!;
  expect(electionOf(flags, { dataDir: '/data' })).toEqual(election);
  const { plane, remove } = await makePlane(clock, { election });
  const ready = plane.startWithoutPort(6443);
  await clock.advance(1000);
  await ready;
  plane.startComponents();
  await clock.advance(3000);
  const client = plane.client(componentUsers.apiServer);
  for (const name of ['kube-controller-manager', 'kube-scheduler']) {
    const { spec } = await client.of(leases).get(name, { namespace: 'kube-system' });
    expect(spec).toMatchObject({ holderIdentity: election.identity, leaseDurationSeconds: 15, leaseTransitions: 0 });
  }
  expect(await client.of(serviceAccounts).get('default', { namespace: 'default' })).toBeDefined();
  await plane.stop();
  await remove();
});
