/**
 * Which resources lie encrypted, and how: an EncryptionConfiguration, checked, and asked for one resource at a time.
 * https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/#apiserver-config-k8s-io-v1-EncryptionConfiguration
 */
import type { EncryptionConfiguration, Key, KMSConfiguration, ProviderConfiguration } from '#api/gen/apiserver-v1.js';
import { parseDuration } from '#apimachinery/codec/time.js';
import { type FieldError, invalidValue, required } from '#apimachinery/field-error.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Store } from '#storage/store.js';
import { followFile, parseConfiguration, readConfigurationFile, requireValidFile } from '../../configuration-file.js';
import { EncryptedStore } from './encrypted-store.js';
import type { KmsPlugin } from './kms/plugin.js';
import { aesCbc, aesGcm, identity, type Provider, secretbox } from './providers.js';

export interface Encryption {
  /** The store as the registry shall see it for this resource. */
  of(store: Store, resource: { group: string; plural: string }): Store;
  /** Of all KMS plugins. Throws Error when one is not well. */
  check(): Promise<void>;
  /** There are, or by a change of the file there may be, plugins to look after. */
  readonly hasPlugins: boolean;
}

export interface EncryptionEnvironment {
  clock: Clock;
  log: Log;
  /** Aborts when the server stops. */
  signal: AbortSignal;
}

type Configured = readonly { resources: readonly string[]; providers: readonly Provider[] }[];

interface Current {
  configured: Configured;
  plugins: readonly KmsPlugin[];
  /** Ends what its plugins do in the background. */
  end: AbortController;
}

const kind = { group: 'apiserver.config.k8s.io', kind: 'EncryptionConfiguration', versions: ['v1'] } as const;

/** With `reload`, changes of the file are taken over. Throws ConfigurationError. */
export async function openEncryption(
  { path, reload }: { path: string; reload: boolean },
  { clock, log, signal }: EncryptionEnvironment,
): Promise<Encryption> {
  const read = async (bytes: Uint8Array): Promise<Current> => {
    const { value } = parseConfiguration<EncryptionConfiguration>(bytes, { path, ...kind });
    requireValidFile(path, validateEncryption(value));
    const end = new AbortController();
    const opened = await configured(value, { clock, log, signal: AbortSignal.any([signal, end.signal]) });
    return { ...opened, end };
  };
  const first = await readConfigurationFile(path);
  let current = await read(first);
  const apply = async (bytes: Uint8Array) => {
    const next = await read(bytes);
    const { end, plugins } = current;
    // As upstream: what the server cannot write with does not take the place of what it can.
    await Promise.all(next.plugins.map((plugin) => plugin.check())).catch((error: unknown) => {
      next.end.abort();
      throw error;
    });
    current = next;
    if (plugins.length === 0) return;
    const graceMs = 2 * plugins.reduce((sum, { timeoutMs }) => sum + timeoutMs, 0);
    void clock.sleep(graceMs, signal).then(
      () => end.abort(),
      () => {},
    );
  };
  if (reload) void followFile(path, { apply, clock, log, signal, first });
  return {
    of: (store, resource) =>
      // Without a reload, what is not named now never will be.
      reload || providersOf(current.configured, resource)
        ? new EncryptedStore(store, () => providersOf(current.configured, resource) ?? plain)
        : store,
    async check() {
      for (const plugin of current.plugins) await plugin.check();
    },
    hasPlugins: reload || current.plugins.length > 0,
  };
}

const plain: readonly Provider[] = [identity];

async function configured(
  { resources = [] }: EncryptionConfiguration,
  environment: EncryptionEnvironment,
): Promise<{ configured: Configured; plugins: readonly KmsPlugin[] }> {
  const plugins: KmsPlugin[] = [];
  const result: { resources: readonly string[]; providers: readonly Provider[] }[] = [];
  for (const { resources: names = [], providers = [] } of resources) {
    const made: Provider[] = [];
    for (const provider of providers) {
      const { kms } = provider;
      if (!kms) made.push(...providersFrom(provider));
      else {
        const room = await import('./kms/index.js');
        const plugin = room.pluginOf(kms, environment);
        await plugin.start();
        plugins.push(plugin);
        made.push(room.kmsProvider(plugin));
      }
    }
    result.push({ resources: names, providers: made });
  }
  return { configured: result, plugins };
}

