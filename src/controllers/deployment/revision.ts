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
export const rollbackAnnotation = 'deprecated.deployment.rollback.to';
const historyCharsMax = 2000;

/** Not copied from a Deployment to its ReplicaSets: they are about the one object only. */
const ownAnnotations = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
  rollbackAnnotation,
]);

type Annotations = Record<string, string>;

/** 0 for none. Upstream counts in 64 bits, more than a number holds. */
export function revisionOf(replicaSet: ReplicaSet): bigint {
  const revision = replicaSet.metadata.annotations?.[revisionAnnotation] ?? '';
  return /^\d{1,19}$/.test(revision) ? BigInt(revision) : 0n;
}

export function byRevision(a: ReplicaSet, b: ReplicaSet): number {
  const [one, other] = [revisionOf(a), revisionOf(b)];
  return one < other ? -1 : Number(one > other);
}

/** The annotations that the newest ReplicaSet must have. `isNew`: it is not created yet. */
export function newestAnnotations(
  deployment: Deployment,
  replicaSet: ReplicaSet,
  { revision, isNew }: { revision: bigint; isNew: boolean },
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

/** The Deployment's own annotations, and those of the revision that it goes back to in place of the others. */
export function withAnnotationsOf(deployment: Deployment, { metadata }: ReplicaSet): Annotations {
  const entries = (annotations: Annotations = {}) => Object.entries(annotations);
  return Object.fromEntries([
    ...entries(deployment.metadata.annotations).filter(([key]) => ownAnnotations.has(key)),
    ...entries(metadata.annotations).filter(([key]) => !ownAnnotations.has(key)),
  ]);
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
