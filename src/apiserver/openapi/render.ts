/** OpenAPI documents as values: version 3 for one group and version, version 2 for everything that is served. */
import type { ServedGroup, ServedVersion } from '../discovery/groups.js';
import { groupAddress, serverAddresses, versionAddress } from './addresses.js';
import { type JsonSchema, kindOf } from './json-schema.js';
import type { GroupVersion, Models } from './models.js';
import { type Operation, type Path, pathsOf } from './operations.js';
import { type OperationParameters, type Parameter, sortedParameters } from './parameters.js';
import { registeredVersions, schemeVersions } from './registered-versions.js';
import { SharedParameters } from './shared-parameters.js';

export interface RenderOptions {
  models: Models;
  parameters: OperationParameters;
  /** `1.36`. */
  version: string;
}

const title = 'Kubernetes';
const descriptions: Record<number, string> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };

/** The paths of one group and version; a version that no group of ours has is told without an address of its own. */
export function versionPaths(group: ServedGroup, version: ServedVersion, parameters: OperationParameters): Path[] {
  const paths = pathsOf(group, version, parameters);
  return isCustom(version) ? paths : [versionAddress(group.name, version.version), ...paths];
}

/** Whether a version has custom resources only: upstream tells of those in documents of another making. */
export function isCustom({ resources }: ServedVersion): boolean {
  return resources.every(({ definition }) => definition.shape);
}

/** `served` is what DeleteOptions and WatchEvent are kinds of, besides core/v1; of custom resources they are kinds of everything. */
export function renderV3(paths: readonly Path[], options: RenderOptions, served: GroupVersion | 'custom'): unknown {
  const { models, version } = options;
  const out: Record<string, unknown> = {};
  for (const one of paths) out[one.path] = pathV3(one, models);
  if (served === 'custom') {
    const info = { title: 'Kubernetes CRD Swagger', version: 'v0.1.0' };
    return { openapi: '3.0.0', info, paths: out, components: { schemas: models.all(schemeVersions) } };
  }
  const core = { group: '', version: 'v1' };
  const schemas = models.all(served.group ? [core, served] : [core]);
  return {
    openapi: '3.0.0',
    info: { title, version },
    paths: out,
    components: {
      ...(Object.keys(schemas).length > 0 ? { schemas } : {}),
      securitySchemes: {
        BearerToken: {
          type: 'apiKey',
          description: 'Bearer Token authentication',
          name: 'authorization',
          in: 'header',
        },
      },
    },
  };
}

function pathV3({ operations }: Path, models: Models): unknown {
  const { common, own } = splitParameters(Object.values(operations));
  const out: Record<string, unknown> = {};
  for (const [method, one] of Object.entries(operations)) out[method] = operationV3(one, own.get(one)!, models);
  if (common.length > 0) out['parameters'] = common.map(parameterV3);
  return out;
}

function operationV3(operation: Operation, parameters: readonly Parameter[], models: Models): unknown {
  const { takes } = operation;
  const answer = { content: contentOf(operation.produces, schemaOf(operation, models)) };
  const body = takes && {
    content: contentOf(operation.consumes ?? [], models.ref(takes)),
    ...(operation.isBodyRequired ? { required: true } : {}),
  };
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    parameters: parameters.length > 0 ? parameters.map(parameterV3) : undefined,
    requestBody: body,
    responses: responsesOf(operation, answer),
    ...extensionsOf(operation),
  };
}

function contentOf(types: readonly string[], schema: JsonSchema): Record<string, unknown> {
  return Object.fromEntries([...types].sort().map((type) => [type, { schema }]));
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
  const { models, parameters, version } = options;
  const shared = new SharedParameters();
  const paths = [...Object.values(serverAddresses)];
  for (const group of groups) {
    if (hasAddress(group)) paths.push(groupAddress(group.name));
    for (const one of group.versions) paths.push(...versionPaths(group, one, parameters));
  }
  paths.sort((a, b) => (a.path < b.path ? -1 : 1));
  const out = Object.fromEntries(paths.map((one) => [one.path, pathV2(one, { models, shared })]));
  return {
    swagger: '2.0',
    info: { title, version },
    paths: out,
    definitions: models.all(registeredVersions),
    parameters: shared.all(),
    securityDefinitions: {
      BearerToken: { description: 'Bearer Token authentication', type: 'apiKey', name: 'authorization', in: 'header' },
    },
    security: [{ BearerToken: [] }],
  };
}

/** The core group has none, and of groups that only custom resources are in, documents tell none. */
export function hasAddress({ name, versions }: ServedGroup): boolean {
  return name !== '' && versions.some(({ resources }) => resources.some(({ definition }) => !definition.shape));
}

interface V2 {
  models: Models;
  shared: SharedParameters;
}

function pathV2({ operations }: Path, { models, shared }: V2): unknown {
  const { common, own } = splitParameters(Object.values(operations));
  const out: Record<string, unknown> = {};
  for (const [method, one] of Object.entries(operations)) {
    out[method] = operationV2(one, own.get(one)!, { models, shared });
  }
  if (common.length > 0) out['parameters'] = common.map((one) => shared.share(parameterV2(one)));
  return out;
}

function operationV2(operation: Operation, parameters: readonly Parameter[], { models, shared }: V2): unknown {
  const { takes, isBodyRequired } = operation;
  const told: Record<string, unknown>[] = parameters.map(parameterV2);
  if (takes) {
    const required = isBodyRequired ? { required: true } : {};
    const body = { name: 'body', in: 'body', ...required, schema: models.ref(takes) };
    const place = told.findIndex(({ name }) => (name as string) > 'body');
    told.splice(place < 0 ? told.length : place, 0, body);
  }
  return {
    description: operation.description,
    consumes: operation.consumes,
    produces: operation.produces,
    schemes: ['https'],
    tags: [operation.tag],
    operationId: operation.id,
    parameters: told.length > 0 ? told.map((one) => shared.share(one)) : undefined,
    responses: responsesOf(operation, { schema: schemaOf(operation, models) }),
    ...extensionsOf(operation),
  };
}

function parameterV2({ name, in: place, type, description }: Parameter): Record<string, unknown> {
  const required = place === 'path' ? { required: true } : {};
  return { uniqueItems: true, type, description, name, in: place, ...required };
}

/** What all operations of a path take stands with the path. */
function splitParameters(operations: readonly Operation[]) {
  const sorted = operations.map((one) => [one, sortedParameters(one.parameters)] as const);
  const [first, ...others] = sorted.map(([, parameters]) => parameters);
  const common = first!.filter((one) => others.every((other) => other.some((its) => isSame(one, its))));
  const own = new Map(
    sorted.map(([one, parameters]) => [one, parameters.filter((its) => !common.some((other) => isSame(its, other)))]),
  );
  return { common, own };
}

function isSame(a: Parameter, b: Parameter): boolean {
  return a === b || (a.name === b.name && a.in === b.in && a.description === b.description);
}

function schemaOf({ gives }: Operation, models: Models): JsonSchema {
  if (gives === undefined) return { type: 'string' };
  return typeof gives === 'string' ? models.refToType(gives) : models.ref(gives);
}

function responsesOf({ codes }: Operation, answer: object): unknown {
  const told = codes.map((code) => [code, { description: descriptions[code], ...answer }] as const);
  return { ...Object.fromEntries(told), 401: { description: 'Unauthorized' } };
}

function extensionsOf({ subject }: Operation): Record<string, unknown> {
  if (!subject) return {};
  return { 'x-kubernetes-action': subject.action, 'x-kubernetes-group-version-kind': kindOf(subject.kind) };
}
