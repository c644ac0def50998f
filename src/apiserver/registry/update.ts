/** Updates of any kind, as a change from what is to what is wanted: admit, prepare, validate, commit; again on a race. */

import type { AnyResource, MetadataCheck } from '#api/resource.js';
import {
  conflict,
  internalError,
  invalid,
  invalidInSteps,
  notFound,
  optimisticLockMessage,
  StatusError,
} from '#apimachinery/errors.js';
import { collectInSteps, type FieldError, type InSteps, invalidValue } from '#apimachinery/field-error.js';
import { validateObjectMeta, validateObjectMetaUpdate } from '#apimachinery/metadata-validation.js';
import { pathSegmentProblems, subdomainProblems } from '#apimachinery/names.js';
import type { KubeObject, ObjectMeta } from '#apimachinery/object.js';
import { isVersion, versionProblem } from '#apimachinery/resource-version.js';
import { copy, equal } from '#base/json.js';
import { inTurns, type Steps } from '#base/turns.js';
import type { AdmissionRequest } from '../admission/admission.js';
import { isFinished, removeObject } from './delete.js';
import { dropRepeatedOwners } from './owner-references.js';
import { checkUpdatePreconditions } from './preconditions.js';
import type { Change, ObjectKey, UpdateOptions, Write } from './registry.js';
import {
  admissionRequest,
  type CommitResult,
  canonical,
  commit,
  errorGroup,
  pretend,
  type ResourceContext,
  readCurrent,
  storageKey,
  subjectOf,
  validateKind,
} from './resource-context.js';
import type { Stored } from './stored.js';

/** Lost races before the caller is told to try again; each means that somebody else's write went through. */
const commitAttemptsMax = 64;

export type UpdateRequest = Write & UpdateOptions<KubeObject>;

export async function updateObject(
  context: ResourceContext,
  { key, change, write }: { key: ObjectKey; change: Change<KubeObject>; write: UpdateRequest },
): Promise<Stored> {
  let current = await readCurrent(context, key);
  for (let attempt = 1; attempt <= commitAttemptsMax; attempt++) {
    const { preconditions: conditions, dryRun } = write;
    if (conditions && (current || context.resource.allowCreateOnUpdate))
      checkUpdatePreconditions(context, current, { key, conditions, dryRun });
    if (!current) throw notFound(subjectOf(context, key.name));
    const { object, request } = await wanted(context, { current, change, write });
    const old = current.object;
    const { turns } = write;
    if (equal(object, old) && !current.stale && (!context.view || (await context.view.isCurrent(current))))
      return current;
    if (turns?.isOver) await turns.next();
    if (write.dryRun) return pretend(context, { key: current.key, object, old: current, turns });
    const result: CommitResult = isFinished(context.resource, object, old)
      ? await removeObject(context, { current, last: object })
      : await commit(context, { key: storageKey(context, key), object, expected: current, turns });
    if (result.ok) return result.stored;
    context.admission.abandon(request);
    current = result.current;
  }
  throw internalError(`${subjectOf(context, key.name).resource} "${key.name}" is written too often by others`);
}

/** The whole new object, ready to be stored: what the caller may not change is as it was. */
async function wanted(
  context: ResourceContext,
  { current, change, write }: { current: Stored; change: Change<KubeObject>; write: UpdateRequest },
): Promise<{ object: KubeObject; request: AdmissionRequest }> {
  const { resource, admission } = context;
  const { turns } = write;
  const old = current.object;
  if (turns?.isOver) await turns.next();
  // A replacement does not look at what is, and so needs no copy of it.
  const start = change.length === 0 || write.leavesLive ? old : copy(old);
  if (turns?.isOver) await turns.next();
  const desired = await change(start);
  if (turns?.isOver) await turns.next();
  checkResourceVersion(context, { desired, current });
  resource.default?.(desired);
  if (turns?.isOver) await turns.next();
  // What admission and the kind's own rules change, nobody owns.
  if (!write.fieldsTracked) await context.fields.track({ resource, object: desired, old, write });
  if (turns?.isOver) await turns.next();
  const { name = '', namespace = '' } = old.metadata;
  const request = admissionRequest(context, write, { operation: 'UPDATE', object: desired, old, name, namespace });
  if (write.admission === 'run') await admission.mutate(request);
  if (turns?.isOver) await turns.next();
  dropRepeatedOwners(desired, { admitted: true, warn: write.warn });
  try {
    return { object: await finishUpdate(context, { request, desired, old, write }), request };
  } catch (error) {
    admission.abandon(request);
    throw error;
  }
}

