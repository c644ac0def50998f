/**
 * Deletes pods that nobody else will: on nodes that are gone, never bound and being deleted, or finished in great number.
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection
 */

import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { keyOf } from '#client/informer.js';
import { TransportError } from '#client/transport.js';
import { type Disruption, endForGood } from './pod-disruption.js';
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
  const { terminatedPodGcThreshold: terminatedMax } = context.settings;
  if (terminatedMax > 0) for (const pod of endedBeyond(terminatedMax, all)) await end(pod, undefined, context);
  for (const pod of all) if (waitsForNobody(pod, context)) await end(pod, undefined, context);
  const gone = await goneNodes(all, context, missingSinceMs);
  for (const pod of all) {
    if (!gone.has(pod.spec.nodeName ?? '')) continue;
    const { generation: observedGeneration } = pod.metadata;
    const message = 'PodGC: node no longer exists';
    await end(pod, { reason: 'DeletionByPodGC', message, observedGeneration }, context);
  }
}

/** The least needed first. Those that are going already count too. */
function endedBeyond(max: number, all: readonly Pod[]): Pod[] {
  const ended = all.filter(isTerminal);
  const byNeed = (a: Pod, b: Pod) =>
    Number(wasEvicted(b)) - Number(wasEvicted(a)) || createdMs(a) - createdMs(b) || (nameOf(a) < nameOf(b) ? -1 : 1);
  return ended.length > max ? ended.sort(byNeed).slice(0, ended.length - max) : [];
}

/** It is to go, and there is no kubelet that could end it, now or later. */
function waitsForNobody({ metadata, spec }: Pod, { informers }: Context): boolean {
  if (!metadata.deletionTimestamp) return false;
  if (!spec.nodeName) return true;
  const node = informers.of(nodes).get(spec.nodeName);
  const isReady = node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  return !isReady && node?.spec.taints?.some(({ key }) => key === outOfServiceTaint) === true;
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

/** A pod that cannot be ended keeps no other one. */
async function end(pod: Pod, disruption: Disruption | undefined, { client, clock, log }: Context): Promise<void> {
  try {
    await endForGood(pod, disruption, { client, nowMs: clock.now() });
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    log.warn('a pod could not be collected, trying again', { key: keyOf(pod), err: error });
  }
}

function wasEvicted({ status }: Pod): boolean {
  return status?.phase === 'Failed' && status.reason === 'Evicted';
}

function createdMs({ metadata }: Pod): number {
  return Date.parse(metadata.creationTimestamp ?? '') || 0;
}

function nameOf({ metadata }: Pod): string {
  return metadata.name ?? '';
}
