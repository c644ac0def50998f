/** Files that the API server and the scheduler are configured by, made to crash or to hold up whoever reads them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError } from '#apiserver/configuration-file.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { KubeconfigError, parseKubeconfig } from '#client/kubeconfig.js';
import { resolveConfig } from '../config.js';
import { openPki } from '../pki.js';
import { openSchedulerConfiguration } from '../scheduler-configuration.js';
import { ConfigError } from '../setting.js';
import { openApiServerFiles } from './files.js';
import type { ApiServerSettings } from './settings.js';

const size = 1 << 20;
let directory = '';
let file = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 't8s-hostile-'));
  file = join(directory, 'file');
});
afterAll(() => rm(directory, { recursive: true }));

/** Upstream's kinds, each with names that its fields have, and the way by which the file comes in. */
const kinds: Record<string, { apiVersion: string; fields: string[]; open: () => Promise<unknown> }> = {
  Policy: {
    apiVersion: 'audit.k8s.io/v1',
    fields: ['rules', 'level', 'users', 'resources', 'group', 'nonResourceURLs', 'omitStages', 'namespaces', 'verbs'],
    open: () => openWith({ auditPolicyFile: file, auditLogPath: join(directory, 'audit.log') }),
  },
  AdmissionConfiguration: {
    apiVersion: 'apiserver.config.k8s.io/v1',
    fields: ['plugins', 'name', 'configuration', 'path', 'defaults', 'enforce', 'exemptions', 'limits', 'type'],
    open: () => openWith({ admissionControlConfigFile: file }),
  },
  AuthenticationConfiguration: {
    apiVersion: 'apiserver.config.k8s.io/v1',
    fields: [
      'jwt',
      'issuer',
      'url',
      'audiences',
      'claimMappings',
      'username',
      'claim',
      'prefix',
      'expression',
      'anonymous',
    ],
    open: () => openWith({ authenticationConfig: file }),
  },
  AuthorizationConfiguration: {
    apiVersion: 'apiserver.config.k8s.io/v1',
    fields: ['authorizers', 'type', 'name', 'webhook', 'timeout', 'matchConditions', 'expression', 'connectionInfo'],
    open: () => openWith({ authorizationConfig: file }),
  },
  EncryptionConfiguration: {
    apiVersion: 'apiserver.config.k8s.io/v1',
    fields: ['resources', 'providers', 'aescbc', 'aesgcm', 'secretbox', 'identity', 'keys', 'name', 'secret', 'kms'],
    open: () => openWith({ encryptionProviderConfig: file }),
  },
  KubeSchedulerConfiguration: {
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    fields: ['profiles', 'schedulerName', 'plugins', 'pluginConfig', 'args', 'name', 'enabled', 'weight', 'extenders'],
    open: () => openSchedulerConfiguration(file),
  },
  Config: {
    apiVersion: 'v1',
    fields: [
      'clusters',
      'cluster',
      'server',
      'users',
      'user',
      'contexts',
      'context',
      'current-context',
      'exec',
      'token',
    ],
    open: () => parseKubeconfig(written, { directory }),
  },
};

let written = '';
let pki: Awaited<ReturnType<typeof openPki>>;
async function openWith(settings: Partial<ApiServerSettings>): Promise<void> {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const { serviceAccountKey, frontProxyCa } = pki;
  const environment = { clock, log: silentLog, signal: stop.signal, clusterDomain: 'cluster.local' };
  const defaults = resolveConfig({ flags: {}, env: {}, root: false, linux: false });
  const files = openApiServerFiles({ ...defaults, ...settings }, { ...environment, serviceAccountKey, frontProxyCa });
  try {
    await (await files).audit?.close();
  } finally {
    stop.abort();
  }
}

/** What was complained about; anything but complaints is a bug. */
async function outcome(text: string, open: () => Promise<unknown>): Promise<string | undefined> {
  written = text;
  await writeFile(file, text);
  // Of processor time: the machine may have more to do.
  const start = process.cpuUsage();
  try {
    await open();
    return undefined;
  } catch (error) {
    const isKnown =
      error instanceof ConfigurationError || error instanceof ConfigError || error instanceof KubeconfigError;
    if (!isKnown) throw error;
    return error.message;
  } finally {
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(10_000);
  }
}

const odd = [
  null,
  true,
  -1,
  1.5,
  1e300,
  '',
  'a',
  '*',
  '$',
  '1h',
  'Metadata',
  'Webhook',
  '((',
  'AAAA',
  [],
  {},
  [[]],
  [null],
];

/** Documents of a kind whose fields are where they may or may not belong. */
function documents(fields: readonly string[]): fc.Arbitrary<unknown> {
  const keys = fc.constantFrom(...fields, ...fields, 'toString', 'valueOf', 'constructor', '__proto__', 'length');
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, depthSize: 'medium' },
      fc.constantFrom(...odd),
      fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
  }));
  return fc.dictionary(keys, value, { maxKeys: 5 });
}

describe.each(Object.entries(kinds))('a %s', (kind, { apiVersion, fields, open }) => {
  beforeAll(async () => {
    const { SeededPrng } = await import('#base/prng.js');
    pki ??= await openPki({ directory: join(directory, 'pki'), clock: new VirtualClock(), prng: new SeededPrng(1) });
  });

  it('is read or refused, whatever it says', async () => {
    const property = fc.asyncProperty(documents(fields), async (document) => {
      await outcome(JSON.stringify({ apiVersion, kind, ...(document as object) }), open);
      await outcome(JSON.stringify(document), open);
    });
    await fc.assert(property, { numRuns: 60 });
  });

  it.each([
    ['brackets', '['.repeat(size)],
    ['keys', Array.from({ length: 60_000 }, (_, i) => `k${i}: 1`).join('\n')],
    ['one key', 'a: 1\n'.repeat(100_000)],
    ['aliases', `a: &a [x]\nb: [${'*a,'.repeat(100_000)}*a]`],
    ['zeros', '\0'.repeat(size)],
    ['an apiVersion that is an object', '{"apiVersion":{"toString":1,"valueOf":1},"kind":"x"}'],
  ])('of a megabyte is refused: %s', async (_, text) => {
    expect(await outcome(text, open)).toBeDefined();
  });
});
