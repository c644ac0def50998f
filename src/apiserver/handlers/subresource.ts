/** Requests that a hand-written handler serves: decodes and admits what goes in, and answers with what comes out. */

import type { OtherSubresource } from '#api/resource.js';
import { badRequest, internalError, type Status, StatusError } from '#apimachinery/errors.js';
import { trackUpdate } from '#apimachinery/managed-fields/update.js';
import type { GroupVersionKind, KubeObject } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import type { AdmissionRequest, Operation } from '../admission/admission.js';
import type { Answer } from '../call.js';
import type { Write } from '../registry/registry.js';
import type { ConnectCall, SubresourceCall, SubresourceHandler } from '../subresources/subresource.js';
import { checkName, placeInNamespace, readObject } from './body.js';
import { connectOptions } from './connect-options.js';
import { apiVersionOf, type HandlerContext, keyOf } from './context.js';
import { checkVersion, readWrite, writeOf } from './options.js';
import { readPatch } from './patch.js';

/** What answers; undefined for a verb that the handler does not serve. */
export function serveSubresource(
  context: HandlerContext,
  handler: SubresourceHandler,
): (() => Promise<Answer>) | undefined {
  const { verb } = context.info;
  if (handler.connect) return () => connect(context, handler.connect!.bind(handler));
  if (verb === 'get' && handler.stream) return () => stream(context, handler.stream!.bind(handler));
  if (verb === 'get' && handler.get)
    return async () => {
      checkVersion(context.info.query.get('resourceVersion') ?? '', { list: false });
      return value(context, handler, await handler.get!(callOf(context, readOnly(context))));
    };
  if (verb === 'list' && handler.list)
    return async () => collection(context, await handler.list!(callOf(context, readOnly(context))));
  if (verb === 'create' && handler.create) return () => create(context, handler);
  if (verb === 'update' && handler.update) return () => update(context, handler);
  if (verb === 'patch' && handler.update && handler.get) return () => patch(context, handler);
  return undefined;
}

export function methodNotAllowed(): StatusError {
  const message = 'the server does not allow this method on the requested resource';
  return new StatusError({ reason: 'MethodNotAllowed', message, details: {} });
}

function declaredOf({ resource, info }: Pick<HandlerContext, 'resource' | 'info'>): OtherSubresource | undefined {
  return resource.subresources?.others?.find(({ name }) => name === info.resource.subresource);
}

/** The kind of a subresource's body: its own where the definition names one. */
function bodyKind({ resource, info }: HandlerContext): GroupVersionKind {
  const { group, version, subresource } = info.resource;
  if (subresource === 'scale') return { group: 'autoscaling', version: 'v1', kind: 'Scale' };
  const declared = declaredOf({ resource, info });
  return {
    group: declared?.group ?? group,
    version: declared?.version ?? version,
    kind: declared?.kind ?? resource.kind,
  };
}

async function create(context: HandlerContext, handler: SubresourceHandler): Promise<Answer> {
  const { info, resource, registry } = context;
  const write = readWrite(context, 'CreateOptions');
  const setDefaults = (object: KubeObject) => {
    registry.scheme.byKind(bodyKind(context))?.default?.(object);
    handler.default?.(object);
  };
  const target = { kind: bodyKind(context), takesAlso: declaredOf(context)?.takesAlso, setDefaults };
  const body = await readObject(context, target);
  const { namespace } = info.resource;
  placeInNamespace(body, { namespaced: resource.namespaced, namespace });
  setDefaults(body);
  if (handler.answersBody) await trackFields(context, { body, old: undefined, write });
  const request = admissionOf(context, write, { operation: 'CREATE', object: body, old: undefined });
  await registry.admission.mutate(request);
  await registry.admission.validate(request);
  return value(context, handler, await handler.create!(callOf(context, write), body), 201);
}

/** Upstream tells who set what even of what it does not keep. */
async function trackFields(
  context: HandlerContext,
  { body, old, write }: { body: KubeObject; old: KubeObject | undefined; write: Write },
): Promise<void> {
  const { schemas: table, clock } = context;
  const schema = { table, type: table.kind(bodyKind(context)) };
  const { manager, subresource } = write;
  const request = { schema, manager, subresource, apiVersion: body.apiVersion, nowMs: clock.now() };
  body.metadata.managedFields = await trackUpdate({ ...request, old, object: body });
}

async function update(context: HandlerContext, handler: SubresourceHandler): Promise<Answer> {
  const { info, resource } = context;
  const write = readWrite(context, 'UpdateOptions');
  const body = await readObject(context, { kind: bodyKind(context) });
  placeInNamespace(body, { namespaced: resource.namespaced, namespace: info.resource.namespace });
  checkName(body, info.resource.name, { required: true });
  if (isOfResource(context))
    return value(context, handler, await handler.update!(changeOf(context, write), () => copy(body)));
  const change = async (old: KubeObject) => {
    const object = copy(body);
    if (handler.tracksBody) await trackFields(context, { body: object, old, write });
    return admitted(context, write, { old, object });
  };
  return value(context, handler, await handler.update!(callOf(context, write), change));
}

