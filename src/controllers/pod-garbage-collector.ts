/**
 * Deletes pods that nobody else will: on nodes that are gone, never bound and being deleted, or finished in great number.
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection
 */

import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { TransportError } from '#client/transport.js';
import { type Disruption, disrupt } from './pod-disruption.js';
import { isTerminal } from './pod-state.js';
import { type ControllerContext, defineController } from './runtime.js';
import { outOfServiceTaint } from './taints.js';

const checkMs = 20_000;
/** A node that is missing may just be on its way into the informer. */
const quarantineMs = 40_000;

type Context = ControllerContext<undefined>;

export default defineController({ name: 'pod-garbage-collector', run });

async function run(context: Context, signal: AbortSignal): Promise<void> {
  const { informers, clock, log } = context;
  const missingSinceMs = new Map<string, number>();
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([Promise.all([informers.of(pods).synced, informers.of(nodes).synced]), aborted]);
  while (!signal.aborted) {
    try {
      await collect(context, missingSinceMs);
    } catch (error) {
      if (!(error instanceof StatusError) && !(error instanceof TransportError)) throw error;
      log.warn('pod collection failed, trying again', { err: error });
    }
    await clock.sleep(checkMs, signal).catch(() => {});
  }
}

async function collect(context: Context, missingSinceMs: Map<string, number>): Promise<void> {
  const all = context.informers.of(pods).list();
  const gone = await goneNodes(all, context, missingSinceMs);
  for (const pod of all) {
    const disruption = disruptionOf(pod, gone, context);
    if (disruption) await remove(pod, disruption, context);
  }
  const { terminatedPodGcThreshold: terminatedMax } = context.settings;
  if (terminatedMax === 0) return;
  const ended = all.filter((pod) => isTerminal(pod) && !pod.metadata.deletionTimestamp);
  const leastNeededFirst = ended.sort(
    (a, b) => Number(wasEvicted(b)) - Number(wasEvicted(a)) || createdMs(a) - createdMs(b),
  );
  for (const pod of leastNeededFirst.slice(0, Math.max(ended.length - terminatedMax, 0)))
    await remove(pod, undefined, context);
}

/** The reason to take the pod away, if there is one. */
function disruptionOf(pod: Pod, gone: Set<string>, { informers }: Context): Disruption | undefined {
  const { nodeName } = pod.spec;
  const reason = 'DeletionByPodGC';
  const { deletionTimestamp } = pod.metadata;
  if (nodeName && gone.has(nodeName)) return { reason, message: 'PodGC: node no longer exists', isFailed: true };
  if (!deletionTimestamp) return undefined;
  if (!nodeName) return { reason, message: 'PodGC: unscheduled and terminating', isFailed: true };
  const node = informers.of(nodes).get(nodeName);
  const isOut = node?.spec.taints?.some(({ key }) => key === outOfServiceTaint);
  const isReady = node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  return isOut && !isReady ? { reason, message: 'PodGC: node is out of service', isFailed: true } : undefined;
}

/** Nodes that pods name, that were missing for long enough, and that the server does not have either. */
async function goneNodes(
  all: readonly Pod[],
  { informers, client, clock }: Context,
  missingSinceMs: Map<string, number>,
): Promise<Set<string>> {
  const named = new Set(all.flatMap(({ spec }) => (spec.nodeName ? [spec.nodeName] : [])));
  const nowMs = clock.monotonic();
  const gone = new Set<string>();
  for (const name of missingSinceMs.keys()) if (!named.has(name)) missingSinceMs.delete(name);
  for (const name of named) {
    if (informers.of(nodes).get(name)) missingSinceMs.delete(name);
    else if (!missingSinceMs.has(name)) missingSinceMs.set(name, nowMs);
    else if (nowMs - missingSinceMs.get(name)! >= quarantineMs && (await isGone(name, client))) gone.add(name);
  }
  return gone;
}

async function isGone(name: string, client: Context['client']): Promise<boolean> {
  try {
    await client.of(nodes).get(name);
    return false;
  } catch (error) {
    if (isReason(error, 'NotFound')) return true;
    throw error;
  }
}

async function remove(pod: Pod, disruption: Disruption | undefined, { client, clock }: Context): Promise<void> {
  if (disruption) {
    await disrupt(pod, { ...disruption, gracePeriodSeconds: 0 }, { client, nowMs: clock.now() });
    return;
  }
  const { name = '', namespace, uid } = pod.metadata;
  try {
    await client.of(pods).delete(name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } });
  } catch (error) {
    if (!isReason(error, 'NotFound', 'Conflict')) throw error;
  }
}

function wasEvicted({ status }: Pod): boolean {
  return status?.phase === 'Failed' && status.reason === 'Evicted';
}

function createdMs({ metadata }: Pod): number {
  return Date.parse(metadata.creationTimestamp ?? '') || 0;
}
