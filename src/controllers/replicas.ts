/**
 * Keeps the declared number of pods of one template, creating, deleting, adopting and letting go: the work of ReplicaSets
 * and of the older ReplicationControllers, which say their selector in another form.
 */

import pods from '#api/core/pod/index.js';
import type { ReplicaSetStatus } from '#api/gen/apps-v1.js';
import type { Pod, PodTemplateSpec } from '#api/gen/core-v1.js';
import type { ResourceRef } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import { controllerOf, formatTime, type KubeObject } from '#apimachinery/object.js';
import { type LabelSelector, labelSelectorFromMap } from '#apimachinery/selectors.js';
import { equal } from '#base/json.js';
import { keyOf } from '#client/informer.js';
import { askControlledBy, candidatesOf, claim, controlledBy } from './claim.js';
import { deletionOrder } from './pod-deletion-order.js';
import { availableInMs, isActive, isReady, isTerminating, nextAvailableInMs } from './pod-state.js';
import { createPod, deletePod } from './pod-writes.js';
import { type ControllerContext, type ControllerSpec, type Requeue, watch } from './runtime.js';
import { slowStart } from './slow-start.js';
import { UnseenWrites } from './unseen-writes.js';

/** How many pods one reconciliation creates or deletes at most. */
const burstMax = 500;

/** While its pods change, an owner of this many counts them once in a millisecond, one of more less often: a count looks at each. */
const podsPerMs = 40;

export interface ReplicaOwner extends KubeObject {
  spec: { replicas?: number; minReadySeconds?: number; template?: PodTemplateSpec };
  status?: ReplicaSetStatus;
}

export interface ReplicaKind<O extends ReplicaOwner> {
  resource: ResourceRef<O>;
  selectorOf: (owner: O) => LabelSelector;
  /** Whether the status says how many pods are going. */
  countsTerminating: boolean;
}

interface State<O extends ReplicaOwner> {
  pods: UnseenWrites<Pod>;
  owners: UnseenWrites<O>;
}

interface Context<O extends ReplicaOwner> extends ControllerContext<State<O>>, ReplicaKind<O> {}

export function keepReplicas<O extends ReplicaOwner>(kind: ReplicaKind<O>): Omit<ControllerSpec<O, State<O>>, 'name'> {
  const { resource, selectorOf } = kind;
  return {
    for: resource,
    owns: [pods],
    gatherMs: (owner) => Math.floor((owner?.spec.replicas ?? 0) / podsPerMs),
    state: ({ clock, informers }) => ({
      pods: new UnseenWrites({ clock, informer: informers.of(pods) }),
      owners: new UnseenWrites({ clock, informer: informers.of(resource) }),
    }),
    watches: ({ informers }) => [
      // A pod without a controller may be one to adopt.
      watch(pods, (pod, { type }) => {
        if (type === 'deleted' || controllerOf(pod)) return [];
        const candidates = informers.of(resource).inNamespace(pod.metadata.namespace ?? '');
        return candidates.filter((one) => selectorOf(one).matches(pod.metadata.labels)).map(keyOf);
      }),
    ],
    reconcile: ({ key }, context) => reconcile(key, { ...context, ...kind }),
  };
}

