/** The paths and operations of one group and version, in a form that both dialects of OpenAPI are written from. */
import { formatApiVersion, type GroupVersionKind } from '#apimachinery/object.js';
import type { ServedGroup, ServedResource, ServedSubresource, ServedVersion } from '../discovery/groups.js';
import { type Action, type Method, type Parameter, parametersOf, pathParameters } from './parameters.js';

export interface Operation {
  id: string;
  tag: string;
  action: Action;
  description: string;
  kind: GroupVersionKind;
  /** Of a custom resource, which has no protobuf form and no strategies to merge by. */
  isCustom: boolean;
  query: Parameter[];
  /** The kind of the body; 'Patch' stands for any patch. */
  takes?: GroupVersionKind | 'Patch';
  /** Undefined for what answers plain text or a stream. */
  gives?: GroupVersionKind;
}

export interface Path {
  path: string;
  parameters: Parameter[];
  operations: Partial<Record<Method, Operation>>;
}

export const deleteOptions: GroupVersionKind = { group: '', version: 'v1', kind: 'DeleteOptions' };
export const status: GroupVersionKind = { group: '', version: 'v1', kind: 'Status' };

/** Where the resources of a group and version are: `/api/v1`, `/apis/apps/v1`. */
export function rootOf(group: string, version: string): string {
  return `/${group ? 'apis' : 'api'}/${formatApiVersion({ group, version })}`;
}

export function pathsOf({ name }: ServedGroup, { version, resources }: ServedVersion): Path[] {
  return resources
    .flatMap((resource) => new ResourcePaths({ group: name, version, resource }).all())
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

class ResourcePaths {
  readonly #resource: ServedResource;
  readonly #kind: GroupVersionKind;
  readonly #idGroup: string;
  readonly #tag: string;
  readonly #root: string;

  constructor({ group, version, resource }: { group: string; version: string; resource: ServedResource }) {
    this.#resource = resource;
    this.#kind = { group, version, kind: resource.definition.kind };
    const words = group
      ? group
          .replace(/\.k8s\.io$/, '')
          .split('.')
          .map(capitalize)
      : ['Core'];
    this.#idGroup = `${words.join('')}${capitalize(version)}`;
    this.#tag = `${words.join('').replace(/^./, (first) => first.toLowerCase())}_${version}`;
    this.#root = rootOf(group, version);
  }

  all(): Path[] {
    const { definition, subresources } = this.#resource;
    const { namespaced, plural } = definition;
    const collection = `${this.#root}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}`;
    const paths: Path[] = [];
    if (namespaced && this.#has('list')) {
      const list = this.#operation({ action: 'list', verb: 'list', gives: this.#list(), everywhere: true });
      paths.push({ path: `${this.#root}/${plural}`, parameters: pathParameters([]), operations: { get: list } });
    }
    const scope = namespaced ? ['namespace'] : [];
    paths.push({ path: collection, parameters: pathParameters(scope), operations: this.#collection() });
    const item = `${collection}/{name}`;
    const parameters = pathParameters([...scope, 'name']);
    paths.push({ path: item, parameters, operations: this.#item() });
    for (const one of subresources) {
      paths.push({ path: `${item}/${one.name}`, parameters, operations: this.#subresource(one) });
    }
    return paths.filter(({ operations }) => Object.keys(operations).length > 0);
  }

  #has(verb: string): boolean {
    return this.#resource.verbs.includes(verb);
  }

  #list(): GroupVersionKind {
    return { ...this.#kind, kind: this.#resource.definition.listKind };
  }

  #collection(): Path['operations'] {
    const own = this.#kind;
    return {
      ...(this.#has('list') ? { get: this.#operation({ action: 'list', verb: 'list', gives: this.#list() }) } : {}),
      ...(this.#has('create')
        ? { post: this.#operation({ action: 'post', verb: 'create', takes: own, gives: own }) }
        : {}),
      ...(this.#has('deletecollection')
        ? {
            delete: this.#operation({
              action: 'deletecollection',
              verb: 'deleteCollection',
              takes: deleteOptions,
              gives: status,
            }),
          }
        : {}),
    };
  }

  #item(): Path['operations'] {
    const own = this.#kind;
    return {
      ...(this.#has('get') ? { get: this.#operation({ action: 'get', verb: 'read', gives: own }) } : {}),
      ...(this.#has('update')
        ? { put: this.#operation({ action: 'put', verb: 'replace', takes: own, gives: own }) }
        : {}),
      ...(this.#has('patch')
        ? { patch: this.#operation({ action: 'patch', verb: 'patch', takes: 'Patch', gives: own }) }
        : {}),
      ...(this.#has('delete')
        ? { delete: this.#operation({ action: 'delete', verb: 'delete', takes: deleteOptions, gives: status }) }
        : {}),
    };
  }

  #subresource({ name, kind, verbs }: ServedSubresource): Path['operations'] {
    const connects = kind.kind.endsWith('Options');
    const out: Path['operations'] = {};
    const methods: Record<string, [Method, string]> = {
      get: ['get', 'read'],
      update: ['put', 'replace'],
      patch: ['patch', 'patch'],
      create: ['post', 'create'],
      delete: ['delete', 'delete'],
    };
    for (const verb of verbs) {
      const [method, word] = methods[verb]!;
      const body = verb === 'patch' ? 'Patch' : verb === 'create' || verb === 'update' ? kind : undefined;
      out[method] = this.#operation({
        action: connects ? 'connect' : method,
        verb: connects ? `connect${capitalize(method)}` : word,
        subresource: name,
        kind,
        takes: connects ? undefined : body,
        gives: connects || name === 'log' ? undefined : kind,
      });
    }
    return out;
  }

  #operation(given: {
    action: Action;
    verb: string;
    kind?: GroupVersionKind;
    subresource?: string;
    everywhere?: boolean;
    takes?: Operation['takes'];
    gives?: GroupVersionKind;
  }): Operation {
    const { action, verb, subresource = '', everywhere = false, kind = this.#kind } = given;
    const { namespaced, kind: name, shape } = this.#resource.definition;
    const [start, end] = verb === 'deleteCollection' ? ['delete', 'Collection'] : splitConnect(verb);
    const scope = namespaced && !everywhere ? 'Namespaced' : '';
    const tail = `${subresource.split('/').map(capitalize).join('')}${everywhere ? 'ForAllNamespaces' : ''}`;
    return {
      id: `${start}${this.#idGroup}${end}${scope}${name}${tail}`,
      tag: this.#tag,
      action,
      description: `${verb} ${subresource ? `${subresource} of the ` : ''}${name}`,
      kind,
      isCustom: shape !== undefined,
      query: parametersOf(action),
      takes: given.takes,
      gives: given.gives,
    };
  }
}

function splitConnect(verb: string): [string, string] {
  return verb.startsWith('connect') ? ['connect', verb.slice('connect'.length)] : [verb, ''];
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
