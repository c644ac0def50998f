/** Deployment: rolls its pods from one ReplicaSet to the next, and keeps the old ones for going back. */

import deployments from '#api/apps/deployment.js';
import replicaSets from '#api/apps/replicaset.js';
import pods from '#api/core/pod/index.js';
import type { Deployment, DeploymentStatus, ReplicaSet } from '#api/gen/apps-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { controllerOf } from '#apimachinery/object.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { equal } from '#base/json.js';
import { keyOf } from '#client/informer.js';
import { askControlledBy, candidatesOf, claim, controlledBy } from '../claim.js';
import { isTerminal } from '../pod-state.js';
import { defineController, type Requeue, watch } from '../runtime.js';
import { UnseenWrites } from '../unseen-writes.js';
import { type Context, ensureNewest, newestOf, type State, writeOwnStatus, writeReplicaSet } from './newest.js';
import { byRevision, desiredAnnotation, maxAnnotation, sizeAnnotations } from './revision.js';
import { rollBack, rollbackTarget } from './rollback.js';
import { isRolling } from './rounding.js';
import {
  byAge,
  isObserved,
  isScalingEvent,
  isUsed,
  type ReplicaSets,
  rollingStep,
  type Sizes,
  scaledSizes,
  sizeOf,
} from './scaling.js';
import {
  conditionOf,
  countedStatus,
  deadlineInMs,
  hasProgressDeadline,
  isComplete,
  rolloutStatus,
  withCondition,
} from './status.js';

/** Also what clients write for "keep all". */
const int32Max = 2 ** 31 - 1;

export default defineController<Deployment, State>({
  name: 'deployment-controller',
  for: deployments,
  owns: [replicaSets],
  state: ({ clock, informers }) => ({
    replicaSets: new UnseenWrites({ clock, informer: informers.of(replicaSets) }),
    deployments: new UnseenWrites({ clock, informer: informers.of(deployments) }),
  }),
  watches: (context) => [
    // A ReplicaSet without a controller may be one to adopt.
    watch(replicaSets, (replicaSet, { type }) => {
      if (type === 'deleted' || controllerOf(replicaSet)) return [];
      const { namespace = '', labels } = replicaSet.metadata;
      const candidates = context.informers.of(deployments).inNamespace(namespace);
      return candidates.filter(({ spec }) => labelSelectorFrom(spec.selector).matches(labels)).map(keyOf);
    }),
    // Recreate waits for the last old pod to go.
    watch(pods, (pod, { type }) => (type === 'deleted' ? recreatingOwner(pod, context) : [])),
  ],
  reconcile: ({ key }, context) => reconcile(key, context),
});

async function reconcile(key: string, context: Context): Promise<Requeue | undefined> {
  const { informers, recorder, clock, client, state } = context;
  const cached = informers.of(deployments).get(key);
  if (!cached) return;
  const { uid = '' } = cached.metadata;
  // With a status older than the one we wrote, the next write would be in conflict. Its coming wakes us.
  if (state.deployments.pendingMs(uid) !== undefined) return;
  if (equal(cached.spec.selector, {})) {
    const message = 'This deployment is selecting all pods. A non-empty selector is required.';
    recorder.event(cached, { type: 'Warning', reason: 'SelectingAll', message });
    const { generation = 0 } = cached.metadata;
    if ((cached.status?.observedGeneration ?? 0) < generation)
      await writeStatus(cached, { ...cached.status, observedGeneration: generation }, context);
    return;
  }
  const selector = labelSelectorFrom(cached.spec.selector);
  await state.replicaSets.settle(uid, () =>
    askControlledBy(client, { owner: cached, selector, resource: replicaSets }),
  );
  // Sizes that our copy does not show yet would be given away twice.
  const pendingMs = state.replicaSets.pendingMs(uid);
  if (pendingMs !== undefined) return { afterMs: pendingMs };
  const owned = await claim({
    client,
    owner: cached,
    ownerResource: deployments,
    selector,
    resource: replicaSets,
    candidates: candidatesOf(informers.of(replicaSets), cached),
  });
  const found = newestOf(cached, owned);
  if (cached.metadata.deletionTimestamp) {
    await writeStatus(cached, countedStatus(cached, found, clock.now()), context);
    return;
  }
  const deployment = await notePause(cached, context);
  const wanted = deployment.spec.paused ? undefined : rollbackTarget(deployment);
  if (wanted !== undefined) {
    await rollBack(deployment, owned, { wanted, context });
    return;
  }
  if (deployment.spec.paused || isScalingEvent(deployment, found)) {
    const step = await ensureNewest({ deployment, owned, create: false, context });
    const sized = await resize(step.deployment, step.replicaSets, {
      sizes: scaledSizes(step.deployment, step.replicaSets),
      context,
    });
    if (step.deployment.spec.paused) await cleanUp(step.deployment, sized.old, context);
    await writeStatus(step.deployment, countedStatus(step.deployment, sized, clock.now()), context);
    return;
  }
  return isRolling(deployment) ? await roll(deployment, owned, context) : await recreate(deployment, owned, context);
}