async function patch(context: HandlerContext, handler: SubresourceHandler): Promise<Answer> {
  const kind = bodyKind(context);
  const request = await readPatch(context);
  const write = { ...request.write, fieldsTracked: request.isApply };
  if (isOfResource(context)) {
    const patched = (old: KubeObject) => request.patched(old, kind);
    return value(context, handler, await handler.update!(changeOf(context, write), patched));
  }
  const change = async (old: KubeObject) => {
    const object = await request.patched(old, kind);
    if (handler.tracksBody && !request.isApply) await trackFields(context, { body: object, old, write: request.write });
    return admitted(context, request.write, { old, object });
  };
  return value(context, handler, await handler.update!(callOf(context, write), change));
}

async function admitted(
  context: HandlerContext,
  write: Write,
  { old, object }: { old: KubeObject; object: KubeObject },
): Promise<KubeObject> {
  const { registry } = context;
  registry.scheme.byKind(bodyKind(context))?.default?.(object);
  const request = admissionOf(context, write, { operation: 'UPDATE', object, old });
  await registry.admission.mutate(request);
  await registry.admission.validate(request);
  return object;
}

async function connect(context: HandlerContext, run: (call: ConnectCall) => Promise<void>): Promise<Answer> {
  const { info, registry } = context;
  if (info.query.has('dryRun')) throw badRequest('dryRun is not supported');
  const kind = bodyKind(context);
  const path = info.resource.tail || undefined;
  const object = connectOptions(info.query, { schemas: context.schemas, kind, path });
  const write = writeOf(context, { dryRun: false, options: {} });
  const request = admissionOf(context, write, { operation: 'CONNECT', object, old: undefined });
  await registry.admission.mutate(request);
  await registry.admission.validate(request);
  await run(connectCallOf(context, write));
  return { type: 'taken' };
}

async function stream(context: HandlerContext, run: (call: ConnectCall) => Promise<void>): Promise<Answer> {
  await run(connectCallOf(context, readOnly(context)));
  return { type: 'taken' };
}

function readOnly(context: HandlerContext): Write {
  return writeOf(context, { dryRun: false, options: {} });
}

/** Whether the subresource is another way to change the resource: admission then sees it with its old parts back in place. */
function isOfResource(context: HandlerContext): boolean {
  const { group, kind } = bodyKind(context);
  return group === context.resource.group && kind === context.resource.kind;
}

/** The registry admits what is changed. */
function changeOf(context: HandlerContext, write: Write): SubresourceCall {
  return { ...callOf(context, write), write };
}

function callOf(context: HandlerContext, write: Write): SubresourceCall {
  const { info, resource, user, registry, call } = context;
  const admitted: Write = { ...write, admission: 'done' };
  return {
    info,
    key: keyOf(context),
    resource,
    user,
    registry,
    write: admitted,
    // Made when it is asked for, which takes time that bindings need not spend.
    get signal() {
      return call.signal;
    },
  };
}

function connectCallOf(context: HandlerContext, write: Write): ConnectCall {
  const { call } = context;
  if (!call.connection) throw internalError('a connection can only be made over HTTPS');
  return { ...callOf(context, write), method: call.method, headers: call.headers, ...call.connection };
}

function admissionOf(
  context: HandlerContext,
  write: Write,
  request: { operation: Operation; object: KubeObject; old: KubeObject | undefined },
): AdmissionRequest {
  const { resource, info } = context;
  const { namespace, name, version } = info.resource;
  const { subresource, user, dryRun, options, warn, annotate } = write;
  return { ...request, resource, version, subresource, namespace, name, user, dryRun, options, warn, annotate };
}

/** A table of it shows what the handler says, or what the resource does where it is of that kind. */
function value(
  { resource }: HandlerContext,
  { columns }: SubresourceHandler,
  given: KubeObject | Status,
  code = 200,
): Answer {
  const own = given.kind === resource.kind ? resource.columns : undefined;
  return { type: 'value', code, value: given, columns: columns?.(resource) ?? own };
}

function collection(context: HandlerContext, items: KubeObject[]): Answer {
  const { resource } = context;
  const typeless = items.map(({ kind: _, apiVersion: __, ...item }) => item);
  const list = { kind: resource.listKind, apiVersion: apiVersionOf(context), metadata: {}, items: typeless };
  return { type: 'value', code: 200, value: list, resource };
}
