import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import configmaps from '#api/core/configmap.js';
import type { ConfigMap } from '#api/gen/core-v1.js';
import { VirtualClock } from '#base/clock.js';
import { copy } from '#base/json.js';
import { silentLog } from '#base/log.js';
import { openMemoryStore } from '#storage/memory.js';
import type { Store } from '#storage/store.js';
import { startTestServer } from '../../test-server.js';
import { openEncryption, providersOf, validateEncryption } from './configuration.js';
import { aesCbc, aesGcm, identity, openBy, sealBy, secretbox } from './providers.js';

const key = (name: string, length = 32) => ({ name, secret: Buffer.alloc(length, name).toString('base64') });
const withBytes = (name: string) => ({ name, secret: Buffer.alloc(32, name) });

let folder: string;
let path: string;
let clock: VirtualClock;
let stop: AbortController;
let store: Store;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 't8s-encryption-'));
  path = join(folder, 'encryption.yaml');
  clock = new VirtualClock();
  stop = new AbortController();
  store = openMemoryStore();
});
afterEach(() => {
  stop.abort();
  rmSync(folder, { recursive: true });
});

function configure(providers: object[], resources = ['configmaps']): void {
  const kind = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration' };
  writeFileSync(path, JSON.stringify({ ...kind, resources: [{ resources, providers }] }));
}

const open = (reload = false) => openEncryption({ path, reload }, { clock, log: silentLog, signal: stop.signal });
const place = '/registry/configmaps/default/a';
const raw = async () => Buffer.from((await store.get(place))!.value).toString('latin1');
const made: ConfigMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'default' },
  data: { x: 'clear text' },
};

it.each(['aesgcm', 'aescbc', 'secretbox'])('stores by %s what nobody can read, and reads it again', async (name) => {
  configure([{ [name]: { keys: [key('one')] } }, { identity: {} }]);
  const first = startTestServer({ store, encryption: await open() });
  await first.client.of<ConfigMap>(configmaps).create(copy(made));
  expect(await raw()).toMatch(new RegExp(`^k8s:enc:${name}:v1:one:`));
  expect(await raw()).not.toContain('clear text');
  expect((await first.client.of<ConfigMap>(configmaps).list({ namespace: 'default' })).items[0]?.data).toEqual(
    made.data,
  );
  first.registry.close();
  await first.server.close();
  const second = startTestServer({ store, encryption: await open() });
  const client = second.client.of<ConfigMap>(configmaps);
  expect((await client.get('a', { namespace: 'default' })).data).toEqual(made.data);
  await second.close();
});

