/** The paths and operations of one group and version, in a form that both dialects of OpenAPI are written from. */
import { formatApiVersion, type GroupVersionKind } from '#apimachinery/object.js';
import type { ServedGroup, ServedResource, ServedSubresource, ServedVersion } from '../discovery/groups.js';
import { metaV1 } from './json-schema.js';
import { type Method, type OperationParameters, type Parameter, pathParameters } from './parameters.js';

export type Action =
  | 'list'
  | 'watch'
  | 'watchlist'
  | 'deletecollection'
  | 'connect'
  | Exclude<Method, 'options' | 'head'>;

export interface Operation {
  id: string;
  tag: string;
  description: string;
  /** Undefined for what is about no resource. */
  subject?: { action: Action; kind: GroupVersionKind };
  /** Undefined where documents say nothing of it. */
  consumes?: readonly string[];
  produces: readonly string[];
  /** All but the body. */
  parameters: readonly Parameter[];
  /** The kind of the body; 'Patch' stands for any patch. */
  takes?: GroupVersionKind | 'Patch';
  isBodyRequired?: boolean;
  /** Undefined for what answers plain text or a stream; a string is the name of a type. */
  gives?: GroupVersionKind | string;
  /** The codes of answers that are what it gives. */
  codes: readonly number[];
}

export interface Path {
  path: string;
  operations: Partial<Record<Method, Operation>>;
}

export const deleteOptions: GroupVersionKind = { group: '', version: 'v1', kind: 'DeleteOptions' };
export const status: GroupVersionKind = { group: '', version: 'v1', kind: 'Status' };

const textMediaTypes = ['application/json', 'application/yaml'];
export const mediaTypes = [...textMediaTypes, 'application/vnd.kubernetes.protobuf'];
const watchMediaTypes = [
  ...mediaTypes,
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
];
const patchMediaTypes = ['application/json-patch+json', 'application/merge-patch+json'];
const strategicPatch = 'application/strategic-merge-patch+json';
const applyPatch = 'application/apply-patch+yaml';
const anyType = ['*/*'];
/** In the order of documents. */
const methods: readonly Method[] = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];

/** How each action is told: the verb of its operationId, what its description says of the noun, and the codes of success. */
const actions: Record<Exclude<Action, 'connect'>, { method: Method; verb: string; codes: readonly number[] }> = {
  list: { method: 'get', verb: 'list', codes: [200] },
  watch: { method: 'get', verb: 'watch', codes: [200] },
  watchlist: { method: 'get', verb: 'watch', codes: [200] },
  get: { method: 'get', verb: 'read', codes: [200] },
  put: { method: 'put', verb: 'replace', codes: [200, 201] },
  post: { method: 'post', verb: 'create', codes: [200, 201, 202] },
  delete: { method: 'delete', verb: 'delete', codes: [200, 202] },
  deletecollection: { method: 'delete', verb: 'delete', codes: [200] },
  patch: { method: 'patch', verb: 'patch', codes: [200, 201] },
};

const verbActions: Record<string, Exclude<Action, 'connect'>> = {
  create: 'post',
  delete: 'delete',
  deletecollection: 'deletecollection',
  get: 'get',
  list: 'list',
  patch: 'patch',
  update: 'put',
};

/** Where the resources of a group and version are: `/api/v1`, `/apis/apps/v1`. */
export function rootOf(group: string, version: string): string {
  return `/${group ? 'apis' : 'api'}/${formatApiVersion({ group, version })}`;
}

/** A group as operations name it: `Core`, `RbacAuthorization`, `FlowcontrolApiserver`. */
export function groupWord(group: string): string {
  const words = (group || 'core').replace(/\.k8s\.io$/, '').split(/[^\p{L}\p{N}_]+/u);
  return words.map(capitalize).join('');
}

export function groupTag(group: string): string {
  return groupWord(group).replace(/^./, (first) => first.toLowerCase());
}

