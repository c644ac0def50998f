/** OpenAPI documents as values: version 3 for one group and version, version 2 for everything that is served. */
import type { ServedGroup, ServedVersion } from '../discovery/groups.js';
import { type JsonSchema, kindOf } from './json-schema.js';
import type { Models } from './models.js';
import { type Operation, type Path, pathsOf } from './operations.js';
import type { Method, Parameter } from './parameters.js';

export interface RenderOptions {
  models: Models;
  /** As in `/version`: `v1.36.0`. */
  version: string;
  served: readonly { group: string; version: string }[];
}

const textMediaTypes = ['application/json', 'application/yaml'];
const mediaTypes = [...textMediaTypes, 'application/vnd.kubernetes.protobuf'];
const watchMediaTypes = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const strategicType = 'application/strategic-merge-patch+json';
const patchMediaTypes = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  strategicType,
];

export function renderV3(group: ServedGroup, version: ServedVersion, options: RenderOptions): unknown {
  const { models } = options;
  const paths: Record<string, unknown> = {};
  for (const one of pathsOf(group, version)) paths[one.path] = pathV3(one, models);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: options.version },
    paths,
    components: {
      schemas: models.all(options.served),
      securitySchemes: {
        BearerToken: {
          description: 'Bearer Token authentication',
          in: 'header',
          name: 'authorization',
          type: 'apiKey',
        },
      },
    },
  };
}

function pathV3({ parameters, operations }: Path, models: Models): unknown {
  const out: Record<string, unknown> = {};
  for (const [method, one] of Object.entries(operations)) out[method] = operationV3(one, { method, models });
  out['parameters'] = parameters.map(parameterV3);
  return out;
}

function operationV3(operation: Operation, { method, models }: { method: string; models: Models }): unknown {
  const { takes, gives } = operation;
  const types = producedTypes(operation);
  const schema = gives ? models.ref(gives) : { type: 'string' };
  const answer = { description: 'OK', content: contentOf(types, schema) };
  const body = takes && {
    required: takes === 'Patch' || operation.action === 'post' || operation.action === 'put' ? true : undefined,
    content: contentOf(consumedTypes(operation), models.ref(takes)),
  };
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    parameters: operation.query.length > 0 ? operation.query.map(parameterV3) : undefined,
    requestBody: body,
    responses: responsesOf(method as Method, { operation, answer }),
    ...extensionsOf(operation),
  };
}

function contentOf(types: readonly string[], schema: JsonSchema): Record<string, unknown> {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function parameterV3({ name, in: place, type, description }: Parameter): unknown {
  return {
    name,
    in: place,
    description,
    required: place === 'path' ? true : undefined,
    schema: { type, uniqueItems: true },
  };
}

export function renderV2(groups: readonly ServedGroup[], options: RenderOptions): unknown {
  const { models } = options;
  const paths: Record<string, unknown> = {};
  for (const group of groups) {
    for (const version of group.versions) {
      for (const one of pathsOf(group, version)) paths[one.path] = pathV2(one, models);
    }
  }
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: options.version },
    paths,
    definitions: models.all(options.served),
    securityDefinitions: {
      BearerToken: { description: 'Bearer Token authentication', type: 'apiKey', name: 'authorization', in: 'header' },
    },
    security: [{ BearerToken: [] }],
  };
}

function pathV2({ parameters, operations }: Path, models: Models): unknown {
  const out: Record<string, unknown> = {};
  for (const [method, one] of Object.entries(operations)) out[method] = operationV2(one, { method, models });
  out['parameters'] = parameters.map(parameterV2);
  return out;
}

function operationV2(operation: Operation, { method, models }: { method: string; models: Models }): unknown {
  const { takes, gives } = operation;
  const required = operation.action !== 'delete' && operation.action !== 'deletecollection';
  const body = takes && { name: 'body', in: 'body', required: required || undefined, schema: models.ref(takes) };
  const parameters = [...(body ? [body] : []), ...operation.query.map(parameterV2)];
  return {
    description: operation.description,
    consumes: consumedTypes(operation),
    produces: producedTypes(operation),
    schemes: ['https'],
    tags: [operation.tag],
    operationId: operation.id,
    parameters: parameters.length > 0 ? parameters : undefined,
    responses: responsesOf(method as Method, {
      operation,
      answer: { description: 'OK', schema: gives ? models.ref(gives) : { type: 'string' } },
    }),
    ...extensionsOf(operation),
  };
}

function parameterV2({ name, in: place, type, description }: Parameter): unknown {
  return { uniqueItems: true, type, description, name, in: place, required: place === 'path' ? true : undefined };
}

/** kubectl looks here for how a kind can be patched. */
function consumedTypes({ takes, isCustom }: Operation): string[] {
  if (takes === 'Patch') return isCustom ? patchMediaTypes.filter((type) => type !== strategicType) : patchMediaTypes;
  return isCustom && takes ? textMediaTypes : ['*/*'];
}

function producedTypes({ action, gives, isCustom }: Operation): string[] {
  if (isCustom) return textMediaTypes;
  if (!gives) return action === 'connect' ? ['*/*'] : ['text/plain', ...mediaTypes];
  return action === 'list' ? [...mediaTypes, ...watchMediaTypes] : mediaTypes;
}

function responsesOf(method: Method, { operation, answer }: { operation: Operation; answer: object }): unknown {
  const out: Record<string, unknown> = { 200: answer };
  if (operation.action !== 'connect') {
    if (method === 'post' || method === 'put' || method === 'patch') out[201] = { ...answer, description: 'Created' };
    if (method === 'post' || operation.action === 'delete') out[202] = { ...answer, description: 'Accepted' };
  }
  out[401] = { description: 'Unauthorized' };
  return out;
}

function extensionsOf({ action, kind }: Operation): Record<string, unknown> {
  return { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': kindOf(kind) };
}
