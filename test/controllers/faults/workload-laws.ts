/** What must hold of ReplicaSets, Deployments, StatefulSets and DaemonSets at any time, whatever goes wrong. */
import deployments from '#api/apps/deployment.js';
import replicaSets from '#api/apps/replicaset.js';
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { ResourceRef } from '#api/resource.js';
import { controllerOf, type KubeObject } from '#apimachinery/object.js';
import type { Law, World } from './history.js';
import { isLive, isReady } from './pods.js';
import type { Stage } from './storm.js';

export const replicasOf = ({ spec }: KubeObject & { spec?: unknown }) => (spec as { replicas?: number }).replicas ?? 1;

export const surge = 2;
export const unavailable = 1;

/** The pods that an owner controls and that live are never more than it may have had at one time. */
export function atMost(resource: ResourceRef, allowed: (owner: KubeObject) => number) {
  return ({ namespace }: Stage): Law => {
    const most = new Map<string, number>();
    return (world) => {
      const counts = new Map<string, number>();
      for (const pod of world.list(pods, namespace)) {
        const owner = controllerOf(pod)?.uid;
        if (owner && isLive(pod)) counts.set(owner, (counts.get(owner) ?? 0) + 1);
      }
      for (const owner of world.list(resource, namespace)) {
        const { uid = '', name } = owner.metadata;
        const max = Math.max(most.get(uid) ?? 0, allowed(owner));
        most.set(uid, max);
        const count = counts.get(uid) ?? 0;
        if (count > max) return `${name} has ${count} pods where ${max} may be`;
      }
      return undefined;
    };
  };
}

/** What a Deployment gives to its ReplicaSets is never more than it wants and its surge. */
export function sizesAtMost({ namespace }: Stage): Law {
  let max = 0;
  return (world) => {
    const owner = world.get(deployments, `${namespace}/it`);
    if (owner) max = Math.max(max, replicasOf(owner) + surge);
    const sum = world.list(replicaSets, namespace).reduce((total, one) => total + replicasOf(one), 0);
    return sum > max ? `sizes of ${sum} where ${max} may be` : undefined;
  };
}

/**
 * Nothing is made smaller so that fewer stay available than may be missing, as far as the Deployment had heard of those
 * that are: those of whom nobody knows that they are needed go first.
 */
export function enoughAvailable(min: number) {
  return ({ namespace }: Stage): Law =>
    (world, { resource, object, old }) => {
      if (resource.plural !== 'replicasets' || object.metadata.namespace !== namespace) return undefined;
      if (!old || replicasOf(object) >= replicasOf(old)) return undefined;
      const ready = world.list(pods, namespace).filter((pod) => isLive(pod) && isReady(pod));
      const staying = world.list(replicaSets, namespace).reduce((sum, set) => {
        const own = ready.filter((pod) => controllerOf(pod)?.uid === set.metadata.uid).length;
        return sum + Math.min(own, replicasOf(set));
      }, 0);
      const told = world.get(deployments, `${namespace}/it`)?.status?.availableReplicas ?? 0;
      const unheardOf = Math.max(ready.length - told, 0);
      const isLess = staying < ready.length && staying + unheardOf < min;
      return isLess ? `${staying} pods stay available where ${min} must` : undefined;
    };
}

export const ordinalOf = ({ metadata }: Pod) => Number(metadata.name!.split('-').at(-1));

/**
 * Up in order: when one comes, all before it were ready at one moment since its place was free. It may be the last such
 * moment that the controller has heard of, where somebody deletes pods meanwhile.
 */
export function inOrder({ namespace }: Stage): Law {
  const mayCome = new Set([0]);
  return (world, { resource, type, object }) => {
    if (resource.plural !== 'pods' || object.metadata.namespace !== namespace) return undefined;
    const ordinal = ordinalOf(object as Pod);
    const isWrong = type === 'added' && !mayCome.has(ordinal);
    if (type === 'deleted' && ordinal > 0) mayCome.delete(ordinal);
    const ready = new Set(world.list(pods, namespace).filter(isServing).map(ordinalOf));
    for (let next = 1; ready.has(next - 1); next++) mayCome.add(next);
    return isWrong ? `${ordinal} comes before all below it were ready` : undefined;
  };
}

const isServing = (pod: Pod) => Boolean(isReady(pod)) && !pod.metadata.deletionTimestamp;

/** Nobody but the kubelet may say that a pod is gone: else two of one name would run. */
export function noForce({ namespace, done }: Stage): Law {
  return () => {
    const path = `/namespaces/${namespace}/pods/`;
    const forced = done.find(
      ({ client, request: { method, path: at, body } }) =>
        client.endsWith(':statefulset-controller') &&
        method === 'DELETE' &&
        at.includes(path) &&
        (body as { gracePeriodSeconds?: number }).gracePeriodSeconds === 0,
    );
    return forced && `forced ${forced.request.path}`;
  };
}

export const nodeOf = ({ spec }: Pod) =>
  spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms[0]?.matchFields?.[0]
    ?.values?.[0] ?? '';

export function onePerNode(max: number) {
  return ({ namespace }: Stage): Law =>
    (world: World) => {
      const counts = new Map<string, number>();
      for (const pod of world.list(pods, namespace)) {
        if (isLive(pod)) counts.set(nodeOf(pod), (counts.get(nodeOf(pod)) ?? 0) + 1);
      }
      const crowded = [...counts].find(([, count]) => count > max);
      return crowded && `${crowded[1]} daemons on ${crowded[0]}`;
    };
}
