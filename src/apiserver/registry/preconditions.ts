/** Conditions that a writer puts on the object as it is, in the two wordings that upstream has for them. */
import { conflict } from '#apimachinery/errors.js';
import type { ObjectKey, Preconditions } from './registry.js';
import { type ResourceContext, storageKey, subjectOf } from './resource-context.js';
import type { Stored } from './stored.js';

/** `current` undefined: there is none, and so none that has the uid asked for. */
export function checkUpdatePreconditions(
  context: ResourceContext,
  current: Stored | undefined,
  { key, conditions, dryRun }: { key: ObjectKey; conditions: Preconditions; dryRun: boolean },
): void {
  const { uid = '' } = current?.object.metadata ?? {};
  const rv = current?.resourceVersion ?? '';
  const why = broken(conditions, { uid, rv });
  if (!why) return;
  // Upstream pretends above its store, where keys have no prefix yet.
  const shownKey = storageKey(context, key).slice(dryRun ? '/registry'.length : 0);
  const text = `StorageError: invalid object, Code: 4, Key: ${shownKey}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${why}`;
  throw conflict(subjectOf(context, key.name), text);
}

/** The condition that does not hold, in the words of upstream's store. */
function broken({ uid, resourceVersion }: Preconditions, is: { uid: string; rv: string }): string | undefined {
  if (uid !== undefined && uid !== is.uid) return `UID in precondition: ${uid}, UID in object meta: ${is.uid}`;
  if (resourceVersion === undefined || resourceVersion === is.rv) return undefined;
  return `ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${is.rv}`;
}

export function checkDeletePreconditions(context: ResourceContext, current: Stored, conditions: Preconditions): void {
  const { uid = '', name } = current.object.metadata;
  const rv = current.resourceVersion;
  const { group, kind, deletion } = context.resource.storedAs?.resource ?? context.resource;
  // Namespaces, which go in steps, look at their conditions by themselves.
  const unmet = deletion?.isHeld && broken(conditions, { uid, rv });
  if (unmet) throw conflict(subjectOf(context, name), `Precondition failed: ${unmet}`);
  // Upstream names the kind here, where other conflicts name the resource.
  const subject = { group, resource: kind, name };
  if (conditions.uid !== undefined && conditions.uid !== uid) {
    const why = `the UID in the precondition (${conditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
    throw conflict(subject, why);
  }
  if (conditions.resourceVersion !== undefined && conditions.resourceVersion !== rv) {
    const why = `the ResourceVersion in the precondition (${conditions.resourceVersion}) does not match the ResourceVersion in record (${rv}). The object might have been modified`;
    throw conflict(subject, why);
  }
}
