/**
 * From the text of a file to the pod that the node runs by it, without anybody to ask.
 * https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
 */
import { createHash } from 'node:crypto';
import pods from '#api/core/pod/index.js';
import { podReferences } from '#api/core/pod/references.js';
import type { Pod, Toleration, Volume } from '#api/gen/core-v1.js';
import { builtinSchemas } from '#api/schema-table.js';
import { decodeValue } from '#apimachinery/decode.js';
import { collect } from '#apimachinery/field-error.js';
import { validateObjectMeta } from '#apimachinery/metadata-validation.js';
import { subdomainProblems } from '#apimachinery/names.js';
import { equal } from '#base/json.js';
import { hashAnnotation, seenAnnotation, sourceAnnotation } from './origin.js';

/** The file does not describe a pod that can be run; the message says why. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

export interface ManifestOrigin {
  path: string;
  nodeName: string;
  /** When it was first seen. */
  seen: string;
}

/** Throws ManifestError. */
export async function readManifest(text: string, { path, nodeName, seen }: ManifestOrigin): Promise<Pod> {
  const { parse } = await import('yaml');
  const pod = decoded(() => parse(text, { logLevel: 'error' }));
  const given = pod.metadata.name;
  if (!given) throw new ManifestError('invalid pod: name is needed for the pod');
  const seed = JSON.stringify([pod, `host:${nodeName}`, `file:${path}`]);
  pod.metadata.uid ||= createHash('sha256').update(seed).digest('hex').slice(0, 32);
  pod.metadata.name = `${given}-${nodeName.toLowerCase()}`;
  pod.metadata.namespace ||= 'default';
  pod.spec.nodeName = nodeName;
  pod.spec.tolerations = tolerant(pod.spec.tolerations);
  const uid = pod.metadata.uid!;
  const own = { [hashAnnotation]: uid, [seenAnnotation]: seen, [sourceAnnotation]: 'file' };
  pod.metadata.annotations = { ...pod.metadata.annotations, ...own };
  pod.status = { phase: 'Pending' };
  const metadata = validateObjectMeta(pod.metadata, {
    namespaced: true,
    validateName: subdomainProblems,
    standardFinalizers: true,
  });
  const errors = [...collect(metadata), ...(pods.validate?.(pod) ?? []), ...(pods.validateCreate?.(pod) ?? [])];
  if (errors.length > 0) throw new ManifestError(`invalid pod: ${errors.map(({ message }) => message).join(', ')}`);
  const referenced = firstReference(pod);
  if (referenced) throw new ManifestError(`static pods may not reference ${referenced}`);
  return pod;
}

function decoded(parse: () => unknown): Pod {
  const kind = { group: '', version: 'v1', kind: 'Pod' };
  try {
    const value = parse() as { apiVersion?: unknown; kind?: unknown } | null;
    if (value?.apiVersion !== 'v1' || value.kind !== 'Pod') throw new ManifestError('not a Pod of v1');
    const { object } = decodeValue<Pod>(value, { table: builtinSchemas, kind });
    object.metadata ??= {};
    object.spec ??= { containers: [] };
    pods.default?.(object);
    return object;
  } catch (error) {
    throw new ManifestError(`couldn't parse as pod(${(error as Error).message}), please check config file`);
  }
}

/** No trouble of its node ends it. */
function tolerant(tolerations: readonly Toleration[] = []): Toleration[] {
  const everything: Toleration = { operator: 'Exists', effect: 'NoExecute' };
  return tolerations.some((one) => equal(one, everything)) ? [...tolerations] : [...tolerations, everything];
}

const sourcesOfVolumes: [field: keyof Volume, what: string][] = [
  ['csi', 'csidrivers (via CSI volumes)'],
  ['glusterfs', 'endpoints (via glusterFS volumes)'],
  ['persistentVolumeClaim', 'persistentvolumeclaims'],
  ['ephemeral', 'persistentvolumeclaims (via ephemeral volumes)'],
];
const sourcesOfProjections = [
  ['serviceAccountToken', 'serviceaccounts (via projected volumes)'],
  ['clusterTrustBundle', 'clustertrustbundles'],
  ['podCertificate', 'podcertificates'],
] as const;

/** What would have to be read from the API, which the pod must be able to do without. */
function firstReference(pod: Pod): string | undefined {
  if (pod.spec.serviceAccountName) return 'serviceaccounts';
  const plurals = new Set([...podReferences(pod)].map((one) => one.split(' ')[0]!));
  for (const plural of ['secrets', 'configmaps']) if (plurals.has(plural)) return plural;
  if (pod.spec.resourceClaims?.length) return 'resourceclaims';
  for (const volume of pod.spec.volumes ?? []) {
    const source = sourcesOfVolumes.find(([field]) => volume[field])?.[1];
    if (source) return source;
    for (const one of volume.projected?.sources ?? []) {
      const projected = sourcesOfProjections.find(([field]) => one[field])?.[1];
      if (projected) return projected;
    }
  }
  return undefined;
}