async function roll(given: Deployment, owned: ReplicaSet[], context: Context): Promise<Requeue | undefined> {
  const { deployment, replicaSets: found } = await ensureNewest({ deployment: given, owned, create: true, context });
  const sizes = rollingStep(deployment, { newest: found.newest!, old: found.old });
  const sized = await resize(deployment, found, { sizes, context });
  if (sizes.size === 0 && isComplete(deployment, deployment.status)) await cleanUp(deployment, found.old, context);
  return await finishRollout(deployment, sized, context);
}

async function recreate(given: Deployment, owned: ReplicaSet[], context: Context): Promise<Requeue | undefined> {
  let { deployment, replicaSets: found } = await ensureNewest({ deployment: given, owned, create: false, context });
  const used = found.old.filter(isUsed);
  if (used.length > 0) {
    const sizes: Sizes = new Map(used.map((one) => [one, 0]));
    return await finishRollout(deployment, await resize(deployment, found, { sizes, context }), context);
  }
  const oldPods = found.old.flatMap((one) => controlledBy(context.informers.of(pods), one.metadata.uid ?? ''));
  if (found.old.some((one) => (one.status?.replicas ?? 0) > 0) || oldPods.some((pod) => !isTerminal(pod)))
    return await finishRollout(deployment, found, context);
  ({ deployment, replicaSets: found } = await ensureNewest({ deployment, owned, create: true, context }));
  const sizes: Sizes = new Map([[found.newest!, deployment.spec.replicas ?? 1]]);
  const sized = await resize(deployment, found, { sizes, context });
  if (isComplete(deployment, deployment.status)) await cleanUp(deployment, found.old, context);
  return await finishRollout(deployment, sized, context);
}

/** Pausing stops the progress deadline, and resuming starts it anew. Gives the Deployment as it then is. */
async function notePause(deployment: Deployment, context: Context): Promise<Deployment> {
  if (!hasProgressDeadline(deployment)) return deployment;
  const condition = conditionOf(deployment.status, 'Progressing');
  if (condition?.reason === 'ProgressDeadlineExceeded') return deployment;
  const isNoted = condition?.reason === 'DeploymentPaused';
  const { paused = false } = deployment.spec;
  if (paused === isNoted) return deployment;
  const text = paused
    ? { reason: 'DeploymentPaused', message: 'Deployment is paused' }
    : { reason: 'DeploymentResumed', message: 'Deployment is resumed' };
  const conditions = withCondition(
    deployment.status?.conditions,
    { type: 'Progressing', status: 'Unknown', ...text },
    context.clock.now(),
  );
  return await writeOwnStatus({ ...deployment, status: { ...deployment.status, conditions } }, context);
}

/** Gives the ReplicaSets these sizes, and all of them the annotations of the Deployment's size now. */
async function resize(
  deployment: Deployment,
  { newest, old }: ReplicaSets,
  { sizes, context }: { sizes: Sizes; context: Context },
): Promise<ReplicaSets> {
  const changed = new Map<ReplicaSet, ReplicaSet>();
  for (const [replicaSet, size] of sizes) {
    changed.set(replicaSet, await resizeOne(deployment, replicaSet, { size, context }));
  }
  const now = (one: ReplicaSet) => changed.get(one) ?? one;
  return { newest: newest && now(newest), old: old.map(now) };
}

