/** From what a request asks for to the handler of its verb. */
import { badRequest, methodNotSupported, notFound, StatusError } from '#apimachinery/errors.js';
import type { Answer } from '../call.js';
import { servesProtobuf } from '../http/protobuf.js';
import { type HandlerContext, kindOf } from './context.js';
import { patch, patchTypeOf } from './patch.js';
import { getOne, list, watch } from './read.js';
import { methodNotAllowed, serveSubresource } from './subresource.js';
import { create, remove, removeCollection, update } from './write.js';

type Handler = (context: HandlerContext) => Promise<Answer>;

const onOne: Record<string, Handler> = { get: getOne, update, patch, delete: remove, watch };
const onCollection: Record<string, Handler> = { list, watch, create, deletecollection: removeCollection };
const onFinalize: Record<string, Handler> = { update };
const onStatus: Record<string, Handler> = { get: getOne, update, patch };

/**
 * What will answer the request. Throws StatusError: 404 for an unknown subresource, 405 for a verb that is not served,
 * 415 for a kind of patch that is not.
 */
export function route(context: HandlerContext): () => Promise<Answer> {
  const handler = handlerOf(context);
  // What is passed on to another server is no patch of ours.
  if (context.info.verb === 'patch' && !context.handler?.connect) patchTypeOf(context);
  return handler;
}

function handlerOf(context: HandlerContext): () => Promise<Answer> {
  const { info, resource, handler } = context;
  const { subresource, named, namespace } = info.resource;
  const { verb } = info;
  if (verb === 'proxy') throw unknownResource();
  if (!isKnown(context)) {
    if (!resource.shape) throw unknownResource();
    throw notFound({ group: resource.group, resource: resource.plural, name: info.resource.name });
  }
  if (!isServed(context)) throw refused(context);
  if (handler) return serveSubresource(context, handler) ?? refuse(context);
  if (subresource === 'status' && resource.subresources?.status) return call(context, onStatus[verb]);
  if (subresource === 'finalize' && resource.kind === 'Namespace') return call(context, onFinalize[verb]);
  // A review, which only a handler can answer: it must never be stored.
  if (!resource.storageVersionHash && !(resource.verbs as readonly string[]).includes('watch')) throw refused(context);
  if (named && resource.namespaced && namespace === '') throw unknownResource();
  if (!(resource.verbs as readonly string[]).includes(verb)) throw refused(context);
  const isWide = resource.namespaced && namespace === '';
  if (isWide && (verb === 'create' || verb === 'deletecollection')) throw refused(context);
  // Upstream's router of custom resources misses a name only later, and looks past one that a creation should not have.
  if (!named && (verb === 'update' || verb === 'patch') && resource.shape) return call(context, nameless);
  if (named && verb === 'create' && resource.shape) return call(context, create);
  return call(context, named ? onOne[verb] : onCollection[verb]);
}

/** Whether anything answers at the path, by whatever method. Only proxies have paths below their own; custom resources look at none. */
function isKnown({ info, resource, handler }: HandlerContext): boolean {
  const { subresource, tail } = info.resource;
  if (subresource === '') return true;
  if (tail && !resource.shape && !handler?.methods) return false;
  if (handler) return true;
  const { status, others = [] } = resource.subresources ?? {};
  return subresource === 'status' ? status === true : others.some(({ name }) => name === subresource);
}

const streamMethods = ['GET', 'POST'];

/** Reads are by GET: upstream's router for kinds with a Go type knows no HEAD. */
function isServed(context: HandlerContext): boolean {
  const { info, schemas, handler } = context;
  const { method } = context.call;
  if (handler?.connect) return (handler.methods ?? streamMethods).includes(method);
  if (info.verb === 'watch' && method !== 'GET') return false;
  return method !== 'HEAD' || !servesProtobuf(schemas, kindOf(context));
}

function nameless(): never {
  throw badRequest('name must be provided');
}

function call(context: HandlerContext, handler: Handler | undefined): () => Promise<Answer> {
  if (!handler) throw refused(context);
  return () => handler(context);
}

function refuse(context: HandlerContext): never {
  throw refused(context);
}

/** Custom resources have a router of their own, which names what it refuses. */
function refused({ resource, info }: HandlerContext): StatusError {
  if (!resource.shape) return methodNotAllowed();
  return methodNotSupported({ group: resource.group, resource: resource.plural }, info.verb);
}

export function unknownResource(): StatusError {
  return new StatusError({
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
    details: {},
  });
}