it('changes keys: reads by the old, and a write that changes nothing writes by the new', async () => {
  configure([{ aescbc: { keys: [key('old')] } }, { identity: {} }]);
  const first = startTestServer({ store, encryption: await open() });
  await first.client.of<ConfigMap>(configmaps).create(copy(made));
  first.registry.close();
  await first.server.close();
  configure([{ secretbox: { keys: [key('new')] } }, { aescbc: { keys: [key('old')] } }]);
  const second = startTestServer({ store, encryption: await open() });
  const client = second.client.of<ConfigMap>(configmaps);
  const before = await client.get('a', { namespace: 'default' });
  const after = await client.update(copy(before));
  expect(after.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
  expect(await raw()).toMatch(/^k8s:enc:secretbox:v1:new:/);
  expect((await client.update(copy(after))).metadata.resourceVersion).toBe(after.metadata.resourceVersion);
  await second.close();
});

it('takes over a changed file, and keeps what held when that cannot be used', async () => {
  configure([{ identity: {} }]);
  const encryption = await open(true);
  const test = startTestServer({ store, encryption });
  const client = test.client.of<ConfigMap>(configmaps);
  const created = await client.create(copy(made));
  expect(await raw()).toContain('clear text');
  configure([{ aesgcm: { keys: [key('late')] } }, { identity: {} }]);
  await lookedAgain();
  const changed = await client.update({ ...copy(created), data: { x: 'other' } });
  expect(await raw()).toMatch(/^k8s:enc:aesgcm:v1:late:/);
  configure([{ aesgcm: { keys: [] } }]);
  await lookedAgain();
  await client.update({ ...copy(changed), data: { x: 'third' } });
  expect(await raw()).toMatch(/^k8s:enc:aesgcm:v1:late:/);
  await test.close();
});

async function lookedAgain(): Promise<void> {
  await clock.advance(61_000);
  // The server reads the file in real time: by when we have read it some times more, so has the server.
  for (let turn = 0; turn < 10; turn++) await readFile(path);
}

it('says that it cannot read what it has no key for', async () => {
  const sealed = sealBy([aesGcm(withBytes('a'))], Buffer.from('text'), place);
  await expect(openBy([aesCbc(withBytes('a')), identity], sealed, place)).rejects.toThrow('no matching prefix found');
  await expect(openBy([aesGcm(withBytes('b'))], sealed, place)).rejects.toThrow('no matching prefix found');
  await expect(openBy([aesGcm({ ...withBytes('b'), name: 'a' })], sealed, place)).rejects.toThrow();
  // A value that was moved to another key is none of that key's.
  await expect(openBy([aesGcm(withBytes('a'))], sealed, '/elsewhere')).rejects.toThrow();
  expect(await openBy([secretbox(withBytes('c')), aesGcm(withBytes('a'))], sealed, place)).toMatchObject({
    stale: true,
  });
});

it('goes by the first entry that names a resource, by wildcards too', () => {
  const [none, core, apps, all] = [[identity], [secretbox(withBytes('1'))], [secretbox(withBytes('2'))], [identity]];
  const entries = [
    { resources: ['events', 'pandas.acme.io'], providers: none },
    { resources: ['*.'], providers: core },
    { resources: ['*.apps'], providers: apps },
    { resources: ['*.*'], providers: all },
  ];
  const of = (plural: string, group = '') => providersOf(entries, { group, plural });
  expect(of('events')).toBe(none);
  expect(of('events', 'events.k8s.io')).toBe(none);
  expect(of('pandas', 'acme.io')).toBe(none);
  expect(of('secrets')).toBe(core);
  expect(of('deployments', 'apps')).toBe(apps);
  expect(of('jobs', 'batch')).toBe(all);
  expect(providersOf(entries.slice(0, 1), { group: '', plural: 'secrets' })).toBeUndefined();
});

it('says what is wrong with a configuration', () => {
  const messages = (resources: string[], providers: object[]) =>
    validateEncryption({ apiVersion: '', kind: '', resources: [{ resources, providers }] }).map(
      ({ message }) => message,
    );
  const fine = [{ identity: {} }];
  expect(messages(['secrets', '*.apps'], fine)).toEqual([]);
  expect(messages(['secrets', '*.'], fine)[0]).toContain('using overlapping resources');
  expect(messages(['secrets', 'secrets'], fine)[0]).toContain('the same resource cannot be specified multiple times');
  expect(messages(['*'], fine)[0]).toContain("use '*.' to encrypt all");
  expect(messages(['Secrets'], fine)[0]).toContain('should not contain capital letters');
  expect(messages(['events.events.k8s.io'], fine)[0]).toContain("Use 'events' instead");
  expect(messages(['a.*'], fine)[0]).toContain('across groups is not supported');
  expect(messages(['secrets'], [{}])[0]).toContain('does not contain any of the expected providers');
  expect(messages(['secrets'], [{ identity: {}, aescbc: { keys: [key('a')] } }])[0]).toContain(
    'more than one provider',
  );
  expect(messages(['secrets'], [{ aescbc: { keys: [key('a', 20)] } }])).toEqual([
    'resources[0].providers[0].aescbc.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 20, expected one of [16 24 32]',
  ]);
});