export function pathsOf(
  { name }: ServedGroup,
  { version, resources }: ServedVersion,
  parameters: OperationParameters,
): Path[] {
  return resources
    .flatMap((resource) => new ResourcePaths({ group: name, version, resource, parameters }).all())
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface Given {
  path: string;
  action: Action;
  /** Of a subresource that is reached by connecting. */
  method?: Method;
  /** Default: the resource's. */
  kind?: GroupVersionKind;
  subresource?: string;
  takes?: Operation['takes'];
  gives?: GroupVersionKind | string;
}

class ResourcePaths {
  readonly #resource: ServedResource;
  readonly #kind: GroupVersionKind;
  readonly #parameters: OperationParameters;
  readonly #isCustom: boolean;
  readonly #paths = new Map<string, Path['operations']>();

  constructor(given: { group: string; version: string; resource: ServedResource; parameters: OperationParameters }) {
    this.#resource = given.resource;
    this.#parameters = given.parameters;
    this.#kind = { group: given.group, version: given.version, kind: given.resource.definition.kind };
    this.#isCustom = given.resource.definition.shape !== undefined;
  }

  all(): Path[] {
    const { definition, subresources, verbs } = this.#resource;
    const { namespaced, plural } = definition;
    const root = rootOf(this.#kind.group, this.#kind.version);
    const scope = namespaced ? '/namespaces/{namespace}' : '';
    const collection = `${root}${scope}/${plural}`;
    const item = `${collection}/{name}`;
    for (const verb of verbs) this.#addVerb(verb, { collection, item, everywhere: `${root}/${plural}` });
    // A custom resource can be watched so too, but its documents do not tell.
    if (verbs.includes('watch') && !this.#isCustom) {
      const watched = `${root}/watch${scope}/${plural}`;
      const gives = `${metaV1}.WatchEvent`;
      if (namespaced) this.#add({ path: `${root}/watch/${plural}`, action: 'watchlist', gives });
      this.#add({ path: watched, action: 'watchlist', gives });
      this.#add({ path: `${watched}/{name}`, action: 'watch', gives });
    }
    for (const one of subresources) this.#addSubresource(`${item}/${one.name}`, one);
    return [...this.#paths].map(([path, operations]) => ({ path, operations }));
  }

  #addVerb(verb: string, { collection, item, everywhere }: { collection: string; item: string; everywhere: string }) {
    const action = verbActions[verb];
    if (!action) return;
    const own = this.#kind;
    const { listKind, namespaced, deletion } = this.#resource.definition;
    if (action === 'list') {
      const gives = { ...own, kind: listKind };
      this.#add({ path: collection, action, gives });
      if (namespaced) this.#add({ path: everywhere, action, gives });
      return;
    }
    const path = action === 'deletecollection' || action === 'post' ? collection : item;
    const takes = this.#body(action, own);
    // Definitions of custom resources answer themselves as well, and the documents do not tell.
    const returnsObject = deletion?.returnsObject && own.kind !== 'CustomResourceDefinition';
    const givesStatus = action === 'deletecollection' || (action === 'delete' && !returnsObject);
    this.#add({ path, action, takes, gives: givesStatus ? status : own });
  }

  #addSubresource(path: string, { name, kind, verbs }: ServedSubresource): void {
    if (kind.kind.endsWith('Options')) {
      const isProxy = verbs.includes('delete');
      const served = isProxy ? methods : (['get', 'post'] as const);
      for (const method of served) {
        this.#add({ path, action: 'connect', method, kind, subresource: name });
        if (isProxy) this.#add({ path: `${path}/{path}`, action: 'connect', method, kind, subresource: name });
      }
      return;
    }
    for (const verb of verbs) {
      const action = verbActions[verb]!;
      const takes = this.#body(action, kind);
      // Of a custom resource's scale too, it says the kind of the whole.
      const told = this.#isCustom ? this.#kind : kind;
      const gives = name === 'log' ? undefined : kind;
      this.#add({ path, action, kind: told, subresource: name, takes, gives });
    }
  }

  #body(action: Action, kind: GroupVersionKind): Operation['takes'] {
    if (action === 'get' || (action === 'deletecollection' && this.#isCustom)) return undefined;
    if (action === 'delete' || action === 'deletecollection') return deleteOptions;
    return action === 'patch' ? 'Patch' : kind;
  }

  #add(given: Given): void {
    const { path, action, takes, kind = this.#kind } = given;
    const told = action === 'connect' ? { method: given.method!, codes: [200] } : actions[action];
    const operations = this.#paths.get(path) ?? {};
    this.#paths.set(path, operations);
    const codes = this.#isCustom && action === 'patch' ? [200] : told.codes;
    operations[told.method] = {
      id: this.#id(given),
      tag: `${groupTag(this.#kind.group)}_${this.#kind.version}`,
      subject: { action, kind },
      description: this.#describe(given),
      consumes: this.#consumes(action),
      produces: this.#produces(given),
      parameters: [
        ...(action === 'connect' ? [] : [this.#parameters.pretty]),
        ...this.#options(given),
        ...pathParameters(path, kind.kind),
      ],
      takes,
      isBodyRequired: takes !== undefined && takes !== deleteOptions,
      gives: given.gives,
      codes,
    };
  }

  #id({ path, action, method, subresource = '' }: Given): string {
    const { namespaced, kind } = this.#resource.definition;
    const { group, version } = this.#kind;
    const everywhere = namespaced && !path.includes('{namespace}');
    const verb = action === 'connect' ? 'connect' : actions[action].verb;
    const word = action === 'connect' ? capitalize(method!) : action === 'deletecollection' ? 'Collection' : '';
    const scope = namespaced && !everywhere ? 'Namespaced' : '';
    const list = action === 'watchlist' ? 'List' : '';
    const tail = `${path.endsWith('{path}') ? 'WithPath' : ''}${everywhere ? 'ForAllNamespaces' : ''}`;
    return `${verb}${groupWord(group)}${capitalize(version)}${word}${scope}${kind}${capitalize(subresource)}${list}${tail}`;
  }

  #describe({ action, method, subresource }: Given): string {
    const { kind } = this.#resource.definition;
    const of = subresource ? `${subresource} of ` : '';
    const canWatch = this.#resource.verbs.includes('watch') && !this.#isCustom;
    const withWatch = "deprecated: use the 'watch' parameter with a list operation instead";
    switch (action) {
      case 'connect':
        return `connect ${method!.toUpperCase()} requests to ${of}${kind}`;
      case 'list':
        return `list ${canWatch ? 'or watch ' : ''}objects of kind ${kind}`;
      case 'watch':
        return `watch changes to an object of kind ${kind}. ${withWatch}, filtered to a single item with the 'fieldSelector' parameter.`;
      case 'watchlist':
        return `watch individual changes to a list of ${kind}. ${withWatch}.`;
      case 'get':
      case 'put':
        return `${actions[action].verb} ${of}the specified ${kind}`;
      case 'patch':
        return `partially update ${of}the specified ${kind}`;
      case 'deletecollection':
        return `delete collection of ${kind}`;
      default:
        return `${actions[action].verb} ${of}${articleOf(kind)}${kind}`;
    }
  }

  #options({ action, kind = this.#kind, subresource }: Given): readonly Parameter[] {
    const ofMeta = (name: string, without?: string[]) => this.#parameters.ofOptions(`${metaV1}.${name}`, without);
    switch (action) {
      case 'connect':
        return this.#parameters.ofOptions(`io.k8s.api.core.v1.${kind.kind}`);
      case 'list':
      case 'watch':
      case 'watchlist':
        return ofMeta('ListOptions');
      case 'deletecollection':
        return this.#isCustom
          ? ofMeta('ListOptions')
          : [...ofMeta('ListOptions', ['watch', 'allowWatchBookmarks']), ...ofMeta('DeleteOptions')];
      case 'delete':
        return ofMeta('DeleteOptions');
      case 'post':
        return ofMeta('CreateOptions');
      case 'put':
        return ofMeta('UpdateOptions');
      case 'patch':
        return ofMeta('PatchOptions');
      default:
        if (this.#isCustom) return ofMeta('GetOptions');
        return subresource === 'log' ? this.#parameters.ofOptions('io.k8s.api.core.v1.PodLogOptions') : [];
    }
  }

  /** kubectl looks here for how a kind can be patched. */
  #consumes(action: Action): readonly string[] {
    if (action === 'patch') return [...patchMediaTypes, ...(this.#isCustom ? [] : [strategicPatch]), applyPatch];
    return this.#isCustom ? textMediaTypes : anyType;
  }

  #produces({ action, gives }: Given): readonly string[] {
    if (this.#isCustom) return textMediaTypes;
    if (!gives) return action === 'connect' ? anyType : ['text/plain', ...mediaTypes];
    return action === 'list' || action === 'watch' || action === 'watchlist' ? watchMediaTypes : mediaTypes;
  }
}

/** Plurals have none. */
function articleOf(noun: string): string {
  if (noun.endsWith('s') && !noun.endsWith('ss')) return '';
  return /^[aeiou]/i.test(noun) ? 'an ' : 'a ';
}

export function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
