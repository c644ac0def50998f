/** DaemonSet: one pod on each node that suits it, replaced node by node when its template changes. */
import controllerRevisions from '#api/apps/controllerrevision.js';
import daemonSets from '#api/apps/daemonset.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { ControllerRevision, DaemonSet } from '#api/gen/apps-v1.js';
import type { Node, Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { controllerOf } from '#apimachinery/object.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { equal } from '#base/json.js';
import { keyOf } from '#client/informer.js';
import { askControlledBy, candidatesOf, claim } from '../claim.js';
import { nextAvailableInMs } from '../pod-state.js';
import { createPod, deletePod } from '../pod-writes.js';
import {
  type HistoryContext,
  newestRevision,
  revisionLabel,
  revisionsOf,
  truncateHistory,
} from '../revision-history.js';
import { type ControllerContext, defineController, type Requeue, watch } from '../runtime.js';
import { slowStart } from '../slow-start.js';
import { templateHash } from '../template-hash.js';
import { UnseenWrites } from '../unseen-writes.js';
import { manage, type Need, rollOut, type Situation } from './decide.js';
import { EndedPods } from './ended-pods.js';
import { templateFor } from './placement.js';
import { nextStatus, sameStatus } from './status.js';

/** How many pods one reconciliation creates or deletes at most. */
const burstMax = 250;

interface State {
  pods: UnseenWrites<Pod>;
  revisions: UnseenWrites<ControllerRevision>;
  ended: EndedPods;
}

type Context = ControllerContext<State>;

export default defineController<DaemonSet, State>({
  name: 'daemon-set-controller',
  eventSource: 'daemonset-controller',
  workers: 2,
  for: daemonSets,
  owns: [pods],
  state: ({ clock, informers }) => ({
    pods: new UnseenWrites({ clock, informer: informers.of(pods) }),
    revisions: new UnseenWrites({ clock, informer: informers.of(controllerRevisions) }),
    ended: new EndedPods(clock),
  }),
  watches: ({ informers }) => [
    // A pod without a controller may be one to adopt.
    watch(pods, (pod, { type }) => {
      if (type === 'deleted' || controllerOf(pod)) return [];
      const candidates = informers.of(daemonSets).inNamespace(pod.metadata.namespace ?? '');
      return candidates.filter(({ spec }) => labelSelectorFrom(spec.selector).matches(pod.metadata.labels)).map(keyOf);
    }),
    watch(nodes, (node, { old }) => (old && isSamePlace(old, node) ? [] : informers.of(daemonSets).keys())),
  ],
  reconcile,
});

/** What decides on placement; heartbeats and images do not. */
function isSamePlace(a: Node, b: Node): boolean {
  return equal(a.metadata.labels ?? {}, b.metadata.labels ?? {}) && equal(a.spec.taints ?? [], b.spec.taints ?? []);
}

async function reconcile({ key }: { key: string }, context: Context): Promise<Requeue | undefined> {
  const { informers, client, clock, state } = context;
  const set = informers.of(daemonSets).get(key);
  if (!set) return undefined;
  const { uid = '', deletionTimestamp } = set.metadata;
  if (deletionTimestamp) return undefined;
  const selector = labelSelectorFrom(set.spec.selector);
  await state.pods.settle(uid, () => askControlledBy(client, { owner: set, selector, resource: pods }));
  const pendingMs = state.pods.pendingMs(uid) ?? state.revisions.pendingMs(uid);

  const history: HistoryContext<DaemonSet> = {
    client,
    owner: set,
    ownerResource: daemonSets,
    revisions: informers.of(controllerRevisions),
    hashLabel: revisionLabel,
    hash: ({ template, collisions }) => templateHash(template, collisions),
  };
  const revisions = await revisionsOf(history);
  const { newest, collisionCount } = await newestRevision(history, revisions);
  if (!revisions.includes(newest)) state.revisions.wrote(uid, newest);
  const candidates = candidatesOf(informers.of(pods), set);
  const request = { client, owner: set, ownerResource: daemonSets, selector, resource: pods, candidates };
  const mine = await claim(request);
  const hash = newest.metadata.labels?.[revisionLabel] ?? '';
  const situation: Situation = { set, nodes: informers.of(nodes).list(), pods: mine, hash, nowMs: clock.now() };

  let failure: unknown;
  let retryMs: number | undefined = pendingMs;
  if (pendingMs === undefined) ({ failure, retryMs } = await act(situation, context));
  // A template that nothing was done about yet is not observed.
  const { generation } = set.metadata;
  const observedGeneration = pendingMs === undefined ? generation : set.status?.observedGeneration;
  await writeStatus(situation, { collisionCount, observedGeneration }, context);
  const live = new Set(revisions.filter(({ metadata }) => isInUse(metadata.labels, mine)).map(nameOf));
  live.add(nameOf(newest));
  await truncateHistory(client, revisions, { live, limit: set.spec.revisionHistoryLimit ?? 10 });
  if (failure) throw failure;
  return soonest(retryMs, nextAvailability(situation));
}

function nameOf({ metadata }: ControllerRevision): string {
  return metadata.name ?? '';
}

function isInUse(labels: Record<string, string> | undefined, mine: readonly Pod[]): boolean {
  const hash = labels?.[revisionLabel];
  return mine.some(({ metadata }) => metadata.labels?.[revisionLabel] === hash);
}

/** First what must be in any case; only when that is done, the next step of a rollout. */
async function act(situation: Situation, context: Context): Promise<{ failure?: unknown; retryMs?: number }> {
  const { set } = situation;
  const { ended, ...need } = manage(situation);
  const { due, retryMs } = context.state.ended.due(set, ended, context.recorder);
  need.delete.push(...due);
  const isSettled = need.create.length === 0 && need.delete.length === 0;
  const isRolling = set.spec.updateStrategy?.type !== 'OnDelete';
  const now = isSettled && isRolling ? rollOut(situation) : need;
  const failure = await write(situation, now, context).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { failure, retryMs };
}

async function write({ set, hash }: Situation, need: Pick<Need, 'create' | 'delete'>, context: Context): Promise<void> {
  const { pods: unseen } = context.state;
  const surplus = need.delete.slice(0, burstMax);
  const deletions = surplus.map((pod) => deletePod({ owner: set, pod, unseen, context }));
  const nodeNames = need.create.slice(0, burstMax);
  const creations = slowStart(nodeNames.length, async (index) => {
    const template = templateFor(labelled(set, hash), nodeNames[index]!);
    await createPod({ owner: set, ownerResource: daemonSets, template, unseen, context });
  });
  const results = await Promise.allSettled([creations, ...deletions]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

function labelled({ spec, metadata }: DaemonSet, hash: string) {
  const { template } = spec;
  const generation = metadata.annotations?.['deprecated.daemonset.template.generation'];
  const labels = {
    ...template?.metadata?.labels,
    ...(generation && { 'pod-template-generation': generation }),
    [revisionLabel]: hash,
  };
  return { ...template, metadata: { ...template?.metadata, labels } };
}

async function writeStatus(
  situation: Situation,
  known: Parameters<typeof nextStatus>[1],
  { client }: Context,
): Promise<void> {
  const { set } = situation;
  const status = nextStatus(situation, known);
  if (sameStatus(set.status, status)) return;
  try {
    await client.of(daemonSets).updateStatus({ ...set, status });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

/** Time alone makes a ready pod available. */
function nextAvailability({ set, pods: mine, nowMs }: Situation): number | undefined {
  const { minReadySeconds = 0 } = set.spec;
  return nextAvailableInMs(mine, { minReadySeconds, nowMs });
}

function soonest(...delays: (number | undefined)[]): Requeue | undefined {
  const known = delays.filter((delay) => delay !== undefined);
  return known.length > 0 ? { afterMs: Math.min(...known) } : undefined;
}
