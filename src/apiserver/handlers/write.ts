/** POST, PUT and DELETE. PATCH is in `patch.ts`. */

import { badRequest, isReason } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import { turnsFor } from '#base/turns.js';
import type { Answer } from '../call.js';
import { dropRepeatedOwners } from '../registry/owner-references.js';
import type { ObjectKey, Write } from '../registry/registry.js';
import type { Stored } from '../registry/stored.js';
import { bodyTargetOf, checkName, mediaTypeOf, placeInNamespace, readObject, readOptionalObject } from './body.js';
import { apiVersionOf, type HandlerContext, keyOf } from './context.js';
import { readDelete, readList, readWrite } from './options.js';

export async function create(context: HandlerContext): Promise<Answer> {
  const { store, resource, info } = context;
  // Upstream looks at it before the parameters here, and after them in an update.
  mediaTypeOf(context);
  const write = readWrite(context, 'CreateOptions');
  const object = await readObject(context, bodyTargetOf(context));
  write.turns = context.turns;
  placeInNamespace(object, { namespaced: resource.namespaced, namespace: info.resource.namespace });
  dropRepeatedOwners(object, { admitted: false, warn: context.warn });
  return { type: 'stored', code: 201, resource, stored: await store.insert(object, write) };
}

export async function update(context: HandlerContext): Promise<Answer> {
  const { store, resource, info } = context;
  const options = readWrite(context, 'UpdateOptions');
  const key = keyOf(context);
  context.turns = turnsFor(store.sizeOf(key));
  const object = await readObject(context, bodyTargetOf(context));
  placeInNamespace(object, { namespaced: resource.namespaced, namespace: info.resource.namespace });
  checkName(object, key.name, { required: true });
  dropRepeatedOwners(object, { admitted: false, warn: context.warn });
  const { uid } = object.metadata;
  const write = { ...options, turns: context.turns, preconditions: uid ? { uid } : undefined };
  const wanted = oneByOne(object);
  try {
    return { type: 'stored', code: 200, resource, stored: await store.modify(key, wanted, write) };
  } catch (error) {
    if (!isReason(error, 'NotFound') || !resource.allowCreateOnUpdate || write.subresource) throw error;
    return {
      type: 'stored',
      code: 201,
      resource,
      stored: await createNamed(context, { object: wanted(), key, write }),
    };
  }
}

/**
 * Each attempt gets an object of its own, since a write may change it; nearly always there is only one. An object with a
 * resourceVersion has one attempt: after a lost race it is in conflict.
 */
function oneByOne(object: KubeObject): () => KubeObject {
  if (object.metadata.resourceVersion) return () => object;
  const pristine = copy(object);
  let first: KubeObject | undefined = object;
  return () => {
    const given = first ?? copy(pristine);
    first = undefined;
    return given;
  };
}

/** A write to a name that is not there, for kinds that are then created, and for applies. */
export function createNamed(
  { store }: HandlerContext,
  { object, key, write }: { object: KubeObject; key: ObjectKey; write: Write },
): Promise<Stored> {
  object.metadata.name = key.name;
  // Only a POST minds it.
  delete object.metadata.resourceVersion;
  return store.insert(object, write);
}

const deleteOptionsType = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';

async function readDeleteBody(context: HandlerContext): Promise<Record<string, unknown> | undefined> {
  const kind = { group: 'meta.k8s.io', version: 'v1', kind: 'DeleteOptions' };
  const target = {
    kind,
    typeName: deleteOptionsType,
    fieldValidation: 'Ignore' as const,
    refuse: badRequest,
    setDefaults: toInternal,
  };
  const body = await readOptionalObject(context, target);
  if (!body) return undefined;
  const { metadata: _, ...options } = body;
  return options;
}

/** Upstream records the options as it has them inside. */
function toInternal(options: Partial<KubeObject>): void {
  options.apiVersion = 'meta.k8s.io/__internal';
  delete options.metadata;
}

export async function remove(context: HandlerContext): Promise<Answer> {
  const { store, resource } = context;
  const { options, write } = readDelete(context, await readDeleteBody(context));
  const deleted = await store.remove(keyOf(context), options, write);
  if (!deleted.gone) {
    const cascades = write.options['orphanDependents'] === false;
    return { type: 'stored', code: cascades ? 202 : 200, resource, stored: deleted.stored };
  }
  if (resource.deletion?.returnsObject) return { type: 'stored', code: 200, resource, stored: deleted.stored };
  return { type: 'value', code: 200, value: store.answerOf(deleted) };
}

export async function removeCollection(context: HandlerContext): Promise<Answer> {
  const { store, resource } = context;
  const request = readList(context, { watch: false });
  const { options, write } = readDelete(context, await readDeleteBody(context));
  const { items, ...metadata } = await store.removeAll(request, options, write);
  return { type: 'list', resource, version: apiVersionOf(context), items, metadata };
}