function providersFrom({ aesgcm, aescbc, secretbox: box }: ProviderConfiguration): Provider[] {
  const keys = (given: readonly Key[] | undefined) =>
    (given ?? []).map(({ name = '', secret = '' }) => ({ name, secret: Buffer.from(secret, 'base64') }));
  if (aesgcm) return keys(aesgcm.keys).map(aesGcm);
  if (aescbc) return keys(aescbc.keys).map(aesCbc);
  if (box) return keys(box.keys).map(secretbox);
  return [identity];
}

/** Of the first entry that names the resource, by its name or by a wildcard. */
export function providersOf(
  all: Configured,
  { group, plural }: { group: string; plural: string },
): readonly Provider[] | undefined {
  const names = [group ? `${plural}.${group}` : plural, `*.${group}`, '*.*'];
  // Events are stored as those of the core group, in whatever group they are asked for.
  if (group === 'events.k8s.io') names.unshift('events');
  return all.find(({ resources }) => resources.some((one) => names.includes(one)))?.providers;
}

export function validateEncryption({ resources }: EncryptionConfiguration): FieldError[] {
  if (!resources?.length) return [required('resources', 'at least one resources is required')];
  const plugins = new Set<string>();
  return resources.flatMap((one, index) => {
    const path = `resources[${index}]`;
    const atLeastOne = (field: string) => required(`${path}.${field}`, `at least one ${path}.${field} is required`);
    const { resources: names = [], providers = [] } = one;
    return [
      ...(names.length > 0 ? [] : [atLeastOne('resources')]),
      ...validateOverlap(names, `${path}.resources`),
      ...names.flatMap((name, at) => validateName(name, `${path}.resources[${at}]`)),
      ...(providers.length > 0 ? [] : [atLeastOne('providers')]),
      ...providers.flatMap((provider, at) => validateProvider(provider, `${path}.providers[${at}]`, plugins)),
    ];
  });
}

function split(name: string): [resource: string, group: string] {
  const dot = name.indexOf('.');
  return dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
}

function validateOverlap(names: readonly string[], path: string): FieldError[] {
  const parts = names.map(split);
  const pairs = parts.flatMap((a, at) => parts.filter((_, other) => other !== at).map((b) => [a, b] as const));
  const same = pairs.some(([a, b]) => a[0] === b[0] && a[1] === b[1]);
  const masked = pairs.some(
    ([a, b]) =>
      !(a[0] === b[0] && a[1] === b[1]) &&
      ((a[0] === '*' && a[1] === '*') || (a[1] === b[1] && (a[0] === '*' || b[0] === '*'))),
  );
  const overlap =
    "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked";
  return [
    ...(same ? [invalidValue(path, names, 'the same resource cannot be specified multiple times')] : []),
    ...(masked ? [invalidValue(path, names, overlap)] : []),
  ];
}

const internalResources = ['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'];

function validateName(name: string, path: string): FieldError[] {
  const [resource, group] = split(name);
  const refuse = (detail: string) => [invalidValue(path, name, detail)];
  if (name !== name.toLowerCase()) return refuse('resource name should not contain capital letters');
  if (name === '*')
    return refuse("use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources");
  if (internalResources.includes(name)) return refuse('resources which do not have REST API/s cannot be encrypted');
  if (group === 'events.k8s.io')
    return refuse(
      "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file",
    );
  if (group === 'extensions') return refuse("'extensions' group has been removed and cannot be used for encryption");
  if (group === '*' && resource !== '*') return refuse('encrypting the same resource across groups is not supported');
  return [];
}

