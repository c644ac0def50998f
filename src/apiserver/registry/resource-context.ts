/** What every operation on one resource needs at hand: its definition, its place in the store, its cache, the rules. */

import type { Dropping } from '#api/gated.js';
import type { AnyResource } from '#api/resource.js';
import { normalize, normalizeKind, normalizeLarge } from '#apimachinery/encode.js';
import { StatusError, type Subject } from '#apimachinery/errors.js';
import { type FieldError, invalidValue } from '#apimachinery/field-error.js';
import { formatApiVersion, type KubeObject, parseApiVersion } from '#apimachinery/object.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import { objectMetaName } from '#apimachinery/structural/embedded.js';
import type { Clock } from '#base/clock.js';
import type { Prng } from '#base/prng.js';
import { inTurns, type Turns } from '#base/turns.js';
import { type Entry, type Store, StoreError } from '#storage/store.js';
import type { WatchCache } from '#storage/watch-cache.js';
import type { AdmissionRequest, Operation } from '../admission/admission.js';
import type { AdmissionChain } from './admit.js';
import type { BookmarkTimes } from './bookmark-times.js';
import type { FieldTracker } from './field-tracker.js';
import type { ReadCounts } from './read-counts.js';
import type { ObjectKey, Write } from './registry.js';
import { encodeStored, type Form, openStored, type Stored } from './stored.js';
import type { VersionView } from './version-view.js';

export interface ResourceContext {
  readonly resource: AnyResource;
  readonly store: Store;
  readonly cache: WatchCache<Stored>;
  /** Of the resource's keys, with a slash at the end. */
  readonly prefix: string;
  readonly form: Form | undefined;
  /** Of the version that the context is for; undefined where there is only one. */
  readonly view: VersionView | undefined;
  /** Shared by resources that are stored under one prefix. */
  readonly written: { revision: number };
  readonly reads: ReadCounts;
  /** Of fields whose features are off. */
  readonly dropping: Dropping | undefined;
  readonly schemas: SchemaTable;
  readonly admission: AdmissionChain;
  readonly fields: FieldTracker;
  readonly bookmarks: BookmarkTimes;
  readonly clock: Clock;
  readonly prng: Prng;
}

export function storageKey({ prefix, resource }: ResourceContext, { namespace, name }: ObjectKey): string {
  return resource.namespaced ? `${prefix}${namespace}/${name}` : `${prefix}${name}`;
}

export function subjectOf({ resource }: ResourceContext, name?: string): Subject {
  return { group: resource.group, resource: resource.plural, name };
}

/** What is wrong with an object is told of the kind that it is stored as: upstream checks that one. */
export function errorGroup({ group, storedAs }: AnyResource): string {
  return (storedAs?.resource ?? { group }).group;
}

/** Of a custom resource, which may say that it is something else. */
export function validateKind({ group, version, kind, shape }: AnyResource, object: KubeObject): FieldError[] {
  if (!shape) return [];
  const errors: FieldError[] = [];
  if (object.kind !== kind) errors.push(invalidValue('kind', object.kind, `must be ${kind}`));
  const apiVersion = version === undefined ? object.apiVersion : formatApiVersion({ group, version });
  if (object.apiVersion !== apiVersion)
    errors.push(invalidValue('apiVersion', object.apiVersion, `must be ${apiVersion}`));
  return errors;
}

type MaybeStored = Stored | undefined;

/** The object now, with the writes of this process; a promise only where it must be waited for. */
export function readCurrent(context: ResourceContext, key: ObjectKey): MaybeStored | Promise<MaybeStored> {
  const { cache, written } = context;
  const place = storageKey(context, key);
  if (cache.has(written.revision)) return cached(context, place);
  return cache.reach(written.revision).then(() => cached(context, place));
}

/** What the cache has, in the context's version. */
export function cached({ cache, view }: ResourceContext, key: string): MaybeStored | Promise<MaybeStored> {
  const stored = cache.get(key);
  return stored && view ? view.one(stored) : stored;
}

/** From the store itself, for a write that has just lost a race. */
export function openEntry({ form, view }: ResourceContext, entry: Entry): Stored | Promise<Stored> {
  const stored = openStored(entry, form);
  return view ? view.one(stored) : stored;
}

