/**
 * How many pods a budget is to reckon with, and how many of them must be healthy: by what their controllers declare.
 * https://kubernetes.io/docs/tasks/run-application/configure-pdb/
 */
import deployments from '#api/apps/deployment.js';
import replicaSets from '#api/apps/replicaset.js';
import statefulSets from '#api/apps/statefulset.js';
import replicationControllers from '#api/core/replicationcontroller.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { PodDisruptionBudget } from '#api/gen/policy-v1.js';
import type { ResourceRef } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import { controllerOf, type KubeObject, type OwnerReference, parseApiVersion } from '#apimachinery/object.js';
import type { Client } from '#client/client.js';
import type { InformerFactory } from '#client/informer.js';

/** That a budget cannot be reckoned; the message is upstream's, and stands in its condition. */
export class UnknownScaleError extends Error {}

export interface Expected {
  expectedPods: number;
  desiredHealthy: number;
  /** Pods without a controller, where one is needed. */
  unmanaged: Pod[];
}

interface Means {
  informers: InformerFactory;
  client: Client;
}

/** Throws UnknownScaleError. */
export async function expectedOf(
  { spec = {} }: PodDisruptionBudget,
  pods: readonly Pod[],
  means: Means,
): Promise<Expected> {
  const { maxUnavailable, minAvailable } = spec;
  if (maxUnavailable === undefined && typeof minAvailable !== 'string')
    return {
      expectedPods: minAvailable === undefined ? 0 : pods.length,
      desiredHealthy: minAvailable ?? 0,
      unmanaged: [],
    };
  const { sum, unmanaged } = await declaredScale(pods, means);
  const desiredHealthy =
    maxUnavailable === undefined ? partOf(minAvailable!, sum) : Math.max(sum - partOf(maxUnavailable, sum), 0);
  return { expectedPods: sum, desiredHealthy, unmanaged };
}

/** Shares are rounded up, of what must run and of what may be missing. */
function partOf(value: number | string, whole: number): number {
  return typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * whole) / 100);
}

interface Scale {
  uid: string;
  replicas: number;
}

async function declaredScale(pods: readonly Pod[], means: Means): Promise<{ sum: number; unmanaged: Pod[] }> {
  const scales = new Map<string, number>();
  const seen = new Set<string>();
  const unmanaged: Pod[] = [];
  for (const pod of pods) {
    const controller = controllerOf(pod);
    if (!controller) unmanaged.push(pod);
    else if (!seen.has(controller.uid)) {
      seen.add(controller.uid);
      const { namespace = '', name } = pod.metadata;
      const scale = knownScale(controller, namespace, means) ?? (await askScale(controller, namespace, means));
      if (!scale) throw new UnknownScaleError(`found no controllers for pod ${JSON.stringify(name)}`);
      scales.set(scale.uid, scale.replicas);
    }
  }
  return { sum: [...scales.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged };
}

/** Of the built-in kinds; that of a ReplicaSet is its Deployment's, which has others beside it. */
function knownScale(controller: OwnerReference, namespace: string, { informers }: Means): Scale | undefined {
  const find = <T extends KubeObject>(ref: ResourceRef<T>, { apiVersion, kind, name, uid }: OwnerReference) => {
    if (kind !== ref.kind || parseApiVersion(apiVersion).group !== ref.group) return undefined;
    const found = informers.of(ref).get(`${namespace}/${name}`);
    return found?.metadata.uid === uid ? found : undefined;
  };
  const set = find(replicaSets, controller);
  const above = set && controllerOf(set);
  const isUnderDeployment = above?.kind === deployments.kind;
  const found =
    (isUnderDeployment ? find(deployments, above) : set) ??
    find(statefulSets, controller) ??
    find(replicationControllers, controller);
  return found && { uid: found.metadata.uid ?? '', replicas: found.spec?.replicas ?? 1 };
}

interface ScaleObject extends KubeObject {
  spec?: { replicas?: number };
}

/** Of any other kind, through its scale. */
async function askScale(controller: OwnerReference, namespace: string, { client }: Means): Promise<Scale | undefined> {
  const { apiVersion, kind, name, uid } = controller;
  const { group } = parseApiVersion(apiVersion);
  const root = group === '' ? `/api/${apiVersion}` : `/apis/${apiVersion}`;
  const resources = await resourcesOf(client, root);
  const plural = resources.find((one) => one.kind === kind && !one.name.includes('/'))?.name;
  if (!plural) throw new UnknownScaleError(`no matches for kind ${JSON.stringify(kind)} in version "${apiVersion}"`);
  if (!resources.some((one) => one.name === `${plural}/scale` && one.kind === 'Scale')) {
    const full = group === '' ? plural : `${plural}.${group}`;
    throw new UnknownScaleError(`${full} does not implement the scale subresource`);
  }
  try {
    const path = `${root}/namespaces/${namespace}/${plural}/${encodeURIComponent(name)}/scale`;
    const scale = (await client.transport.request({ method: 'GET', path })).body as ScaleObject;
    return scale.metadata.uid === uid ? { uid, replicas: scale.spec?.replicas ?? 0 } : undefined;
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function resourcesOf(client: Client, path: string): Promise<{ name: string; kind: string }[]> {
  try {
    const { body } = await client.transport.request({ method: 'GET', path });
    return (body as { resources?: { name: string; kind: string }[] }).resources ?? [];
  } catch (error) {
    if (isReason(error, 'NotFound')) return [];
    throw error;
  }
}