const aesKeyBytes = [16, 24, 32];
const boxKeyBytes = [32];

/** `names` are those of the plugins before it, to which its own is added. */
function validateProvider(provider: ProviderConfiguration, path: string, names: Set<string>): FieldError[] {
  const { aesgcm, aescbc, secretbox: box, identity: none, kms } = provider;
  const given = [kms, aesgcm, aescbc, box, none].filter((one) => one !== undefined).length;
  const expected = 'provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity';
  if (given === 0) return [invalidValue(path, provider, expected)];
  if (given > 1) {
    const detail = 'more than one provider specified in a single element, should split into different list elements';
    return [invalidValue(path, '<omitted>', detail)];
  }
  if (kms) return validateKms(kms, `${path}.kms`, names);
  if (aesgcm) return validateKeys(aesgcm.keys, `${path}.aesgcm.keys`, aesKeyBytes);
  if (aescbc) return validateKeys(aescbc.keys, `${path}.aescbc.keys`, aesKeyBytes);
  return box ? validateKeys(box.keys, `${path}.secretbox.keys`, boxKeyBytes) : [];
}

const kmsV1 =
  'KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead: this server has no KMSv1';

function validateKms(kms: KMSConfiguration, path: string, names: Set<string>): FieldError[] {
  const { apiVersion = 'v1', name = '', cachesize, endpoint = '', timeout } = kms;
  const errors: FieldError[] = [];
  const refuse = (field: string, value: unknown, detail: string) =>
    void errors.push(invalidValue(`${path}.${field}`, value, detail));
  if (name === '') errors.push(required(`${path}.name`, 'name is a mandatory field for a provider'));
  if (name.includes(':')) refuse('name', name, `invalid KMS provider name ${name}, must not contain ':'`);
  if (names.has(name)) refuse('name', name, `duplicate KMS provider name ${name}, names must be unique`);
  names.add(name);
  if (timeout !== undefined && !isPositiveDuration(timeout))
    refuse('timeout', timeout, 'timeout should be a positive value');
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(endpoint)?.[1] ?? '';
  if (endpoint === '') refuse('endpoint', '', 'endpoint is a mandatory field for a kms');
  else if (!URL.canParse(endpoint) || scheme !== 'unix')
    refuse('endpoint', endpoint, `unsupported scheme "${scheme}" for KMS provider, only unix is supported`);
  if (apiVersion !== 'v1' && cachesize !== undefined)
    refuse('cachesize', cachesize, 'cachesize is not supported in v2');
  if (apiVersion === 'v1') refuse('apiVersion', apiVersion, kmsV1);
  else if (apiVersion !== 'v2')
    refuse(
      'apiVersion',
      apiVersion,
      'unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported',
    );
  return errors;
}

function isPositiveDuration(text: string): boolean {
  try {
    return parseDuration(text) > 0n;
  } catch {
    return false;
  }
}

function validateKeys(keys: readonly Key[] = [], path: string, lengths: readonly number[]): FieldError[] {
  if (keys.length === 0) return [required(path, 'at least one keys is required')];
  return keys.flatMap(({ name, secret }, index) => {
    const at = `${path}[${index}]`;
    const errors = name ? [] : [required(`${at}.name`, 'name is a mandatory field for a key')];
    if (!secret) return [...errors, required(`${at}.secret`, 'secret is a mandatory field for a key')];
    const bytes = Buffer.from(secret, 'base64');
    if (bytes.toString('base64') !== secret)
      return [...errors, invalidValue(`${at}.secret`, 'REDACTED', 'secrets must be base64 encoded')];
    if (lengths.includes(bytes.length)) return errors;
    const detail = `secret is not of the expected length, got ${bytes.length}, expected one of [${lengths.join(' ')}]`;
    return [...errors, invalidValue(`${at}.secret`, 'REDACTED', detail)];
  });
}
