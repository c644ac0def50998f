/**
 * Deletion: at once, after a grace period, or when the last finalizer has gone. What is to be done is decided by a pure
 * function of the object and the request (`planDeletion`), and done here.
 * https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */

import type { AnyResource } from '#api/resource.js';
import { forbidden, internalError, notFound } from '#apimachinery/errors.js';
import { formatTime, type KubeObject } from '#apimachinery/object.js';
import { copy, equal } from '#base/json.js';
import { checkDeletePreconditions } from './preconditions.js';
import type { DeleteOptions, ObjectKey, Write } from './registry.js';
import {
  admissionRequest,
  type CommitResult,
  commit,
  openEntry,
  pretend,
  type ResourceContext,
  readCurrent,
  storeCall,
  subjectOf,
} from './resource-context.js';
import type { Stored } from './stored.js';

const orphanFinalizer = 'orphan';
const foregroundFinalizer = 'foregroundDeletion';

const commitAttemptsMax = 64;

export interface Deleted {
  /** Whether the object is gone; if not, it is as given, marked as deleting. */
  gone: boolean;
  stored: Stored;
}

export interface DeletionPlan {
  /** What the object becomes first; undefined: it stays as it is. */
  marked: KubeObject | undefined;
  remove: boolean;
}

export async function deleteObject(
  context: ResourceContext,
  { key, options, write }: { key: ObjectKey; options: DeleteOptions; write: Write },
): Promise<Deleted> {
  const { refuses } = context.resource.deletion ?? {};
  // Only a request for the one object is refused upstream, which guards the path and not the store.
  const refusal = write.isCollective ? undefined : refuses?.(key.name);
  if (refusal) throw forbidden(subjectOf(context, key.name), refusal);
  warnOfDependents(context.resource, options, write);
  let current = await readCurrent(context, key);
  let last: Stored | undefined;
  for (let attempt = 1; attempt <= commitAttemptsMax; attempt++) {
    if (!current) {
      if (last) return { gone: true, stored: last };
      throw notFound(subjectOf(context, key.name));
    }
    if (options.preconditions && !last) checkDeletePreconditions(context, current, options.preconditions);
    if (write.admission === 'run' && !last) await admitDeletion(context, { key, write, old: current.object });
    const plan = planDeletion(context.resource, current.object, { options, nowMs: context.clock.now() });
    if (plan.marked && !equal(plan.marked, current.object)) {
      if (write.dryRun)
        return {
          gone: plan.remove,
          stored: await pretend(context, { key: current.key, object: plan.marked, old: current }),
        };
      const result = await commit(context, { key: current.key, object: plan.marked, expected: current });
      if (!result.ok) {
        current = result.current;
        continue;
      }
      current = result.stored;
      last = current;
    }
    if (!plan.remove || write.dryRun) return { gone: plan.remove, stored: current };
    const removed = await tryRemove(context, current);
    if (removed.ok) return { gone: true, stored: removed.stored };
    current = removed.current;
  }
  throw internalError(`${context.resource.plural} "${key.name}" is written too often by others`);
}

/** What becomes of dependents is said even where there is nothing to delete. */
export function warnOfDependents({ deletion }: AnyResource, { propagationPolicy }: DeleteOptions, write: Write): void {
  if (deletion?.warning && propagationPolicy === undefined) write.warn(deletion.warning);
}

/** Removes an object whose last finalizer an update takes away; gives it as that update would have left it. */
export async function removeObject(
  context: ResourceContext,
  { current, last }: { current: Stored; last: KubeObject },
): Promise<CommitResult> {
  const removed = await tryRemove(context, current);
  if (!removed.ok) return removed;
  return { ok: true, stored: await pretend(context, { key: current.key, object: last, old: removed.stored }) };
}

/** Whether an update that leaves `object` ends its deletion. */
export function isFinished({ deletion }: AnyResource, object: KubeObject, old: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = old.metadata;
  if (!deletionTimestamp || deletionGracePeriodSeconds > 0) return false;
  return !object.metadata.finalizers?.length && !deletion?.isHeld?.(object);
}

