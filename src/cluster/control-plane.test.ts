import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { componentUsers } from '#apiserver/authentication/component-users.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { defaultSettings } from '#controllers/settings.js';
import { openMemoryStore } from '#storage/memory.js';
import { ControlPlane } from './control-plane.js';
import { openPki } from './pki.js';

test('discovery and the issuer name the port that clients reach', async () => {
  const clock = new VirtualClock();
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
  });
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
  await rm(directory, { recursive: true });
});
