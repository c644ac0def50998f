/**
 * kubeconfig files: reading one, writing one, and adding a context to one that people have made their own.
 * https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 */
import { mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  type Document,
  type DocumentOptions,
  isMap,
  isSeq,
  type ParseOptions,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { writeFileAtomic } from '#base/atomic-file.js';

/** How somebody signs in; certificates and keys are PEM. */
export interface Credentials {
  clientCertificate?: string;
  clientKey?: string;
  token?: string;
}

/** One way to a cluster, as one context of a kubeconfig says it. */
export interface Access extends Credentials {
  /** `https://127.0.0.1:6443` */
  server: string;
  certificateAuthority?: string;
  tlsServerName?: string;
  insecureSkipTlsVerify?: boolean;
  namespace?: string;
}

export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

interface Kubeconfig {
  'current-context'?: string;
  clusters?: { name?: string; cluster?: Record<string, unknown> }[] | null;
  contexts?: { name?: string; context?: { cluster?: string; user?: string; namespace?: string } }[] | null;
  users?: { name?: string; user?: Record<string, unknown> }[] | null;
}

/**
 * What a kubeconfig's text says of one context (default: its current one), credentials in other files included.
 * Throws KubeconfigError when the text or the context does not hold together, or uses a way in that we do not know
 * (exec plugins, auth providers, passwords).
 */
export async function parseKubeconfig(
  text: string,
  options: { context?: string; directory?: string } = {},
): Promise<Access> {
  const config = read(text);
  const contextName = options.context ?? config['current-context'];
  if (!contextName) throw new KubeconfigError('the kubeconfig has no current context');
  const context = config.contexts?.find(({ name }) => name === contextName)?.context;
  if (!context) throw new KubeconfigError(`context "${contextName}" does not exist`);
  const cluster = config.clusters?.find(({ name }) => name === context.cluster)?.cluster;
  if (!cluster) throw new KubeconfigError(`cluster "${context.cluster}" does not exist`);
  const user = config.users?.find(({ name }) => name === context.user)?.user ?? {};
  const pem = (field: string) => readPem(cluster, field, options.directory);
  return {
    server: String(cluster['server'] ?? ''),
    certificateAuthority: await pem('certificate-authority'),
    tlsServerName: cluster['tls-server-name'] as string | undefined,
    insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'] === true,
    ...(await credentialsOf(user, { name: context.user ?? '', directory: options.directory })),
    namespace: context.namespace,
  };
}

/** All users of a kubeconfig by their names, and the one of its current context. Throws KubeconfigError. */
export async function readKubeconfigUsers(
  path: string,
): Promise<{ users: Map<string, Credentials>; current: Credentials | undefined }> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new KubeconfigError(`cannot read ${path}: ${error.message}`, { cause: error });
  });
  const config = read(text);
  const users = new Map<string, Credentials>();
  for (const { name = '', user = {} } of config.users ?? [])
    users.set(name, await credentialsOf(user, { name, directory: dirname(path) }));
  const context = config.contexts?.find(({ name }) => name === config['current-context'])?.context;
  return { users, current: users.get(context?.user ?? '') };
}

async function credentialsOf(
  user: Record<string, unknown>,
  { name, directory }: { name: string; directory: string | undefined },
): Promise<Credentials> {
  for (const unknown of ['exec', 'auth-provider', 'username']) {
    if (user[unknown]) throw new KubeconfigError(`user "${name}" signs in by ${unknown}, which is not supported`);
  }
  return {
    clientCertificate: await readPem(user, 'client-certificate', directory),
    clientKey: await readPem(user, 'client-key', directory),
    token: (user['token'] as string | undefined) ?? (await readNamed(user['tokenFile'], directory))?.trim(),
  };
}

