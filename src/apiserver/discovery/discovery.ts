/** Answers `/api`, `/apis` and what lies below them down to the resource lists, from what the scheme serves. */
import type { Scheme } from '#api/scheme.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import { freeze } from '#base/json.js';
import { Document, type DocumentRequest, type DocumentResponse } from '../document.js';
import { unknownResource } from '../handlers/route.js';
import { encodeBody } from '../http/protobuf.js';
import { encodeText } from '../http/respond.js';
import { contentTypes } from '../media.js';
import { accepts, type MediaType, parseAccept } from '../media-type.js';
import { type RemoteVersion, type ServedGroup, servedGroups } from './groups.js';
import {
  discoveryGroup,
  discoveryVersion,
  renderAggregated,
  renderApiVersions,
  renderGroup,
  renderGroupList,
  renderResourceList,
} from './render.js';

type Form = 'plain' | { type: string };

const discoveryKind = 'APIGroupDiscoveryList';
/** In the order in which a wildcard takes them. */
const discoveryTypes = Object.values(contentTypes);

/** What other servers serve. */
export interface RemoteVersions {
  readonly versions: Iterable<RemoteVersion>;
  onChange(listener: () => void): void;
}

export class Discovery {
  readonly #remote: RemoteVersions | undefined;
  readonly #scheme: Scheme;
  readonly #serverAddress: string;
  readonly #schemas: SchemaTable;
  /** By form and path; as many as there are groups and versions. */
  readonly #documents = new Map<string, Document>();
  readonly #values = new Map<string, object>();
  #groups: ServedGroup[] | undefined;

  /** `serverAddress`: `host:port`, as `/api` shows it. */
  constructor(options: {
    scheme: Scheme;
    schemas: SchemaTable;
    serverAddress: string;
    remote?: RemoteVersions;
  }) {
    const { scheme, schemas, serverAddress, remote } = options;
    this.#scheme = scheme;
    this.#schemas = schemas;
    this.#serverAddress = serverAddress;
    this.#remote = remote;
    const forget = () => {
      this.#groups = undefined;
      this.#documents.clear();
      this.#values.clear();
    };
    scheme.onChange(forget);
    remote?.onChange(forget);
  }

  /** Undefined when the path is none of discovery's. Throws NotAcceptable. */
  respond(request: DocumentRequest): DocumentResponse | { value: object } | undefined {
    const path = request.path.length > 1 ? request.path.replace(/\/$/, '') : request.path;
    const top = path === '/api' || path === '/apis';
    if (!top && !/^\/(?:api\/[^/]+|apis\/[^/]+(?:\/[^/]+)?)$/.test(path)) return undefined;
    const form = top ? negotiate(parseAccept(request.accept)) : 'plain';
    if (form === 'plain') return this.#plain(path);
    const contentType = `${form.type};g=${discoveryGroup};v=${discoveryVersion};as=${discoveryKind}`;
    const key = `${contentType} ${path}`;
    let document = this.#documents.get(key);
    if (!document) {
      const value = this.#render(path, form) as { apiVersion: string; kind: string };
      const body = this.#encode(value, form.type);
      this.#documents.set(key, (document = new Document(contentType, body)));
    }
    const response = document.respond(request);
    response.headers['cache-control'] = 'public';
    // The ETag stays: it is of the value, not of its bytes.
    const isText = form.type === contentTypes.json;
    return request.pretty && isText && response.status === 200
      ? { ...response, body: indent(document.body) }
      : response;
  }

  #encode(value: { apiVersion: string; kind: string }, type: string): Uint8Array {
    if (type === contentTypes.protobuf) return encodeBody(this.#schemas, value);
    return encodeText(value, { format: type === contentTypes.yaml ? 'yaml' : 'json', pretty: false });
  }

  /** Throws StatusError (404) for a version that is not, of a group that is. */
  #plain(path: string): { value: object } | undefined {
    let value = this.#values.get(path);
    if (!value) {
      value = this.#render(path, 'plain') as object | undefined;
      if (!value && this.#hasGroup(path)) throw unknownResource();
      if (!value) return undefined;
      this.#values.set(path, freeze(value));
    }
    return { value };
  }

  #hasGroup(path: string): boolean {
    const [, root, group] = path.split('/');
    return root === 'api' || (this.#groups ?? []).some(({ name }) => name === group);
  }

  #render(path: string, form: Form): unknown {
    const groups = (this.#groups ??= servedGroups(this.#scheme.announced(), this.#remote?.versions));
    const named = groups.filter(({ name }) => name !== '');
    const [, root, ...rest] = path.split('/') as [string, string, ...string[]];
    if (rest.length === 0) {
      const shown = root === 'api' ? groups.filter(({ name }) => name === '') : named;
      if (form !== 'plain') return renderAggregated(shown);
      return root === 'api'
        ? renderApiVersions(shown[0] ?? { name: '', versions: [] }, this.#serverAddress)
        : renderGroupList(named);
    }
    const groupName = root === 'api' ? '' : rest.shift()!;
    const group = groups.find(({ name }) => name === groupName);
    if (!group || (root === 'apis' && groupName === '')) return undefined;
    const [versionName] = rest;
    if (versionName === undefined) return renderGroup(group);
    const version = group.versions.find((one) => one.version === versionName);
    return version && renderResourceList(group, version);
  }
}

/** What is plain, the pipeline decides as for any object. */
function negotiate(clauses: readonly MediaType[]): Form {
  for (const clause of clauses) {
    const { as, g, v } = clause.params;
    const type = discoveryTypes.find((one) => accepts(clause, one));
    if (!type) continue;
    if (as === undefined && g === undefined && v === undefined) return 'plain';
    if (as === discoveryKind && g === discoveryGroup && v === discoveryVersion) return { type };
  }
  return 'plain';
}

function indent(body: Uint8Array): Uint8Array {
  return Buffer.from(JSON.stringify(JSON.parse(Buffer.from(body).toString()), undefined, 2));
}
