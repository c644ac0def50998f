/** The typed face of the API for all our components: one method per verb, on any resource. */
import type { ResourceRef } from '#api/resource.js';
import { formatApiVersion, type KubeList, type KubeObject } from '#apimachinery/object.js';
import type { ApiRequest, Transport, WatchEvent } from './transport.js';

export class Client {
  readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** The objects of one resource: `client.of(pods).get('web', { namespace: 'default' })`. */
  of<T extends KubeObject>(ref: ResourceRef<T>): ResourceClient<T> {
    return new ResourceClient(this.transport, ref);
  }
}

export interface Scope {
  /** Of a namespaced resource. Left out: all namespaces (list, watch and deleteCollection only). */
  namespace?: string;
  signal?: AbortSignal;
}

export interface WriteOptions extends Scope {
  dryRun?: boolean;
  fieldManager?: string;
  subresource?: string;
}

export interface PatchOptions extends WriteOptions {
  type: PatchType;
  /** Apply only: take over fields that others own. */
  force?: boolean;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

const patchContentTypes: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export interface Selection extends Scope {
  labelSelector?: string;
  fieldSelector?: string;
  resourceVersion?: string;
}

export interface ListOptions extends Selection {
  resourceVersionMatch?: 'Exact' | 'NotOlderThan';
  limit?: number;
  continue?: string;
}

export interface WatchOptions extends Selection {
  allowWatchBookmarks?: boolean;
  sendInitialEvents?: boolean;
  resourceVersionMatch?: 'NotOlderThan';
  timeoutSeconds?: number;
}

export interface DeleteOptions extends Scope {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
  dryRun?: boolean;
}

/** Every method throws StatusError (the server's answer) or TransportError (none came). Objects given are frozen. */
export class ResourceClient<T extends KubeObject> {
  readonly #transport: Transport;
  readonly ref: ResourceRef<T>;

  constructor(transport: Transport, ref: ResourceRef<T>) {
    this.#transport = transport;
    this.ref = ref;
  }

  async get(name: string, { namespace, signal }: Scope = {}): Promise<T> {
    return this.#send<T>({ method: 'GET', path: this.#path({ namespace, name }), signal });
  }

  async list({ namespace, signal, limit, ...selection }: ListOptions = {}): Promise<KubeList<T>> {
    const query = { ...selection, limit: limit?.toString() };
    const page = await this.#send<KubeList<T>>({ method: 'GET', path: this.#path({ namespace }), query, signal });
    // On the wire only the list says of which kind its items are.
    if (page.items.length === 0 || page.items[0]!.kind) return page;
    return { ...page, items: page.items.map((item) => Object.freeze(this.#typed(item))) };
  }

  watch({ namespace, signal, ...options }: WatchOptions = {}): AsyncIterable<WatchEvent<T>> {
    const query: Record<string, string | undefined> = { watch: 'true' };
    for (const [key, value] of Object.entries(options)) query[key] = value?.toString();
    const request: ApiRequest = { method: 'GET', path: this.#path({ namespace }), query, signal };
    return this.#transport.watch(request) as AsyncIterable<WatchEvent<T>>;
  }

  /** `metadata.namespace` says where; options.namespace is needed only for subresources of objects without it. */
  async create(object: T, options: WriteOptions & { name?: string } = {}): Promise<T> {
    const { namespace = object.metadata.namespace, subresource, name, signal } = options;
    const path = this.#path({ namespace, name, subresource });
    return this.#send<T>({ method: 'POST', path, query: writeQuery(options), body: this.#typed(object), signal });
  }

  async update(object: T, options: WriteOptions = {}): Promise<T> {
    const { namespace = object.metadata.namespace, subresource, signal } = options;
    const path = this.#path({ namespace, name: object.metadata.name, subresource });
    return this.#send<T>({ method: 'PUT', path, query: writeQuery(options), body: this.#typed(object), signal });
  }

  async updateStatus(object: T, options: WriteOptions = {}): Promise<T> {
    return this.update(object, { ...options, subresource: 'status' });
  }

  async patch(name: string, body: unknown, options: PatchOptions): Promise<T> {
    const { namespace, subresource, signal, type, force } = options;
    const query = { ...writeQuery(options), force: force?.toString() };
    const path = this.#path({ namespace, name, subresource });
    return this.#send<T>({ method: 'PATCH', path, query, body, contentType: patchContentTypes[type], signal });
  }

  /** Gives the object as it then is, or the Status that says it is gone. */
  async delete(name: string, options: DeleteOptions = {}): Promise<unknown> {
    const { namespace, signal } = options;
    return this.#send({ method: 'DELETE', path: this.#path({ namespace, name }), body: deleteBody(options), signal });
  }

  async deleteCollection({
    labelSelector,
    fieldSelector,
    ...options
  }: DeleteOptions & Selection = {}): Promise<unknown> {
    const { namespace, signal } = options;
    const query = { labelSelector, fieldSelector };
    return this.#send({ method: 'DELETE', path: this.#path({ namespace }), query, body: deleteBody(options), signal });
  }

  /** Any other subresource: `post('binding', ...)`, `token`, `eviction`; the kinds differ from the resource's own. */
  async subresource<R>(request: {
    method: ApiRequest['method'];
    name: string;
    namespace?: string;
    subresource: string;
    body?: unknown;
    signal?: AbortSignal;
  }): Promise<R> {
    const { method, body, signal, ...target } = request;
    return this.#send<R>({ method, path: this.#path(target), body, signal });
  }

  async #send<R>(request: ApiRequest): Promise<R> {
    return (await this.#transport.request(request)).body as R;
  }

  #path({ namespace, name, subresource }: { namespace?: string; name?: string; subresource?: string }): string {
    const { group, versions, plural, namespaced } = this.ref;
    const parts = [group ? `/apis/${group}/${versions[0]}` : `/api/${versions[0]}`];
    if (namespaced && namespace) parts.push('namespaces', encodeURIComponent(namespace));
    parts.push(plural);
    if (name) parts.push(encodeURIComponent(name));
    if (subresource) parts.push(subresource);
    return parts.join('/');
  }

  /** Objects that our code builds need not repeat what the resource says. */
  #typed(object: T): T {
    const { group, versions, kind } = this.ref;
    if (object.apiVersion && object.kind) return object;
    return { ...object, apiVersion: formatApiVersion({ group, version: versions[0] }), kind };
  }
}

function writeQuery({ dryRun, fieldManager }: WriteOptions): Record<string, string | undefined> {
  return { dryRun: dryRun ? 'All' : undefined, fieldManager };
}

function deleteBody({ gracePeriodSeconds, propagationPolicy, preconditions, dryRun }: DeleteOptions): unknown {
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    gracePeriodSeconds,
    propagationPolicy,
    preconditions,
    dryRun: dryRun ? ['All'] : undefined,
  };
}