/** `<field>-data` holds base64, `<field>` a path relative to the kubeconfig; the data goes first. */
async function readPem(from: Record<string, unknown>, field: string, directory = '.'): Promise<string | undefined> {
  const data = from[`${field}-data`];
  if (typeof data === 'string' && data) return Buffer.from(data, 'base64').toString('utf8');
  return readNamed(from[field], directory);
}

async function readNamed(file: unknown, directory = '.'): Promise<string | undefined> {
  if (typeof file !== 'string' || !file) return undefined;
  const path = file.startsWith('/') ? file : `${directory}/${file}`;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new KubeconfigError(`cannot read ${path}, which the kubeconfig names`, { cause: error });
  }
}

/** A kubeconfig of one context, whose cluster, user and context all have this name. */
export function formatKubeconfig(name: string, access: Access): string {
  const { cluster, user, context } = entries(name, access);
  const document = parseDocument('');
  document.contents = document.createNode({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context }],
    'current-context': name,
  }) as never;
  return print(document);
}

export async function writeKubeconfig(path: string, options: { name: string; access: Access }): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFileAtomic(path, formatKubeconfig(options.name, options.access), { mode: 0o600 });
}

function entries(name: string, access: Access) {
  const base64 = (pem: string | undefined) => pem && Buffer.from(pem).toString('base64');
  return {
    cluster: withoutEmpty({
      'certificate-authority-data': base64(access.certificateAuthority),
      server: access.server,
      'tls-server-name': access.tlsServerName,
      'insecure-skip-tls-verify': access.insecureSkipTlsVerify || undefined,
    }),
    user: withoutEmpty({
      'client-certificate-data': base64(access.clientCertificate),
      'client-key-data': base64(access.clientKey),
      token: access.token,
    }),
    context: withoutEmpty({ cluster: name, namespace: access.namespace, user: name }),
  };
}

function withoutEmpty(fields: Record<string, string | boolean | undefined>): Record<string, string | boolean> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Record<
    string,
    string | boolean
  >;
}

/**
 * The text with this context added or replaced and made current; all else, comments included, stays as it was.
 * Throws KubeconfigError when the text is no kubeconfig.
 */
export function mergeKubeconfig(text: string, { name, access }: { name: string; access: Access }): string {
  if (!text.trim()) return formatKubeconfig(name, access);
  const document = parse(text);
  if (document.contents === null) return formatKubeconfig(name, access);
  const { cluster, user, context } = entries(name, access);
  setNamed(document, { list: 'clusters', name, key: 'cluster', fields: cluster });
  setNamed(document, { list: 'users', name, key: 'user', fields: user });
  setNamed(document, { list: 'contexts', name, key: 'context', fields: context });
  document.set('current-context', name);
  return print(document);
}

/** The text without this context; when it was the current one, none is. The inverse of `mergeKubeconfig`. */
export function removeFromKubeconfig(text: string, name: string): string {
  const document = parse(text);
  for (const list of ['clusters', 'users', 'contexts']) {
    const sequence = document.get(list);
    if (isSeq(sequence)) sequence.items = sequence.items.filter((item) => !isNamed(item, name));
  }
  if (document.get('current-context') === name) document.set('current-context', '');
  return print(document);
}

/** Merges into the file at `path`, made if missing; a symbolic link stays one. The file's own mode is kept. */
export async function mergeIntoFile(path: string, options: { name: string; access: Access }): Promise<void> {
  await changeFile(path, (text) => mergeKubeconfig(text, options));
}

/** Removes the context from the file at `path`, if there is one. */
export async function removeFromFile(path: string, name: string): Promise<void> {
  await changeFile(path, (text) => (text === '' ? text : removeFromKubeconfig(text, name)));
}