/** From the admitted object to the one to be stored. */
async function finishUpdate(
  context: ResourceContext,
  {
    request,
    desired,
    old,
    write,
  }: { request: AdmissionRequest; desired: KubeObject; old: KubeObject; write: UpdateRequest },
): Promise<KubeObject> {
  const { resource, admission } = context;
  const { name } = request;
  const { turns } = write;
  keepMetadata(desired, old);
  const object = await canonical(context, keepOthersPart(context, { desired, old, write }), turns);
  if (turns?.isOver) await turns.next();
  // A status that brings annotations with it (a Deployment's revision) is no change of what is wanted.
  if (write.subresource !== 'status' && !write.rules?.keepsGeneration) raiseGeneration(context, object, old);
  if (resource.load) await resource.load(object);
  if (turns?.isOver) await turns.next();
  const errors = await inTurns(validateChange(context, { object, old, write }), turns);
  if (turns?.isOver) await turns.next();
  if (errors.length > 0) {
    const subject = { group: errorGroup(resource), kind: desired.kind, name };
    throw await inTurns(invalidInSteps(subject, errors), turns);
  }
  // Statuses are written by programs, which nobody would read warnings from.
  if (write.subresource !== 'status') for (const text of resource.warnings?.(object, old) ?? []) write.warn(text);
  if (write.admission === 'run') {
    const { operation, namespace } = request;
    await admission.validate(admissionRequest(context, write, { operation, object, old, name, namespace }));
  }
  if (turns?.isOver) await turns.next();
  return object;
}

/** An update without a version overwrites, where the kind allows it; with one it must be the current one. */
function checkResourceVersion(
  context: ResourceContext,
  { desired, current }: { desired: KubeObject; current: Stored },
): void {
  const { resource } = context;
  const { name } = current.object.metadata;
  const given = desired.metadata.resourceVersion;
  if (!given || given === '0') {
    if (resource.allowUnconditionalUpdate === false) {
      const error = invalidValue('metadata.resourceVersion', 0, 'must be specified for an update');
      throw invalid({ group: resource.group, kind: resource.plural, name }, [error]);
    }
    desired.metadata.resourceVersion = current.resourceVersion;
    return;
  }
  if (!isVersion(given)) throw new StatusError({ message: versionProblem(given), code: 500 });
  if (given !== current.resourceVersion) throw conflict(subjectOf(context, name), optimisticLockMessage);
}

/** What an update may leave out, and what it may not change. */
function keepMetadata({ metadata }: KubeObject, { metadata: old }: KubeObject): void {
  metadata.uid ||= old.uid;
  metadata.creationTimestamp = old.creationTimestamp;
  setOrDelete(metadata, 'generation', old.generation);
  if (old.deletionTimestamp) metadata.deletionTimestamp = old.deletionTimestamp;
  if (old.deletionGracePeriodSeconds !== undefined)
    metadata.deletionGracePeriodSeconds ??= old.deletionGracePeriodSeconds;
  delete metadata.selfLink;
}

/** A write to the resource keeps the status, one to `/status` the rest, one to `/finalize` all but the spec. */
function keepOthersPart(
  { resource, dropping, clock }: ResourceContext,
  { desired, old, write }: { desired: KubeObject; old: KubeObject; write: UpdateRequest },
): KubeObject {
  if (write.rules) {
    write.rules.prepare?.(desired, old);
    return desired;
  }
  if (write.subresource === 'status') {
    const metadata = statusMetadata(desired, old, resource.statusKeeps);
    const object: KubeObject = { ...old, metadata };
    setOrDelete(object as KubeObject & Stateful, 'status', (desired as Stateful).status);
    dropping?.drop(object, old, 'status');
    resource.prepareForStatusUpdate?.(object, old, { nowMs: clock.now() });
    return object;
  }
  if (resource.subresources?.status)
    setOrDelete(desired as KubeObject & Stateful, 'status', copy((old as Stateful).status));
  dropping?.drop(desired, old, 'others');
  if (write.subresource !== 'finalize') resource.prepareForUpdate?.(desired, old);
  return desired;
}

