/** ReplicaSet: keeps the declared number of pods of one template, creating, deleting, adopting and letting go. */

import replicaSets from '#api/apps/replicaset.js';
import pods from '#api/core/pod/index.js';
import type { ReplicaSet, ReplicaSetStatus } from '#api/gen/apps-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { controllerOf, formatTime } from '#apimachinery/object.js';
import { labelSelectorFrom, labelSelectorFromMap } from '#apimachinery/selectors.js';
import { equal } from '#base/json.js';
import { keyOf } from '#client/informer.js';
import { candidatesOf, claim, controlledBy } from './claim.js';
import { deletionOrder } from './pod-deletion-order.js';
import { availableInMs, isActive, isReady, isTerminating } from './pod-state.js';
import { createPod, deletePod } from './pod-writes.js';
import { type ControllerContext, defineController, type Requeue, watch } from './runtime.js';
import { slowStart } from './slow-start.js';
import { UnseenWrites } from './unseen-writes.js';

/** How many pods one reconciliation creates or deletes at most. */
const burstMax = 500;

type Context = ControllerContext<UnseenWrites<Pod>>;

export default defineController<ReplicaSet, UnseenWrites<Pod>>({
  name: 'replicaset-controller',
  for: replicaSets,
  owns: [pods],
  state: ({ clock, informers }) => new UnseenWrites({ clock, informer: informers.of(pods) }),
  watches: ({ informers }) => [
    // A pod without a controller may be one to adopt.
    watch(pods, (pod, { type }) => {
      if (type === 'deleted' || controllerOf(pod)) return [];
      const candidates = informers.of(replicaSets).inNamespace(pod.metadata.namespace ?? '');
      return candidates.filter(({ spec }) => labelSelectorFrom(spec.selector).matches(pod.metadata.labels)).map(keyOf);
    }),
  ],
  reconcile,
});

async function reconcile({ key }: { key: string }, context: Context): Promise<Requeue | undefined> {
  const { informers, client, clock, state } = context;
  const replicaSet = informers.of(replicaSets).get(key);
  if (!replicaSet) return;
  const { uid = '', deletionTimestamp } = replicaSet.metadata;
  const pendingMs = state.pendingMs(uid);
  const candidates = candidatesOf(informers.of(pods), replicaSet);
  const selector = labelSelectorFrom(replicaSet.spec.selector);
  const request = { client, owner: replicaSet, ownerResource: replicaSets, selector, resource: pods };
  const active = await claim({ ...request, candidates: candidates.filter(isActive) });
  const terminating = candidates.filter((pod) => isTerminating(pod) && controllerOf(pod)?.uid === uid);

  let failure: unknown;
  if (pendingMs === undefined && !deletionTimestamp) {
    failure = await manage(replicaSet, active, context).catch((error) => error);
  }
  const status = nextStatus(replicaSet, { active, terminating, failure, nowMs: clock.now() });
  await writeStatus(replicaSet, status, context);
  if (failure) throw failure;
  return pendingMs === undefined ? nextAvailability(replicaSet, active, clock.now()) : { afterMs: pendingMs };
}

/** Creates what is missing, deletes what is too many. Throws the first failure after trying. */
async function manage(replicaSet: ReplicaSet, active: Pod[], context: Context): Promise<void> {
  const missing = (replicaSet.spec.replicas ?? 1) - active.length;
  const { state } = context;
  const ownerUid = replicaSet.metadata.uid ?? '';
  if (missing > 0) {
    await slowStart(Math.min(missing, burstMax), async () => {
      const template = replicaSet.spec.template!;
      const pod = await createPod({ owner: replicaSet, ownerResource: replicaSets, template, context });
      if (pod) state.wrote(ownerUid, pod);
    });
  } else if (missing < 0) {
    const related = relatedPods(replicaSet, context);
    const order = deletionOrder(active, { related, nowMs: context.clock.now() });
    const deletions = order.slice(0, Math.min(-missing, burstMax)).map(async (pod) => {
      if (await deletePod({ owner: replicaSet, pod, context })) state.deleted(ownerUid, pod);
    });
    const failure = (await Promise.allSettled(deletions)).find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
  }
}

/** The active pods of all ReplicaSets under the same owner: of crowded nodes, pods go first. */
function relatedPods(replicaSet: ReplicaSet, { informers }: Context): Pod[] {
  const owner = controllerOf(replicaSet);
  const siblings = owner ? controlledBy(informers.of(replicaSets), owner.uid) : [replicaSet];
  return siblings.flatMap((one) => controlledBy(informers.of(pods), one.metadata.uid ?? '')).filter(isActive);
}

function nextStatus(
  replicaSet: ReplicaSet,
  { active, terminating, failure, nowMs }: { active: Pod[]; terminating: Pod[]; failure: unknown; nowMs: number },
): ReplicaSetStatus {
  const { spec, status, metadata } = replicaSet;
  const template = labelSelectorFromMap(spec.template?.metadata?.labels);
  const minReadySeconds = spec.minReadySeconds ?? 0;
  const ready = active.filter(isReady);
  return {
    ...status,
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) => template.matches(pod.metadata.labels)).length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => availableInMs(pod, { minReadySeconds, nowMs }) === 0).length,
    terminatingReplicas: terminating.length,
    observedGeneration: metadata.generation,
    conditions: nextConditions(replicaSet, { missing: (spec.replicas ?? 1) - active.length, failure, nowMs }),
  };
}

function nextConditions(
  { status }: ReplicaSet,
  { missing, failure, nowMs }: { missing: number; failure: unknown; nowMs: number },
): ReplicaSetStatus['conditions'] {
  const before = status?.conditions ?? [];
  const had = before.some(({ type }) => type === 'ReplicaFailure');
  if (!failure) return had ? before.filter(({ type }) => type !== 'ReplicaFailure') : status?.conditions;
  if (had) return before;
  const reason = missing > 0 ? 'FailedCreate' : 'FailedDelete';
  const message = failure instanceof Error ? failure.message : String(failure);
  const lastTransitionTime = formatTime(nowMs);
  return [...before, { type: 'ReplicaFailure', status: 'True', lastTransitionTime, reason, message }];
}

async function writeStatus(replicaSet: ReplicaSet, status: ReplicaSetStatus, { client }: Context): Promise<void> {
  if (sameStatus(replicaSet.status, status)) return;
  try {
    await client.of(replicaSets).updateStatus({ ...replicaSet, status });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

/** The server leaves zero counts out, so a missing count is 0. */
function sameStatus(a: ReplicaSetStatus | undefined, b: ReplicaSetStatus): boolean {
  const counts = [
    'replicas',
    'fullyLabeledReplicas',
    'readyReplicas',
    'availableReplicas',
    'terminatingReplicas',
    'observedGeneration',
  ] as const;
  return (
    counts.every((count) => (a?.[count] ?? 0) === (b[count] ?? 0)) && equal(a?.conditions ?? [], b.conditions ?? [])
  );
}

/** Time alone makes a ready pod available. */
function nextAvailability({ spec }: ReplicaSet, active: Pod[], nowMs: number): Requeue | undefined {
  const { minReadySeconds = 0 } = spec;
  const delays = active.map((pod) => availableInMs(pod, { minReadySeconds, nowMs }) ?? 0).filter((delay) => delay > 0);
  return delays.length > 0 ? { afterMs: Math.min(...delays) } : undefined;
}
