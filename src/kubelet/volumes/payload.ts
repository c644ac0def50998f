/** The files of configMap, secret, downwardAPI and projected volumes: path, bytes and mode. */
import type {
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
  VolumeProjection,
} from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import type { ConfigSource } from '../environment.js';
import { type FieldContext, fieldValue, resourceValue } from '../field-ref.js';
import { KubeletError } from '../kubelet-error.js';
import type { TokenSource } from '../service-account-tokens.js';

export interface PayloadFile {
  data: Buffer;
  mode: number;
  /** The user who may read it, where all of the pod run as one. */
  uid?: number;
}

/** By path relative to the volume. */
export type Payload = Map<string, PayloadFile>;

export interface PayloadSources {
  config: ConfigSource;
  tokens: TokenSource;
  fields: FieldContext;
}

export function hasPayload(volume: Volume): boolean {
  return Boolean(volume.configMap || volume.secret || volume.downwardAPI || volume.projected);
}

/** Whether the files must not reach a disk. */
export function isConfidential(volume: Volume): boolean {
  const inSource = (source: VolumeProjection) => Boolean(source.secret || source.serviceAccountToken);
  return Boolean(volume.secret || volume.projected?.sources?.some(inSource));
}

const modeDefault = 0o644;

/**
 * Throws StatusError or KubeletError 'volume' for what is missing and not optional. `renewInMs` is the
 * time until the first token wants renewal.
 */
export async function volumePayload(
  volume: Volume,
  pod: Pod,
  sources: PayloadSources,
): Promise<{ files: Payload; renewInMs?: number }> {
  const { configMap, secret, downwardAPI, projected } = volume;
  const projections: VolumeProjection[] = [...(projected?.sources ?? [])];
  if (configMap) projections.push({ configMap });
  if (secret) projections.push({ secret: { name: secret.secretName, items: secret.items, optional: secret.optional } });
  if (downwardAPI) projections.push({ downwardAPI });
  const mode = (configMap ?? secret ?? downwardAPI ?? projected)?.defaultMode ?? modeDefault;
  // Fetched together, laid down in order: later sources win.
  const parts = await Promise.all(projections.map((projection) => onePayload(projection, { pod, mode, ...sources })));
  const files: Payload = new Map(parts.flatMap((part) => [...part.files]));
  const renewals = parts.flatMap((part) => (part.renewInMs === undefined ? [] : [part.renewInMs]));
  return { files, ...(renewals.length > 0 && { renewInMs: Math.min(...renewals) }) };
}

interface Context extends PayloadSources {
  pod: Pod;
  mode: number;
}

async function onePayload(
  { configMap, secret, downwardAPI, serviceAccountToken, ...other }: VolumeProjection,
  context: Context,
): Promise<{ files: Payload; renewInMs?: number }> {
  const namespace = context.pod.metadata.namespace!;
  if (configMap) {
    const { name = '', items, optional = false } = configMap;
    const object = await found(() => context.config.configMap(namespace, name), { optional });
    return { files: select({ what: 'configmap', data: configMapData(object), items, optional }, context.mode) };
  }
  if (secret) {
    const { name = '', items, optional = false } = secret;
    const object = await found(() => context.config.secret(namespace, name), { optional });
    return { files: select({ what: 'secret', data: secretData(object), items, optional }, context.mode) };
  }
  if (downwardAPI) return { files: new Map((downwardAPI.items ?? []).map((item) => downward(item, context))) };
  if (serviceAccountToken) return await tokenFile(serviceAccountToken, context);
  throw new KubeletError('volume', `projected source ${Object.keys(other).join(', ')} is not supported`);
}

async function found<T>(get: () => Promise<T>, { optional }: { optional: boolean }): Promise<T | undefined> {
  try {
    return await get();
  } catch (error) {
    if (optional && isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

function configMapData(object: ConfigMap | undefined): Map<string, Buffer> {
  const data = new Map(Object.entries(object?.data ?? {}).map(([key, text]) => [key, Buffer.from(text)]));
  for (const [key, base64] of Object.entries(object?.binaryData ?? {})) data.set(key, Buffer.from(base64, 'base64'));
  return data;
}

function secretData(object: Secret | undefined): Map<string, Buffer> {
  return new Map(Object.entries(object?.data ?? {}).map(([key, base64]) => [key, Buffer.from(base64, 'base64')]));
}

interface Selection {
  what: 'configmap' | 'secret';
  data: Map<string, Buffer>;
  items: readonly KeyToPath[] | undefined;
  optional: boolean;
}

function select({ what, data, items, optional }: Selection, mode: number): Payload {
  if (!items?.length) return new Map([...data].map(([key, bytes]) => [key, { data: bytes, mode }]));
  const files: Payload = new Map();
  for (const item of items) {
    const bytes = data.get(item.key);
    if (bytes) files.set(item.path, { data: bytes, mode: item.mode ?? mode });
    else if (!optional) {
      const kind =
        what === 'configmap' ? 'configmap references non-existent config key' : 'references non-existent secret key';
      throw new KubeletError('volume', `${kind}: ${item.key}`);
    }
  }
  return files;
}

function downward(item: DownwardAPIVolumeFile, { fields, mode }: Context): [string, PayloadFile] {
  const text = item.fieldRef
    ? fieldValue(item.fieldRef, fields)
    : item.resourceFieldRef
      ? resourceValue(item.resourceFieldRef, fields)
      : '';
  return [item.path, { data: Buffer.from(text), mode: item.mode ?? mode }];
}

/** Only those who run the pod may read its token: by user when all share one, and by group when there is an fsGroup. */
async function tokenFile(
  { path, audience, expirationSeconds = 3600 }: ServiceAccountTokenProjection,
  { pod, tokens, mode }: Context,
): Promise<{ files: Payload; renewInMs: number }> {
  const { token, renewInMs } = await tokens.get({ pod, audience, expirationSeconds });
  const uid = commonUser(pod);
  const grouped = pod.spec.securityContext?.fsGroup !== undefined;
  const file = {
    data: Buffer.from(token),
    mode: grouped || uid !== undefined ? 0o600 : mode,
    uid,
  };
  return { files: new Map([[path, file]]), renewInMs };
}

function commonUser({ spec }: Pod): number | undefined {
  const users = [...(spec.initContainers ?? []), ...spec.containers].map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  );
  return users.every((user) => user === users[0]) ? users[0] : undefined;
}