export type CommitResult = { ok: true; stored: Stored } | { ok: false; current: Stored | undefined };

interface Commit {
  key: string;
  object: KubeObject;
  expected: Stored | undefined;
  turns?: Turns | undefined;
}

/** Writes the object if the key's last change is `expected` (0: must not exist). Freezes the object. */
export async function commit(
  context: ResourceContext,
  { key, object, expected, turns }: Commit,
): Promise<CommitResult> {
  const form = storageForm(context, object);
  const value = await inTurns(encodeStored(form instanceof Promise ? await form : form), turns);
  const written = await storeCall(context.store.put(key, value, expected?.modified ?? 0));
  if (!written.ok) return { ok: false, current: written.current && (await openEntry(context, written.current)) };
  const { revision } = written;
  context.written.revision = Math.max(context.written.revision, revision);
  const entry = { key, value, created: expected?.created ?? revision, modified: revision };
  return { ok: true, stored: await openEntry(context, entry) };
}

/** The object as it is stored: in the form of another kind, or in the storage version. */
function storageForm({ resource, view }: ResourceContext, object: KubeObject): KubeObject | Promise<KubeObject> {
  if (resource.storedAs) return resource.storedAs.encode(object);
  return view ? view.encode(object) : object;
}

/** The form in which an object is compared, stored and served, whatever changed it. Gives a new object. */
export function canonical(
  { schemas, resource }: ResourceContext,
  object: KubeObject,
  turns: Turns | undefined,
): KubeObject | Promise<KubeObject> {
  if (resource.shape) {
    const { kind, apiVersion, metadata, ...rest } = object;
    return { kind, apiVersion, metadata: normalize(schemas, objectMetaName, metadata), ...rest } as KubeObject;
  }
  const gvk = { ...parseApiVersion(object.apiVersion), kind: object.kind };
  return turns ? inTurns(normalizeLarge(schemas, gvk, object), turns) : normalizeKind(schemas, gvk, object);
}

/** What the object would be stored as, for a dry run: it keeps the resourceVersion it has. */
export async function pretend(
  context: ResourceContext,
  { key, object, old, turns }: Omit<Commit, 'expected'> & { old?: Stored },
): Promise<Stored> {
  const value = await inTurns(encodeStored(await storageForm(context, object)), turns);
  return openEntry(context, { key, value, created: old?.created ?? 0, modified: old?.modified ?? 0 });
}

export function admissionRequest(
  { resource }: ResourceContext,
  write: Write,
  request: Pick<AdmissionRequest, 'operation' | 'object' | 'old' | 'name' | 'namespace'> & { operation: Operation },
): AdmissionRequest {
  const { operation, object, old, name, namespace } = request;
  const { subresource, user, dryRun, options, warn, annotate } = write;
  const version = write.version ?? resource.version ?? resource.versions[0];
  // Named one by one: spreading an object of many fields takes longer than all the rest here.
  return {
    operation,
    object,
    old,
    name,
    namespace,
    resource,
    version,
    subresource,
    user,
    dryRun,
    options,
    warn,
    annotate,
  };
}

/** Turns the store's operating errors into the API's. */
export function storeCall<T>(call: Promise<T>): Promise<T> {
  return call.catch((error) => {
    throw statusOfStoreError(error);
  });
}

export function statusOfStoreError(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  const options = { cause: error };
  switch (error.reason) {
    case 'compacted':
      return new StatusError(
        { reason: 'Expired', message: 'The resourceVersion for the provided list is too old.' },
        options,
      );
    case 'too large':
      return new StatusError(
        { reason: 'RequestEntityTooLarge', message: `Request entity too large: ${error.message}` },
        options,
      );
    case 'future':
      return new StatusError(
        { reason: 'Timeout', message: `Timeout: Too large resource version: ${error.message}` },
        options,
      );
    case 'slow':
    case 'closed':
      return new StatusError({ reason: 'ServiceUnavailable', message: error.message }, options);
    case 'write failed':
    case 'corrupt':
      return new StatusError(
        { reason: 'InternalError', message: `Internal error occurred: ${error.message}` },
        options,
      );
  }
}
