/** A container's environment from its spec, the objects it names, and the services around it. */
import type { ConfigMap, Container, EnvVar, Secret } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { valueInEnvFile } from './env-file.js';
import { expand } from './expansion.js';
import { type FieldContext, fieldValue, resourceValue } from './field-ref.js';
import { KubeletError } from './kubelet-error.js';

/** Both throw StatusError, NotFound among them, whose text the user sees. */
export interface ConfigSource {
  configMap(namespace: string, name: string): Promise<ConfigMap>;
  secret(namespace: string, name: string): Promise<Secret>;
}

/** A file in a volume of the pod. */
export interface VolumeFile {
  path: string;
  text: string;
}

export interface EnvironmentInput extends FieldContext {
  container: Container;
  services: ReadonlyMap<string, string>;
  source: ConfigSource;
  /** Undefined where volumes have no files (simulated nodes). Throws KubeletError 'config'. */
  file(volume: string, path: string): Promise<VolumeFile | undefined>;
}

/** Throws KubeletError 'config', with upstream's texts, for what is missing and not optional; StatusError for the rest. */
export async function environment(input: EnvironmentInput): Promise<Map<string, string>> {
  const env = new Map<string, string>();
  await addFromSources(input, env);
  const lookUp = (name: string) => env.get(name) ?? input.services.get(name);
  for (const variable of input.container.env ?? []) {
    const value = variable.value ? expand(variable.value, lookUp) : await valueFrom(input, variable);
    if (value !== undefined) env.set(variable.name, value);
  }
  for (const [name, value] of input.services) if (!env.has(name)) env.set(name, value);
  return env;
}

async function addFromSources({ container, pod, source }: EnvironmentInput, env: Map<string, string>): Promise<void> {
  const namespace = pod.metadata.namespace!;
  // Fetched together, applied in order: later sources win.
  const found = await Promise.all(
    (container.envFrom ?? []).map(async ({ prefix = '', configMapRef, secretRef }) => {
      const ref = configMapRef ?? secretRef;
      if (!ref?.name) return { prefix, entries: [] };
      const object = await optionally(ref.optional, () =>
        configMapRef ? source.configMap(namespace, ref.name!) : source.secret(namespace, ref.name!),
      );
      const entries = Object.entries(object?.data ?? {});
      return { prefix, entries: secretRef ? entries.map(decodeEntry) : entries };
    }),
  );
  for (const { prefix, entries } of found) for (const [key, value] of entries) env.set(prefix + key, value);
}

async function valueFrom(input: EnvironmentInput, { valueFrom }: EnvVar): Promise<string | undefined> {
  if (!valueFrom) return '';
  const { pod, source } = input;
  const namespace = pod.metadata.namespace!;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom;
  if (fieldRef) return fieldValue(fieldRef, input);
  if (resourceFieldRef) return resourceValue(resourceFieldRef, input);
  if (configMapKeyRef) {
    const { name = '', key, optional } = configMapKeyRef;
    const object = await optionally(optional, () => source.configMap(namespace, name));
    const value = object?.data?.[key];
    if (value === undefined && !optional) throw missingKey(key, `ConfigMap ${namespace}/${name}`);
    return value;
  }
  if (secretKeyRef) {
    const { name = '', key, optional } = secretKeyRef;
    const object = await optionally(optional, () => source.secret(namespace, name));
    const value = object?.data?.[key];
    if (value === undefined && !optional) throw missingKey(key, `Secret ${namespace}/${name}`);
    return value === undefined ? undefined : decode(value);
  }
  if (fileKeyRef) {
    const { volumeName, path, key, optional } = fileKeyRef;
    const file = await input.file(volumeName, path);
    const value = file && valueInEnvFile(file.text, key);
    if (value || !file || optional) return value || undefined;
    const where = `${JSON.stringify(key)} not found in file ${JSON.stringify(file.path)}`;
    throw new KubeletError('config', `environment variable key ${where}`);
  }
  throw new KubeletError(
    'config',
    `unsupported source of an environment variable: ${Object.keys(valueFrom).join(', ')}`,
  );
}

function missingKey(key: string, where: string): KubeletError {
  return new KubeletError('config', `couldn't find key ${key} in ${where}`);
}

async function optionally<T>(optional: boolean | undefined, get: () => Promise<T>): Promise<T | undefined> {
  try {
    return await get();
  } catch (error) {
    if (optional && isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

const decodeEntry = ([key, value]: [string, string]): [string, string] => [key, decode(value)];

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
