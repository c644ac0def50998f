/** Creation: default, admit, name, fill, validate, commit. */

import { alreadyExists, invalidInSteps, StatusError } from '#apimachinery/errors.js';
import { collectInSteps, type FieldError } from '#apimachinery/field-error.js';
import { validateObjectMeta } from '#apimachinery/metadata-validation.js';
import { generateName, subdomainProblems } from '#apimachinery/names.js';
import { formatTime, type KubeObject } from '#apimachinery/object.js';
import { isVersion } from '#apimachinery/resource-version.js';
import { copy } from '#base/json.js';
import { uuid } from '#base/prng.js';
import { inTurns, type Steps } from '#base/turns.js';
import type { AdmissionRequest } from '../admission/admission.js';
import { dropRepeatedOwners } from './owner-references.js';
import type { Write } from './registry.js';
import {
  admissionRequest,
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

/** Draws of a suffix for generateName before the caller is told that no free name was found. */
const generatedNamesMax = 8;

export type CreateRequest = Write;

export async function createObject(
  context: ResourceContext,
  object: KubeObject,
  write: CreateRequest,
): Promise<Stored> {
  wipe(object);
  const generated = !object.metadata.name && object.metadata.generateName;
  for (let attempt = 1; ; attempt++) {
    const last = !generated || attempt === generatedNamesMax;
    const stored = await tryCreate(context, last ? object : copy(object), write);
    if (typeof stored !== 'string') return stored;
    if (last) throw await taken(context, { object, name: stored, generated: Boolean(generated) });
  }
}

/** Gives the name when it is taken. */
async function tryCreate(context: ResourceContext, given: KubeObject, write: CreateRequest): Promise<Stored | string> {
  const { resource, admission } = context;
  const { metadata } = given;
  const { turns } = write;
  resource.default?.(given);
  if (turns?.isOver) await turns.next();
  if (!write.fieldsTracked) await context.fields.track({ resource, object: given, old: undefined, write });
  const request = admissionRequest(context, write, {
    operation: 'CREATE',
    object: given,
    old: undefined,
    name: metadata.name ?? '',
    namespace: metadata.namespace ?? '',
  });
  if (turns?.isOver) await turns.next();
  if (write.admission === 'run') await admission.mutate(request);
  if (turns?.isOver) await turns.next();
  dropRepeatedOwners(given, { admitted: true, warn: write.warn });
  try {
    const stored = await finishCreate(context, { request, given, write });
    if (typeof stored === 'string') admission.abandon(request);
    return stored;
  } catch (error) {
    admission.abandon(request);
    throw error;
  }
}

/** From the admitted object to the stored one; gives the name when it is taken. */
async function finishCreate(
  context: ResourceContext,
  { request, given, write }: { request: AdmissionRequest; given: KubeObject; write: Write },
): Promise<Stored | string> {
  const { resource, admission } = context;
  const { metadata } = given;
  const { resourceVersion } = metadata;
  const { turns } = write;
  prepare(context, given);
  const object = await canonical(context, given, turns);
  if (turns?.isOver) await turns.next();
  const name = metadata.name ?? '';
  if (resource.load) await resource.load(object);
  const errors = await inTurns(validateNew(context, object, { isLarge: turns !== undefined }), turns);
  if (turns?.isOver) await turns.next();
  if (errors.length > 0) {
    const subject = { group: errorGroup(resource), kind: given.kind, name };
    throw await inTurns(invalidInSteps(subject, errors), turns);
  }
  for (const text of resource.warnings?.(object, undefined) ?? []) write.warn(text);
  if (write.admission === 'run') {
    const { operation, old, namespace } = request;
    await admission.validate(admissionRequest(context, write, { operation, object, old, name, namespace }));
  }
  if (turns?.isOver) await turns.next();

  const key = storageKey(context, { namespace: metadata.namespace ?? '', name });
  if (write.dryRun) return (await context.store.get(key)) ? name : pretend(context, { key, object, turns });
  // Upstream's store, which is the one to notice, gives no reason. It looks past what is no version, and past zero.
  if (resourceVersion && isVersion(resourceVersion) && !/^0+$/.test(resourceVersion))
    throw new StatusError({ message: 'resourceVersion should not be set on objects to be created', code: 500 });
  const result = await commit(context, { key, object, expected: undefined, turns });
  return result.ok ? result.stored : name;
}

/** What no creator has a say in, and so nobody owns. */
function wipe({ metadata }: KubeObject): void {
  delete metadata.selfLink;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
}

/** What the server alone decides of a new object. */
function prepare({ resource, dropping, clock, prng }: ResourceContext, object: KubeObject): void {
  const { metadata } = object;
  if (!metadata.name && metadata.generateName) metadata.name = generateName(metadata.generateName, prng);
  metadata.uid = uuid(prng);
  metadata.creationTimestamp = formatTime(clock.now());
  delete metadata.resourceVersion;
  delete metadata.generation;
  if (resource.bumpsGeneration) metadata.generation = 1;
  if (resource.subresources?.status && !resource.keepsStatusOnCreate && 'status' in object) object.status = {};
  dropping?.drop(object, undefined, resource.keepsStatusOnCreate ? 'both' : 'others');
  resource.prepareForCreate?.(object);
}

function* validateNew(
  { resource }: ResourceContext,
  object: KubeObject,
  { isLarge }: { isLarge: boolean },
): Steps<FieldError[]> {
  const { namespaced, validateName = subdomainProblems, freeFinalizers, freePrefix, metadataLast } = resource;
  const mistaken = validateKind(resource, object);
  if (mistaken.length > 0) return mistaken;
  const checks = isLarge ? resource.inSteps : resource;
  function* own(): Steps<FieldError[]> {
    const errors = yield* collectInSteps(checks.validate?.(object) ?? []);
    yield;
    return [...errors, ...(yield* collectInSteps(checks.validateCreate?.(object) ?? []))];
  }
  if (metadataLast) {
    const errors = yield* own();
    if (errors.length > 0) return errors;
    yield;
  }
  const rules = { namespaced, validateName, standardFinalizers: !freeFinalizers, freePrefix };
  const metadata = yield* collectInSteps(validateObjectMeta(object.metadata, rules));
  yield;
  return metadataLast ? metadata : [...metadata, ...(yield* own())];
}

async function taken(
  context: ResourceContext,
  { object, name, generated }: { object: KubeObject; name: string; generated: boolean },
): Promise<StatusError> {
  const { status } = alreadyExists(subjectOf(context, name));
  const current = await readCurrent(context, { namespace: object.metadata.namespace ?? '', name });
  const start = current?.object.metadata.deletionTimestamp ? 'object is being deleted: ' : '';
  if (!generated) return new StatusError({ ...status, message: `${start}${status.message}` });
  const message = `${start}${status.message}, the server was not able to generate a unique name for the object`;
  return new StatusError({ ...status, message, details: { ...status.details, retryAfterSeconds: 1 } });
}
