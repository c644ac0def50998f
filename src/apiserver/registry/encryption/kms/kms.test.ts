import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import secrets from '#api/core/secret.js';
import type { Secret } from '#api/gen/core-v1.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { openMemoryStore } from '#storage/memory.js';
import type { Store } from '#storage/store.js';
import { startTestServer } from '../../../test-server.js';
import { openEncryption, validateEncryption } from '../configuration.js';
import { encryptedObject, sourceTypes } from './messages.js';
import { seedCipher } from './seed.js';
import { startTestPlugin, type TestPlugin } from './test-plugin.js';

let folder: string;
let plugin: TestPlugin;
let clock: VirtualClock;
let stop: AbortController;
let store: Store;
const ends: (() => Promise<unknown>)[] = [];
const prefix = 'k8s:enc:kms:v2:mine:';

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kms-'));
  clock = new VirtualClock();
  stop = new AbortController();
  store = openMemoryStore();
  plugin = await startTestPlugin(join(folder, 's'), 'one');
});
afterEach(async () => {
  stop.abort();
  for (const end of ends.splice(0)) await end();
  await plugin.close();
  rmSync(folder, { recursive: true });
});

const kms = () => ({ apiVersion: 'v2', name: 'mine', endpoint: `unix://${join(folder, 's')}`, timeout: '2s' });

async function start() {
  const path = join(folder, 'encryption.json');
  const kind = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration' };
  const resources = [{ resources: ['secrets'], providers: [{ kms: kms() }, { identity: {} }] }];
  writeFileSync(path, JSON.stringify({ ...kind, resources }));
  const encryption = await openEncryption({ path, reload: false }, { clock, log: silentLog, signal: stop.signal });
  const server = startTestServer({ store, encryption, definitions: [secrets] });
  ends.push(async () => {
    server.registry.close();
    await server.server.close();
  });
  return { encryption, of: server.client.of<Secret>(secrets) };
}

const secret = (name: string): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'default' },
  data: { x: 'c2VjcmV0' },
});
const rawOf = async (name: string) => Buffer.from((await store.get(`/registry/secrets/default/${name}`))!.value);
const keyOf = async (name: string) => encryptedObject.decode((await rawOf(name)).subarray(prefix.length)).keyId;
const problemOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: Error) => error.message,
  );

it('values lie under a seed that the plugin has encrypted, and a server that begins anew asks for it once', async () => {
  const { of } = await start();
  for (const name of ['a', 'b']) await of.create(secret(name));
  expect((await rawOf('a')).toString('latin1').startsWith(prefix)).toBe(true);
  expect(encryptedObject.decode((await rawOf('a')).subarray(prefix.length))).toMatchObject({
    keyId: 'one',
    encryptedDekSourceType: sourceTypes.seed,
    annotations: [{ key: 'key.example.com' }],
  });
  expect(plugin.calls).toEqual({ Status: 1, Encrypt: 1 });
  const again = await start();
  expect((await again.of.list({ namespace: 'default' })).items.map(({ data }) => data)).toEqual([
    { x: 'c2VjcmV0' },
    { x: 'c2VjcmV0' },
  ]);
  expect(plugin.calls).toEqual({ Status: 2, Encrypt: 2, Decrypt: 1 });
});

it('another key of the plugin makes another seed, and a write that changes nothing brings a value under it', async () => {
  const { of } = await start();
  await of.create(secret('a'));
  plugin.keyId = 'two';
  await clock.advance(61_000);
  await expect.poll(() => plugin.calls['Encrypt']).toBe(2);
  await expect
    .poll(async () => {
      await of.update(await of.get('a', { namespace: 'default' }));
      return keyOf('a');
    })
    .toBe('two');
});

it('a plugin that is gone lets values be read that are known, and written for three minutes; health checks tell', async () => {
  const { of, encryption } = await start();
  await of.create(secret('a'));
  plugin.healthz = 'bad';
  await clock.advance(21_000);
  expect(await problemOf(encryption.check())).toBe(
    'kmsv2 Provider mine is not healthy, error: got unexpected healthz status: bad',
  );
  plugin.keyId = '';
  await clock.advance(4 * 60_000);
  expect(await problemOf(of.create(secret('b')))).toContain('encryptedDEKSource with keyID hash "sha256:');
  expect((await of.get('a', { namespace: 'default' })).data).toEqual({ x: 'c2VjcmV0' });
});

it('a plugin that is not there yet is no reason not to start, but nothing can be written', async () => {
  await plugin.close();
  const { of, encryption } = await start();
  expect(await problemOf(of.create(secret('a')))).toContain('got unexpected nil transformer');
  expect(await problemOf(encryption.check())).toContain(
    'failed to perform status section of the healthz check for KMS Provider mine',
  );
  plugin = await startTestPlugin(join(folder, 's'), 'one');
});

it('opens what upstream has sealed with the same seed', () => {
  const sealed = seedCipher(Buffer.alloc(32, 7)).seal(Buffer.from('hello'), '/registry/a');
  expect(sealed.length).toBe(32 + 12 + 'hello'.length + 16);
  expect(Buffer.from(seedCipher(Buffer.alloc(32, 7)).open(sealed, '/registry/a')).toString()).toBe('hello');
  expect(() => seedCipher(Buffer.alloc(32, 7)).open(sealed, '/registry/b')).toThrow();
  expect(() => seedCipher(Buffer.alloc(16, 7))).toThrow('invalid seed length 16 used for key generation');
});

it.each([
  [{ apiVersion: undefined }, 'KMSv1 is deprecated'],
  [{ apiVersion: 'v3' }, 'only v1 and v2 are supported'],
  [{ name: '' }, 'name is a mandatory field for a provider'],
  [{ name: 'a:b' }, "invalid KMS provider name a:b, must not contain ':'"],
  [{ endpoint: '' }, 'endpoint is a mandatory field for a kms'],
  [{ endpoint: 'https://x' }, 'unsupported scheme "https" for KMS provider, only unix is supported'],
  [{ timeout: '0s' }, 'timeout should be a positive value'],
  [{ cachesize: 5 }, 'cachesize is not supported in v2'],
])('%j of a plugin is refused', (change, message) => {
  const provider = { kms: { ...kms(), ...change } } as never;
  const errors = validateEncryption({ resources: [{ resources: ['secrets'], providers: [provider] }] } as never);
  expect(errors.map((error) => error.message)).toEqual([expect.stringContaining(message)]);
});
