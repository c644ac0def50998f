/** Rules of a container's environment, and of the downward API that volumes share with it. */
import type {
  DownwardAPIVolumeFile,
  EnvFromSource,
  EnvVar,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '#api/gen/core-v1.js';
import { invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import {
  configMapKeyProblems,
  envNameProblems,
  qualifiedNameProblems,
  subdomainProblems,
} from '#apimachinery/names.js';
import { Quantity } from '#apimachinery/quantity.js';
import { check, checkSubdomain, each, type FieldErrors } from '../../meta/check.js';
import { checkFileMode, checkLocalPath } from './validate-paths.js';

const envFieldPaths = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
const volumeFieldPaths = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
const resourcePaths = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const sizeDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

export function* checkEnv(path: string, env: readonly EnvVar[] | undefined): FieldErrors {
  for (const { path: at, value: one } of each(path, env)) {
    if (!one.name) yield required(`${at}.name`);
    else yield* check(`${at}.name`, one.name, envNameProblems);
    yield* checkValueFrom(`${at}.valueFrom`, one);
  }
}

function* checkValueFrom(path: string, { value, valueFrom }: EnvVar): FieldErrors {
  if (!valueFrom) return;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom;
  const sources = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(Boolean).length;
  if (fieldRef) yield* checkFieldRef(`${path}.fieldRef`, fieldRef, envFieldPaths);
  if (resourceFieldRef) yield* checkResourceRef(`${path}.resourceFieldRef`, resourceFieldRef);
  if (configMapKeyRef) yield* checkKeyRef(`${path}.configMapKeyRef`, configMapKeyRef);
  if (secretKeyRef) yield* checkKeyRef(`${path}.secretKeyRef`, secretKeyRef);
  if (fileKeyRef) yield* checkFileKeyRef(`${path}.fileKeyRef`, fileKeyRef);
  if (sources === 0) {
    const known = '`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    yield invalidValue(path, '', `must specify one of: ${known}`);
  } else if (value) yield invalidValue(path, '', 'may not be specified when `value` is not empty');
  else if (sources > 1) yield invalidValue(path, '', 'may not have more than one field specified at a time');
}

function* checkKeyRef(path: string, { name = '', key }: { name?: string; key: string }): FieldErrors {
  yield* check(`${path}.name`, name, subdomainProblems);
  if (!key) yield required(`${path}.key`);
  else yield* check(`${path}.key`, key, configMapKeyProblems);
}

function* checkFileKeyRef(
  path: string,
  { volumeName, path: file, key }: { volumeName: string; path: string; key: string },
): FieldErrors {
  if (!key) yield required(`${path}.key`);
  else yield* check(`${path}.key`, key, envNameProblems);
  if (!volumeName) yield required(`${path}.volumeName`);
  if (!file) yield required(`${path}.path`);
  else yield* checkLocalPath(`${path}.path`, file);
}

export function* checkEnvFrom(path: string, sources: readonly EnvFromSource[] | undefined): FieldErrors {
  for (const { path: at, value } of each(path, sources)) {
    const { prefix, configMapRef, secretRef } = value;
    if (prefix) yield* check(`${at}.prefix`, prefix, envNameProblems);
    if (configMapRef) yield* checkNameRef(`${at}.configMapRef.name`, configMapRef.name);
    if (secretRef) yield* checkNameRef(`${at}.secretRef.name`, secretRef.name);
    if (!configMapRef && !secretRef) yield invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`');
    if (configMapRef && secretRef) yield invalidValue(path, '', 'may not have more than one field specified at a time');
  }
}

function* checkNameRef(path: string, name: string | undefined): FieldErrors {
  if (!name) yield required(path);
  else yield* checkSubdomain(path, name);
}

/** `metadata.labels['app']` and `metadata.annotations['x']` pick one entry. */
const subscripted = /^([^[\]]+)\['(.*)'\]$/;

function* checkFieldRef(
  path: string,
  { apiVersion, fieldPath }: ObjectFieldSelector,
  supported: readonly string[],
): FieldErrors {
  if (!apiVersion) yield required(`${path}.apiVersion`);
  else if (!fieldPath) yield required(`${path}.fieldPath`);
  else if (apiVersion !== 'v1' || !isPodField(fieldPath)) {
    const isSubscripted = subscripted.test(fieldPath);
    const ofField = isSubscripted ? 'field label does not support subscript' : 'field label not supported';
    const why = apiVersion === 'v1' ? `${ofField}: ${fieldPath}` : `unsupported pod version: ${apiVersion}`;
    yield invalidValue(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`);
  } else yield* checkFieldPath(path, fieldPath, supported);
}

function* checkFieldPath(path: string, fieldPath: string, supported: readonly string[]): FieldErrors {
  const match = subscripted.exec(fieldPath);
  if (!match) {
    if (!supported.includes(fieldPath)) yield notSupported(`${path}.fieldPath`, fieldPath, supported);
    return;
  }
  const [, map, key = ''] = match;
  const name = map === 'metadata.annotations' ? key.toLowerCase() : key;
  for (const problem of qualifiedNameProblems(name)) yield invalidValue(path, name, problem);
}

/** What the API calls a pod's fields at all, here or in volumes. */
function isPodField(fieldPath: string): boolean {
  const match = subscripted.exec(fieldPath);
  if (match) return match[1] === 'metadata.annotations' || match[1] === 'metadata.labels';
  return (
    envFieldPaths.includes(fieldPath) ||
    volumeFieldPaths.includes(fieldPath) ||
    ['spec.restartPolicy', 'spec.schedulerName', 'status.phase', 'spec.host'].includes(fieldPath)
  );
}

const hugePages = /^(limits|requests)\.hugepages-/;

function* checkResourceRef(
  path: string,
  { containerName, resource, divisor }: ResourceFieldSelector,
  { isVolume = false }: { isVolume?: boolean } = {},
): FieldErrors {
  if (isVolume && !containerName) yield required(`${path}.containerName`);
  else if (!resource) yield required(`${path}.resource`);
  else if (!resourcePaths.includes(resource) && !hugePages.test(resource))
    yield notSupported(`${path}.resource`, resource, resourcePaths);
  const quantity = Quantity.tryParse(divisor);
  if (!quantity || quantity.isZero || !resource) return;
  const { allowed, name } = divisorsOf(resource);
  if (!allowed.includes(quantity.toString())) {
    const list = allowed.length === 2 ? allowed.join(' and ') : allowed.join(', ');
    yield invalidValue(
      `${path}.divisor`,
      resource,
      `only divisor's values ${list} are supported with the ${name} resource`,
    );
  }
}

function divisorsOf(resource: string): { allowed: readonly string[]; name: string } {
  if (resource.endsWith('.cpu')) return { allowed: ['1m', '1'], name: 'cpu' };
  if (hugePages.test(resource)) return { allowed: sizeDivisors, name: 'hugepages' };
  return { allowed: sizeDivisors, name: resource.endsWith('.memory') ? 'memory' : 'local ephemeral storage' };
}

/** A file of a downwardAPI volume. */
export function* checkDownwardFile(path: string, file: DownwardAPIVolumeFile): FieldErrors {
  if (!file.path) yield required(`${path}.path`);
  yield* checkLocalPath(`${path}.path`, file.path ?? '');
  if (file.fieldRef) {
    yield* checkFieldRef(`${path}.fieldRef`, file.fieldRef, volumeFieldPaths);
    if (file.resourceFieldRef)
      yield invalidValue(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously');
  } else if (file.resourceFieldRef)
    yield* checkResourceRef(`${path}.resourceFieldRef`, file.resourceFieldRef, { isVolume: true });
  else yield required(path, 'one of fieldRef and resourceFieldRef is required');
  yield* checkFileMode(`${path}.mode`, file.mode);
}
