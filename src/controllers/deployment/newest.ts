/** Finds the ReplicaSet of a Deployment's template, or makes it, and keeps revisions in step. */

import deployments from '#api/apps/deployment.js';
import replicaSets from '#api/apps/replicaset.js';
import type { Deployment, DeploymentStatus, ReplicaSet } from '#api/gen/apps-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { controllerOf } from '#apimachinery/object.js';
import { equal } from '#base/json.js';
import type { ResourceClient } from '#client/client.js';
import { controllerReference } from '../claim.js';
import { isNamespaceTerminating } from '../pod-writes.js';
import type { ControllerContext } from '../runtime.js';
import { hashLabel, sameTemplate, templateHash } from '../template-hash.js';
import type { UnseenWrites } from '../unseen-writes.js';
import { newestAnnotations, revisionAnnotation, revisionOf } from './revision.js';
import { byAge, newestSize, type ReplicaSets, sizeOf } from './scaling.js';
import { type ConditionText, conditionOf, hasProgressDeadline, withCondition } from './status.js';

export interface State {
  replicaSets: UnseenWrites<ReplicaSet>;
  deployments: UnseenWrites<Deployment>;
}

export type Context = ControllerContext<State>;

interface Request {
  deployment: Deployment;
  /** All ReplicaSets of the Deployment. */
  owned: readonly ReplicaSet[];
  /** Make the one of the template if there is none. */
  create: boolean;
  context: Context;
}

interface Found {
  /** As it is after its revision was noted. */
  deployment: Deployment;
  replicaSets: ReplicaSets;
}

/** Remembered until our copy shows it. */
export async function writeReplicaSet(
  { metadata: { uid = '' } }: Deployment,
  { client, state }: Context,
  write: (client: ResourceClient<ReplicaSet>) => Promise<ReplicaSet>,
): Promise<ReplicaSet> {
  const written = await state.replicaSets.attempt(uid, () => write(client.of(replicaSets)));
  state.replicaSets.wrote(uid, written);
  return written;
}

/** The like. */
export async function writeOwnStatus(deployment: Deployment, { client, state }: Context): Promise<Deployment> {
  const written = await client.of(deployments).updateStatus(deployment);
  state.deployments.wrote(written.metadata.uid ?? '', written);
  return written;
}

/** Of several with the same template the oldest is taken, always the same one. */
export function newestOf({ spec }: Deployment, owned: readonly ReplicaSet[]): ReplicaSets {
  const sorted = [...owned].sort(byAge);
  const newest = sorted.find((one) => sameTemplate(one.spec.template, spec.template));
  return { newest, old: sorted.filter((one) => one !== newest) };
}

export async function ensureNewest(request: Request): Promise<Found> {
  const { deployment, owned, create } = request;
  const { newest, old } = newestOf(deployment, owned);
  const revision = old.map(revisionOf).reduce((a, b) => (a > b ? a : b), 0n) + 1n;
  if (newest) return await syncNewest(request, { newest, old, revision });
  if (create) return await createNewest(request, { old, revision });
  return { deployment, replicaSets: { newest, old } };
}

async function syncNewest(
  { deployment, context }: Request,
  { newest, old, revision }: { newest: ReplicaSet; old: ReplicaSet[]; revision: bigint },
): Promise<Found> {
  const annotations = newestAnnotations(deployment, newest, { revision, isNew: false });
  const { minReadySeconds = 0 } = deployment.spec;
  let current = newest;
  const { metadata, spec } = newest;
  if (!equal(annotations, metadata.annotations ?? {}) || (spec.minReadySeconds ?? 0) !== minReadySeconds) {
    const updated = { ...newest, metadata: { ...metadata, annotations }, spec: { ...spec, minReadySeconds } };
    current = await writeReplicaSet(deployment, context, (client) => client.update(updated));
  }
  const found: ConditionText = {
    type: 'Progressing',
    status: 'True',
    reason: 'FoundNewReplicaSet',
    message: `Found new replica set ${JSON.stringify(metadata.name)}`,
  };
  const text = conditionOf(deployment.status, 'Progressing') ? undefined : found;
  const noted = await note(deployment, { revision: revisionOf(current), text, context });
  return { deployment: noted, replicaSets: { newest: current, old } };
}

