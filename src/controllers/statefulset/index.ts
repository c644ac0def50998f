/** StatefulSet: pods that come and go in order, each under a name and with volumes that outlive it. */
import controllerRevisions from '#api/apps/controllerrevision.js';
import statefulSets from '#api/apps/statefulset.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { ControllerRevision, StatefulSet } from '#api/gen/apps-v1.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { controllerOf } from '#apimachinery/object.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { keyOf } from '#client/informer.js';
import { askControlledBy, candidatesOf, claim } from '../claim.js';
import { nextAvailableInMs } from '../pod-state.js';
import { type HistoryContext, newestRevision, revisionsOf, templateOf, truncateHistory } from '../revision-history.js';
import { type ControllerContext, defineController, type Requeue, watch } from '../runtime.js';
import { dataHash } from '../template-hash.js';
import { UnseenWrites } from '../unseen-writes.js';
import { decide, type Situation, type Step } from './decide.js';
import { ordinalOf, revisionOfPod } from './identity.js';
import { nextStatus, sameStatus } from './status.js';
import { StepTaker } from './steps.js';

interface Unseen {
  pods: UnseenWrites<Pod>;
  revisions: UnseenWrites<ControllerRevision>;
}

type Context = ControllerContext<Unseen>;

export default defineController<StatefulSet, Unseen>({
  name: 'statefulset-controller',
  for: statefulSets,
  owns: [pods],
  state: ({ clock, informers }) => {
    informers.of(claims);
    return {
      pods: new UnseenWrites({ clock, informer: informers.of(pods) }),
      revisions: new UnseenWrites({ clock, informer: informers.of(controllerRevisions) }),
    };
  },
  watches: ({ informers }) => [
    // A pod without a controller may be one to adopt.
    watch(pods, (pod, { type }) => {
      if (type === 'deleted' || controllerOf(pod)) return [];
      const candidates = informers.of(statefulSets).inNamespace(pod.metadata.namespace ?? '');
      return candidates
        .filter((set) => ordinalOf(set, pod) !== undefined)
        .filter(({ spec }) => labelSelectorFrom(spec.selector).matches(pod.metadata.labels))
        .map(keyOf);
    }),
    // A claim that the garbage collector has taken lets its pod come back.
    watch(claims, (one, { type }) =>
      type === 'deleted' ? setsOfClaim(one.metadata.name ?? '', one.metadata.namespace) : [],
    ),
  ],
  reconcile,
});

/** `<template>-<set>-<ordinal>`: where the set's name begins is not known, so each place is tried. */
function setsOfClaim(name: string, namespace = ''): string[] {
  const parts = name.replace(/-[0-9]+$/, '').split('-');
  return parts.slice(1).map((_, index) => `${namespace}/${parts.slice(index + 1).join('-')}`);
}

async function reconcile({ key }: { key: string }, context: Context): Promise<Requeue | undefined> {
  const { informers, client, clock, state } = context;
  const set = informers.of(statefulSets).get(key);
  if (!set) return undefined;
  const { uid = '' } = set.metadata;
  const selector = labelSelectorFrom(set.spec.selector);
  await state.pods.settle(uid, () => askControlledBy(client, { owner: set, selector, resource: pods }));
  const pendingMs = state.pods.pendingMs(uid) ?? state.revisions.pendingMs(uid);
  if (pendingMs !== undefined) return { afterMs: pendingMs };

  const candidates = candidatesOf(informers.of(pods), set).filter((pod) => ordinalOf(set, pod) !== undefined);
  const mine = await claim({ client, owner: set, ownerResource: statefulSets, selector, resource: pods, candidates });
  const history: HistoryContext<StatefulSet> = {
    client,
    owner: set,
    ownerResource: statefulSets,
    revisions: informers.of(controllerRevisions),
    hashLabel: 'controller.kubernetes.io/hash',
    hash: ({ data, collisions = 0 }) => dataHash(data, collisions),
  };
  const revisions = await revisionsOf(history);
  const { newest, current, collisionCount } = await currentAndNewest(history, revisions, state.revisions);
  const names = { current: current.metadata.name ?? '', update: newest.metadata.name ?? '' };
  const situation: Situation = { set, pods: mine, ...names, nowMs: clock.now() };

  const taken = await take(situation, { context, templates: { current, newest } });
  const status = nextStatus(set, { pods: taken.pods, ...names, collisionCount, nowMs: clock.now() });
  if (!sameStatus(set.status, status)) await writeStatus(set, status, context);
  const live = new Set([names.current, names.update, ...mine.map(revisionOfPod)]);
  await truncateHistory(client, revisions, { live, limit: set.spec.revisionHistoryLimit ?? 10 });
  if (taken.failure) throw taken.failure;
  return nextAvailability(set, mine, clock.now());
}

/** The revision of the template as it is, and the one that pods were of before the rollout under way. */
async function currentAndNewest(
  history: HistoryContext<StatefulSet>,
  revisions: readonly ControllerRevision[],
  unseen: UnseenWrites<ControllerRevision>,
): Promise<{ newest: ControllerRevision; current: ControllerRevision; collisionCount: number }> {
  const { owner } = history;
  const { newest, collisionCount = 0 } = await newestRevision(history, revisions);
  if (!revisions.includes(newest)) unseen.wrote(owner.metadata.uid ?? '', newest);
  const current = revisions.find(({ metadata }) => metadata.name === owner.status?.currentRevision);
  return { newest, current: current ?? newest, collisionCount };
}

/** Takes the steps, in order one after the other; the first failure ends them. Gives the pods as they then are. */
async function take(
  situation: Situation,
  { context, templates }: { context: Context; templates: { current: ControllerRevision; newest: ControllerRevision } },
): Promise<{ pods: readonly Pod[]; failure: unknown }> {
  const { set, current } = situation;
  const taker = new StepTaker({
    set,
    context,
    unseen: context.state.pods,
    template: (revision) => templateOf(revision === current ? templates.current : templates.newest),
  });
  const after = new Map(situation.pods.map((pod) => [pod.metadata.name ?? '', pod]));
  const run = async (step: Step) => {
    const pod = await taker.take(step);
    if (pod) after.set(pod.metadata.name ?? '', pod);
  };
  let failure: unknown;
  const steps = decide(situation);
  if (set.spec.podManagementPolicy === 'Parallel') {
    const results = await Promise.allSettled(steps.map(run));
    failure = results.find((result) => result.status === 'rejected')?.reason;
  } else {
    for (const step of steps) {
      failure = await run(step).catch((error: unknown) => error ?? new Error('a step failed'));
      if (failure) break;
    }
  }
  return { pods: [...after.values()], failure };
}

async function writeStatus(set: StatefulSet, status: StatefulSet['status'], { client }: Context): Promise<void> {
  try {
    await client.of(statefulSets).updateStatus({ ...set, status });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

/** Time alone makes a ready pod available. */
function nextAvailability({ spec }: StatefulSet, mine: readonly Pod[], nowMs: number): Requeue | undefined {
  const { minReadySeconds = 0 } = spec;
  const afterMs = nextAvailableInMs(mine, { minReadySeconds, nowMs });
  return afterMs === undefined ? undefined : { afterMs };
}