async function changeFile(path: string, change: (text: string) => string): Promise<void> {
  const target = await realpath(path).catch(ignoreMissing);
  const text = target === undefined ? '' : await readFile(target, 'utf8');
  const changed = change(text);
  if (changed === text) return;
  const mode = target === undefined ? 0o600 : (await stat(target)).mode & 0o777;
  if (target === undefined) await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeFileAtomic(target ?? path, changed, { mode });
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/** What the lists of a kubeconfig hold, by name, and the texts that are looked at of each. */
const lists = { clusters: 'cluster', contexts: 'context', users: 'user' } as const;
const texts = ['cluster', 'user', 'namespace', 'server', 'tls-server-name', 'token'];

/** Throws KubeconfigError for what is no kubeconfig. Of keys that stand twice the last holds, as for Go. */
function read(text: string): Kubeconfig {
  const document = parse(text, { uniqueKeys: false });
  let config: Record<string, unknown>;
  try {
    config = document.toJS() ?? {};
  } catch (error) {
    throw new KubeconfigError('the kubeconfig says things by aliases that are not there or too many', { cause: error });
  }
  for (const [list, kind] of Object.entries(lists)) {
    const entries = config[list] ?? [];
    const isList = Array.isArray(entries) && entries.every((entry) => isEntry(entry, kind));
    if (!isList) throw new KubeconfigError(`the ${list} of the kubeconfig are no list of named entries`);
  }
  if (!isText(config['current-context'])) throw new KubeconfigError('the current context of the kubeconfig is no name');
  return config;
}

function isEntry(entry: unknown, kind: string): boolean {
  if (!isFields(entry) || !isText(entry['name'])) return false;
  const held = entry[kind] ?? {};
  return isFields(held) && texts.every((field) => isText(held[field]));
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): boolean {
  return value === undefined || value === null || typeof value === 'string';
}

const depthMax = 1000;

/** No kubeconfig is; whoever reads such YAML is held up by it. */
function isDeep(text: string): boolean {
  let depth = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1;
    if (depth > depthMax) return true;
  }
  return false;
}

function parse(text: string, options: ParseOptions & DocumentOptions = {}): Document {
  if (isDeep(text)) throw new KubeconfigError('the kubeconfig is nested too deeply');
  const document = parseDocument(text, options);
  const [error] = document.errors;
  if (error) throw new KubeconfigError(`the kubeconfig is not YAML: ${error.message}`, { cause: error });
  if (document.contents !== null && !isMap(document.contents))
    throw new KubeconfigError('the kubeconfig is not a mapping');
  return document;
}

/** Long base64 stays on one line, as kubectl writes it. */
function print(document: Document): string {
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** Fields that ours replace even by being absent: a token left beside our certificate would sign in as somebody else. */
const ownedFields = [
  'certificate-authority',
  'certificate-authority-data',
  'insecure-skip-tls-verify',
  'tls-server-name',
  'client-certificate',
  'client-certificate-data',
  'client-key',
  'client-key-data',
  'token',
  'tokenFile',
  'username',
  'password',
  'exec',
  'auth-provider',
];

interface NamedEntry {
  list: string;
  name: string;
  key: string;
  fields: Record<string, string | boolean>;
}

function setNamed(document: Document, { list, name, key, fields }: NamedEntry): void {
  const sequence = document.get(list);
  const created = document.createNode({ name, [key]: fields });
  if (!isSeq(sequence)) {
    if (sequence !== undefined && sequence !== null)
      throw new KubeconfigError(`${list} in the kubeconfig is not a list`);
    document.set(list, document.createNode([created]));
    return;
  }
  // kubectl writes an empty list as `[]`, and flow style would be catching.
  if (sequence.items.length === 0) sequence.flow = false;
  const existing = sequence.items.find((item) => isNamed(item, name)) as YAMLMap | undefined;
  const body = existing?.get(key);
  if (!existing) sequence.add(created);
  else if (!isMap(body)) existing.set(key, document.createNode(fields));
  else {
    for (const field of ownedFields) if (!(field in fields)) body.delete(field);
    for (const [field, value] of Object.entries(fields)) body.set(field, value);
  }
}

function isNamed(item: unknown, name: string): boolean {
  return isMap(item) && (item as YAMLMap).get('name') === name;
}
