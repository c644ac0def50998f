/**
 * The annotations by which a Deployment's ReplicaSets tell their revisions and sizes; `kubectl rollout history` and
 * `undo` read them.
 */
import type { Deployment, ReplicaSet } from '#api/gen/apps-v1.js';
import { maxSurge } from './rounding.js';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const historyAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxAnnotation = 'deployment.kubernetes.io/max-replicas';
const historyCharsMax = 2000;

/** Not copied from a Deployment to its ReplicaSets: they are about the one object only. */
const ownAnnotations = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
  'deprecated.deployment.rollback.to',
]);

type Annotations = Record<string, string>;

/** 0 for none. */
export function revisionOf(replicaSet: ReplicaSet): number {
  const revision = Number(replicaSet.metadata.annotations?.[revisionAnnotation] ?? '0');
  return Number.isSafeInteger(revision) ? revision : 0;
}

/** The annotations that the newest ReplicaSet must have. `isNew`: it is not created yet. */
export function newestAnnotations(
  deployment: Deployment,
  replicaSet: ReplicaSet,
  { revision, isNew }: { revision: number; isNew: boolean },
): Annotations {
  const before = replicaSet.metadata.annotations ?? {};
  const annotations = { ...before };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!ownAnnotations.has(key)) annotations[key] = value;
  }
  const had = before[revisionAnnotation];
  if (revisionOf(replicaSet) < revision) {
    annotations[revisionAnnotation] = String(revision);
    if (had) {
      const history = [...(before[historyAnnotation]?.split(',') ?? []), had];
      while (history.join(',').length > historyCharsMax) history.shift();
      annotations[historyAnnotation] = history.join(',');
    }
  }
  return isNew ? { ...annotations, ...sizeAnnotations(deployment) } : annotations;
}

/** The sizes that the Deployment has as a ReplicaSet is scaled: a later change of them is a scaling of the whole. */
export function sizeAnnotations(deployment: Deployment): Annotations {
  const replicas = deployment.spec.replicas ?? 1;
  return { [desiredAnnotation]: String(replicas), [maxAnnotation]: String(replicas + maxSurge(deployment)) };
}

export function desiredReplicasOf(replicaSet: ReplicaSet): number | undefined {
  return numberOf(replicaSet.metadata.annotations?.[desiredAnnotation]);
}

export function maxReplicasOf(replicaSet: ReplicaSet): number | undefined {
  return numberOf(replicaSet.metadata.annotations?.[maxAnnotation]);
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}