async function resizeOne(
  deployment: Deployment,
  replicaSet: ReplicaSet,
  { size, context }: { size: number; context: Context },
): Promise<ReplicaSet> {
  const { metadata, spec } = replicaSet;
  const before = sizeOf(replicaSet);
  const annotations = { ...metadata.annotations, ...sizeAnnotations(deployment) };
  const isAnnotated = [desiredAnnotation, maxAnnotation].every(
    (key) => metadata.annotations?.[key] === annotations[key],
  );
  if (before === size && isAnnotated) return replicaSet;
  const wanted = { ...replicaSet, metadata: { ...metadata, annotations }, spec: { ...spec, replicas: size } };
  const updated = await writeReplicaSet(deployment, context, (client) => client.update(wanted));
  if (before !== size) {
    const message = `Scaled ${size > before ? 'up' : 'down'} replica set ${metadata.name} from ${before} to ${size}`;
    context.recorder.event(deployment, { type: 'Normal', reason: 'ScalingReplicaSet', message });
  }
  return updated;
}

async function finishRollout(
  deployment: Deployment,
  found: ReplicaSets,
  context: Context,
): Promise<Requeue | undefined> {
  const nowMs = context.clock.now();
  const status = rolloutStatus(deployment, found, nowMs);
  await writeStatus(deployment, status, context);
  if (!hasProgressDeadline(deployment) || isComplete(deployment, status)) return;
  if (conditionOf(status, 'Progressing')?.reason === 'ProgressDeadlineExceeded') return;
  const leftMs = deadlineInMs({ ...deployment, status }, nowMs);
  // A second more, since the API's times are whole seconds.
  return leftMs === undefined ? undefined : { afterMs: Math.max(leftMs, 0) + 1000 };
}

async function writeStatus(deployment: Deployment, status: DeploymentStatus, context: Context): Promise<void> {
  if (equal(comparable(deployment.status), comparable(status))) return;
  try {
    await writeOwnStatus({ ...deployment, status }, context);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

/** The server leaves zero counts and empty lists out. */
function comparable(status: DeploymentStatus | undefined): object {
  const entries = Object.entries(status ?? {});
  return Object.fromEntries(
    entries.filter(([, value]) => value !== 0 && !(Array.isArray(value) && value.length === 0)),
  );
}

/** Deletes the oldest unused ReplicaSets beyond those that revisionHistoryLimit keeps. */
async function cleanUp(deployment: Deployment, old: ReplicaSet[], { client }: Context): Promise<void> {
  const limit = deployment.spec.revisionHistoryLimit ?? 10;
  if (limit === int32Max) return;
  const kept = old.filter(({ metadata }) => !metadata.deletionTimestamp);
  const oldestFirst = kept.sort((a, b) => byRevision(a, b) || byAge(a, b));
  for (const one of oldestFirst.slice(0, Math.max(kept.length - limit, 0))) {
    const { metadata, status } = one;
    if (isUsed(one) || (status?.replicas ?? 0) > 0 || !isObserved(one)) continue;
    try {
      await client.of(replicaSets).delete(metadata.name!, {
        namespace: metadata.namespace,
        propagationPolicy: 'Background',
        preconditions: { uid: metadata.uid },
      });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
}

/** The key of the Deployment above a pod's ReplicaSet, if it has the Recreate strategy. */
function recreatingOwner(pod: Pod, { informers }: Context): string[] {
  const { namespace } = pod.metadata;
  const owner = controllerOf(pod);
  if (owner?.kind !== 'ReplicaSet') return [];
  const replicaSet = informers.of(replicaSets).get(`${namespace}/${owner.name}`);
  const above = replicaSet && controllerOf(replicaSet);
  const deployment = above && informers.of(deployments).get(`${namespace}/${above.name}`);
  return deployment && deployment.metadata.uid === above.uid && !isRolling(deployment) ? [keyOf(deployment)] : [];
}