async function createNewest(
  request: Request,
  { old, revision }: { old: ReplicaSet[]; revision: bigint },
): Promise<Found> {
  const { deployment, context } = request;
  const planned = plan(deployment, { old, revision });
  const name = planned.metadata.name!;
  let newest: ReplicaSet;
  let isOurs = true;
  try {
    newest = await writeReplicaSet(deployment, context, (client) => client.create(planned));
  } catch (error) {
    if (isReason(error, 'AlreadyExists')) {
      newest = await takenName(deployment, { name, error, context });
      isOurs = false;
    } else {
      if (!isNamespaceTerminating(error)) await reportFailure(deployment, { name, error, context });
      throw error;
    }
  }
  if (isOurs && sizeOf(newest) > 0) {
    const message = `Scaled up replica set ${name} from 0 to ${sizeOf(newest)}`;
    context.recorder.event(deployment, { type: 'Normal', reason: 'ScalingReplicaSet', message });
  }
  const created: ConditionText = {
    type: 'Progressing',
    status: 'True',
    reason: 'NewReplicaSetCreated',
    message: `Created new replica set ${JSON.stringify(name)}`,
  };
  const noted = await note(deployment, { revision, text: isOurs ? created : undefined, context });
  return { deployment: noted, replicaSets: { newest, old } };
}

function plan(deployment: Deployment, { old, revision }: { old: ReplicaSet[]; revision: bigint }): ReplicaSet {
  const { metadata, spec, status } = deployment;
  const hash = templateHash(spec.template, status?.collisionCount);
  const labels = { ...spec.template.metadata?.labels, [hashLabel]: hash };
  const planned: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${metadata.name}-${hash}`,
      namespace: metadata.namespace,
      labels,
      ownerReferences: [controllerReference(deployment, deployments)],
    },
    spec: {
      replicas: newestSize(deployment, { size: 0, others: old }),
      minReadySeconds: spec.minReadySeconds,
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [hashLabel]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  };
  planned.metadata.annotations = newestAnnotations(deployment, planned, { revision, isNew: true });
  return planned;
}

/** The name is taken: by our own, which the informer has not shown yet; or by another, and we try the next name. */
async function takenName(
  deployment: Deployment,
  { name, error, context }: { name: string; error: unknown; context: Context },
): Promise<ReplicaSet> {
  const { namespace, uid } = deployment.metadata;
  const taken = await context.client.of(replicaSets).get(name, { namespace });
  if (controllerOf(taken)?.uid === uid && sameTemplate(taken.spec.template, deployment.spec.template)) return taken;
  const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
  await writeOwnStatus({ ...deployment, status: { ...deployment.status, collisionCount } }, context);
  throw error;
}

async function reportFailure(
  deployment: Deployment,
  { name, error, context }: { name: string; error: unknown; context: Context },
): Promise<void> {
  const { clock, recorder } = context;
  const reason = 'ReplicaSetCreateError';
  const message = `Failed to create new replica set ${JSON.stringify(name)}: ${(error as Error).message}`;
  recorder.event(deployment, { type: 'Warning', reason, message });
  if (!hasProgressDeadline(deployment)) return;
  const text: ConditionText = { type: 'Progressing', status: 'False', reason, message };
  const conditions = withCondition(deployment.status?.conditions, text, clock.now());
  if (equal(conditions, deployment.status?.conditions)) return;
  await writeOwnStatus({ ...deployment, status: { ...deployment.status, conditions } }, context);
}

/** Writes the revision on the Deployment, and the condition in the same request. */
async function note(
  deployment: Deployment,
  { revision, text, context }: { revision: bigint; text: ConditionText | undefined; context: Context },
): Promise<Deployment> {
  const { metadata, status } = deployment;
  const conditions =
    text && hasProgressDeadline(deployment)
      ? withCondition(status?.conditions, text, context.clock.now())
      : status?.conditions;
  const isNoted = metadata.annotations?.[revisionAnnotation] === String(revision);
  if (isNoted && equal(conditions ?? [], status?.conditions ?? [])) return deployment;
  const annotations = { ...metadata.annotations, [revisionAnnotation]: String(revision) };
  const next: DeploymentStatus = { ...status, conditions };
  return await writeOwnStatus({ ...deployment, metadata: { ...metadata, annotations }, status: next }, context);
}