export function planDeletion(
  { deletion }: AnyResource,
  old: KubeObject,
  { options, nowMs }: { options: DeleteOptions; nowMs: number },
): DeletionPlan {
  // What a namespace holds on to is its controller's to empty: a deletion that has begun cannot be begun in another way.
  if (old.metadata.deletionTimestamp && deletion?.isHeld?.(old)) return { marked: undefined, remove: false };
  const object = copy(old);
  const { metadata } = object;
  const grace = planGrace(object, { asked: secondsOf(options.gracePeriodSeconds), nowMs, deletion });
  if (grace === 'pending') return { marked: undefined, remove: false };

  const finalizers = propagationFinalizers(object, { policy: options.propagationPolicy, deletion });
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  const isHeldByKind = deletion?.isHeld?.(object) === true;
  const held = finalizers.length > 0 || isHeldByKind;
  if (held && grace === 'none') {
    if (!metadata.deletionTimestamp) raiseGeneration(object);
    if (!metadata.deletionTimestamp || Date.parse(metadata.deletionTimestamp) > nowMs)
      metadata.deletionTimestamp = formatTime(nowMs);
    // Of a namespace upstream says no period, as long as it is being emptied.
    if (!isHeldByKind) metadata.deletionGracePeriodSeconds = 0;
  }
  const remove = !held && (grace === 'none' || metadata.deletionGracePeriodSeconds === 0);
  if (!remove && !old.metadata.deletionTimestamp) deletion?.begin?.(object);
  return { marked: grace === 'none' && !held ? undefined : object, remove };
}

/**
 * `pending`: a deletion with no longer a grace period is under way, and nothing changes. `graceful`: the object is
 * marked, with the time when it may go.
 */
function planGrace(
  object: KubeObject,
  { asked, nowMs, deletion }: { asked: number | undefined; nowMs: number; deletion: AnyResource['deletion'] },
): 'none' | 'pending' | 'graceful' {
  const { metadata } = object;
  if (!deletion?.gracePeriodSeconds) return 'none';
  if (!metadata.deletionTimestamp) {
    const seconds = deletion.gracePeriodSeconds(object, asked);
    if (seconds === undefined) return 'none';
    metadata.deletionTimestamp = formatTime(nowMs + seconds * 1000);
    metadata.deletionGracePeriodSeconds = seconds;
    raiseGeneration(object);
    return 'graceful';
  }
  const current = secondsOf(metadata.deletionGracePeriodSeconds) ?? 0;
  // Whoever marked it was stopped before removing it.
  if (current === 0) return 'none';
  if (asked === undefined || asked >= current) return 'pending';
  const endMs = Date.parse(metadata.deletionTimestamp) + (asked - current) * 1000;
  metadata.deletionTimestamp = formatTime(Math.max(endMs, nowMs));
  // When the shorter period is over already, whoever ends the object is still given a moment.
  metadata.deletionGracePeriodSeconds = endMs < nowMs && asked > 0 ? 1 : asked;
  return 'graceful';
}

/** A period below zero is taken for a second. */
function secondsOf(period: number | undefined): number | undefined {
  return period !== undefined && period < 0 ? 1 : period;
}

/** The finalizers by which the garbage collector learns what becomes of dependents. */
function propagationFinalizers(
  { metadata }: KubeObject,
  { policy, deletion }: { policy: DeleteOptions['propagationPolicy']; deletion: AnyResource['deletion'] },
): string[] {
  const present = metadata.finalizers ?? [];
  const others = present.filter((one) => one !== orphanFinalizer && one !== foregroundFinalizer);
  if (deletion?.propagation === 'none') return others;
  let orphan = policy === 'Orphan';
  let foreground = policy === 'Foreground';
  if (!policy) {
    orphan = present.includes(orphanFinalizer);
    foreground = !orphan && present.includes(foregroundFinalizer);
    if (!orphan && !foreground) orphan = deletion?.propagation === 'orphan';
  }
  if (orphan) others.push(orphanFinalizer);
  if (foreground) others.push(foregroundFinalizer);
  return others;
}

/** That deletion has begun is news to whoever compares generations. */
function raiseGeneration({ metadata }: KubeObject): void {
  if (metadata.generation) metadata.generation += 1;
}

async function admitDeletion(
  context: ResourceContext,
  { key, write, old }: { key: ObjectKey; write: Write; old: KubeObject },
): Promise<void> {
  const { namespace } = key;
  const name = write.isCollective ? '' : key.name;
  const request = admissionRequest(context, write, { operation: 'DELETE', object: undefined, old, namespace, name });
  await context.admission.mutate(request);
  await context.admission.validate(request);
}

async function tryRemove(context: ResourceContext, current: Stored): Promise<CommitResult> {
  const result = await storeCall(context.store.delete(current.key, current.modified));
  if (!result.ok) return { ok: false, current: result.current && (await openEntry(context, result.current)) };
  context.written.revision = Math.max(context.written.revision, result.revision);
  return { ok: true, stored: current.under(result.revision) };
}