async function reconcile<O extends ReplicaOwner>(key: string, context: Context<O>): Promise<Requeue | undefined> {
  const { informers, client, clock, state, resource } = context;
  const owner = informers.of(resource).get(key);
  if (!owner) return undefined;
  const { uid = '', deletionTimestamp } = owner.metadata;
  // With a status older than the one we wrote, the next write would be in conflict. Its coming wakes us.
  if (state.owners.pendingMs(uid) !== undefined) return undefined;
  const selector = context.selectorOf(owner);
  await state.pods.settle(uid, () => askControlledBy(client, { owner, selector, resource: pods }));
  const pendingMs = state.pods.pendingMs(uid);
  const candidates = candidatesOf(informers.of(pods), owner);
  const request = { client, owner, ownerResource: resource, selector, resource: pods };
  const active = await claim({ ...request, candidates: candidates.filter(isActive) });
  const terminating = candidates.filter((pod) => isTerminating(pod) && controllerOf(pod)?.uid === uid);

  let failure: unknown;
  if (pendingMs === undefined && !deletionTimestamp) {
    failure = await manage(owner, active, context).catch((error) => error);
  }
  // What a rollout counts on must not be pods that are going by our own hand.
  const going = active.filter((pod) => state.pods.isDeleted(uid, pod));
  const counted = {
    active: active.filter((pod) => !going.includes(pod)),
    terminating: [...terminating, ...going],
  };
  const status = nextStatus(owner, { ...counted, failure, nowMs: clock.now() });
  if (!context.countsTerminating) delete status.terminatingReplicas;
  await writeStatus(owner, status, context);
  if (failure) throw failure;
  return pendingMs === undefined ? nextAvailability(owner, active, clock.now()) : { afterMs: pendingMs };
}

/** Creates what is missing, deletes what is too many. Throws the first failure after trying. */
async function manage<O extends ReplicaOwner>(owner: O, active: Pod[], context: Context<O>): Promise<void> {
  const missing = (owner.spec.replicas ?? 1) - active.length;
  const { pods: unseen } = context.state;
  if (missing > 0) {
    await slowStart(Math.min(missing, burstMax), async () => {
      const template = owner.spec.template!;
      await createPod({ owner, ownerResource: context.resource, template, unseen, context });
    });
  } else if (missing < 0) {
    const related = relatedPods(owner, context);
    const order = deletionOrder(active, { related, nowMs: context.clock.now() });
    const surplus = order.slice(0, Math.min(-missing, burstMax));
    const deletions = surplus.map((pod) => deletePod({ owner, pod, unseen, context }));
    const failure = (await Promise.allSettled(deletions)).find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
  }
}

/** The active pods of all siblings under the same owner: of crowded nodes, pods go first. What nobody owns has none. */
function relatedPods<O extends ReplicaOwner>(owner: O, { informers, resource }: Context<O>): Pod[] {
  const parent = controllerOf(owner);
  const siblings = parent ? controlledBy(informers.of(resource), parent.uid) : [];
  return siblings.flatMap((one) => controlledBy(informers.of(pods), one.metadata.uid ?? '')).filter(isActive);
}

function nextStatus(
  owner: ReplicaOwner,
  { active, terminating, failure, nowMs }: { active: Pod[]; terminating: Pod[]; failure: unknown; nowMs: number },
): ReplicaSetStatus {
  const { spec, status, metadata } = owner;
  const template = labelSelectorFromMap(spec.template?.metadata?.labels);
  const minReadySeconds = spec.minReadySeconds ?? 0;
  const ready = active.filter(isReady);
  const isAvailable = (pod: Pod) => minReadySeconds === 0 || availableInMs(pod, { minReadySeconds, nowMs }) === 0;
  return {
    ...status,
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) => template.matches(pod.metadata.labels)).length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter(isAvailable).length,
    terminatingReplicas: terminating.length,
    observedGeneration: metadata.generation,
    conditions: nextConditions(owner, { missing: (spec.replicas ?? 1) - active.length, failure, nowMs }),
  };
}

function nextConditions(
  { status }: ReplicaOwner,
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

async function writeStatus<O extends ReplicaOwner>(
  owner: O,
  status: ReplicaSetStatus,
  { client, resource, state }: Context<O>,
): Promise<void> {
  if (sameStatus(owner.status, status)) return;
  try {
    state.owners.wrote(owner.metadata.uid ?? '', await client.of(resource).updateStatus({ ...owner, status }));
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
function nextAvailability({ spec }: ReplicaOwner, active: Pod[], nowMs: number): Requeue | undefined {
  const { minReadySeconds = 0 } = spec;
  const afterMs = nextAvailableInMs(active, { minReadySeconds, nowMs });
  return afterMs === undefined ? undefined : { afterMs };
}