const settledMetadata = ['deletionTimestamp', 'labels', 'annotations', 'finalizers', 'ownerReferences'] as const;

function statusMetadata(
  { metadata: given }: KubeObject,
  { metadata: old }: KubeObject,
  keeps: AnyResource['statusKeeps'] = [],
): ObjectMeta {
  const { managedFields, resourceVersion } = given;
  if (keeps === 'metadata') return { ...old, managedFields, resourceVersion };
  const metadata = { ...given };
  for (const name of keeps === 'settled' ? settledMetadata : keeps) setOrDelete(metadata, name, old[name]);
  return metadata;
}

interface Stateful {
  status?: unknown;
}

function setOrDelete<T extends object, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value === undefined) delete target[key];
  else target[key] = value;
}

function raiseGeneration({ resource }: ResourceContext, object: KubeObject, old: KubeObject): void {
  const { bumpsGeneration } = resource;
  const changed =
    bumpsGeneration === 'content'
      ? !equal({ ...object, metadata: undefined }, { ...old, metadata: undefined })
      : bumpsGeneration?.some((path) => !equal(fieldAt(object, path), fieldAt(old, path)));
  if (changed) object.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

function fieldAt(object: KubeObject, path: string): unknown {
  let value: unknown = object;
  for (const part of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[part];
  return value;
}

/** Upstream's store checks metadata, and then does each kind's own rules again: a fault is told more than once. */
function* validateMetadata(
  resource: AnyResource,
  { metadata, old, repeats }: { metadata: ObjectMeta; old: ObjectMeta; repeats: readonly MetadataCheck[] },
): InSteps {
  const { namespaced, freeFinalizers, freePrefix, validateName = subdomainProblems } = resource;
  const errors = [
    ...(yield* collectInSteps(validateObjectMeta(metadata, { namespaced, validateName: pathSegmentProblems }))),
    ...(yield* collectInSteps(validateObjectMetaUpdate(metadata, old))),
  ];
  const standardFinalizers = !freeFinalizers;
  const mayHaveMore = errors.length > 0 || metadata.generateName || (standardFinalizers && metadata.finalizers);
  if (!mayHaveMore) return errors;
  let all = errors;
  for (const check of repeats) {
    const repeated =
      check === 'whole'
        ? validateObjectMeta(metadata, { namespaced, validateName, standardFinalizers, freePrefix })
        : validateObjectMetaUpdate(metadata, old, { standardFinalizers });
    all = [...all, ...(yield* collectInSteps(repeated))];
  }
  return all;
}

function* validateChange(
  { resource }: ResourceContext,
  { object, old, write }: { object: KubeObject; old: KubeObject; write: UpdateRequest },
): Steps<FieldError[]> {
  const mistaken = write.subresource ? [] : validateKind(resource, object);
  const { update = ['change'], status = ['change'] } = resource.metadataRepeats ?? {};
  const repeats = mistaken.length > 0 ? [] : write.subresource === 'status' ? status : update;
  const errors = yield* validateMetadata(resource, { metadata: object.metadata, old: old.metadata, repeats });
  yield;
  const warn = (text: string) => write.warn(text);
  const { turns, rules, subresource } = write;
  if (rules) return [...errors, ...(yield* collectInSteps(rules.validate?.(object, old) ?? []))];
  const checks = turns ? resource.inSteps : resource;
  if (subresource === 'status')
    return [...errors, ...(yield* collectInSteps(checks.validateStatusUpdate?.(object, old, warn) ?? []))];
  if (subresource === 'finalize') return [...errors, ...(resource.validateFinalize?.(object) ?? [])];
  if (mistaken.length > 0) return [...errors, ...mistaken];
  const asWhole = yield* collectInSteps(checks.validate?.(object) ?? []);
  yield;
  const asChange = yield* collectInSteps(checks.validateUpdate?.(object, old, warn) ?? []);
  return resource.tellsChangeFirst ? [...errors, ...asChange, ...asWhole] : [...errors, ...asWhole, ...asChange];
}
