/** Answers `/openapi/v2`, `/openapi/v3` and below. Documents are made when they are asked for, and kept for a while. */
import type { Scheme } from '#api/scheme.js';
import { notAcceptable } from '#apimachinery/errors.js';
import { formatApiVersion, type GroupVersionKind } from '#apimachinery/object.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import { loading } from '#base/loading.js';
import { RecentMap } from '#client/recent-map.js';
import { type ServedGroup, servedGroups } from '../discovery/groups.js';
import { Document, type DocumentRequest, type DocumentResponse, hashOf } from '../document.js';
import { accepts, parseAccept } from '../media-type.js';
import { groupAddress, serverAddresses } from './addresses.js';
import { customSchema, selectableFieldsOf } from './custom-schema.js';
import { encodeGnostic } from './gnostic.js';
import { encodeGnosticV3 } from './gnostic-v3.js';
import type { Descriptions, Dialect, JsonSchema } from './json-schema.js';
import { mergeSpec, type RemoteSpec } from './merge.js';
import { type GroupVersion, listSchema, Models } from './models.js';
import type { Path } from './operations.js';
import { OperationParameters } from './parameters.js';
import { hasAddress, isCustom, renderV2, renderV3, versionPaths } from './render.js';

export interface OpenApiOptions {
  scheme: Scheme;
  table: SchemaTable;
  /** Of Kubernetes: `1.36`. */
  version: string;
  /** Of other servers. */
  remote?: RemoteDocuments;
  /** Default: the generated file, read when first needed. */
  loadDescriptions?: () => Promise<Descriptions>;
}

export interface RemoteDocuments {
  urls(): Iterable<[path: string, url: string]>;
  specs(): Iterable<RemoteSpec>;
  respond(groupVersion: string, request: DocumentRequest): Promise<DocumentResponse | undefined>;
  onChange(listener: () => void): void;
}

/** What a document of version 3 is made from. */
interface Source {
  paths: (parameters: OperationParameters) => Path[];
  served: GroupVersion | 'custom';
}

/** Those that were asked for last are kept: a client that reads all of them does so seldom. */
const documentsMax = 12;
const core: GroupVersion = { group: '', version: 'v1' };
const json = 'application/json';
const encodeJson = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const asText = { contentType: 'text/plain; charset=utf-8', encode: encodeJson };
/** Clients ask with an `@`, which is no character of a media type; upstream answers with a dot. */
const gnosticTypes = { v2: gnosticTypesOf('v2'), v3: gnosticTypesOf('v3') };

export class OpenApi {
  readonly #options: OpenApiOptions;
  #documents = new RecentMap<string, Document>(documentsMax);
  readonly #hashes = new Map<string, string>();
  #groups: ServedGroup[] | undefined;
  #known: ReadonlyMap<string, Source> | undefined;
  /** Read again when it is gone: between documents nobody needs it. */
  #descriptions: WeakRef<Descriptions> | undefined;

  constructor(options: OpenApiOptions) {
    this.#options = options;
    const forget = () => {
      this.#groups = undefined;
      this.#known = undefined;
      this.#documents = new RecentMap(documentsMax);
      this.#hashes.clear();
    };
    options.scheme.onChange(forget);
    options.remote?.onChange(forget);
  }

  /** Undefined when the path is none of OpenAPI's. Throws NotAcceptable. */
  async respond(request: DocumentRequest): Promise<DocumentResponse | undefined> {
    const { path } = request;
    if (path === '/openapi/v2') return this.#respondV2(request);
    // Upstream's says neither what it is nor what it may be.
    if (path === '/openapi/v3') return (await this.#document('v3', () => this.#index(), asText)).respond(request);
    return path.startsWith('/openapi/v3/') ? this.#respondV3(path.slice('/openapi/v3/'.length), request) : undefined;
  }

  async #respondV3(name: string, request: DocumentRequest): Promise<DocumentResponse | undefined> {
    if (name.startsWith('apis/')) {
      const elsewhere = await this.#options.remote?.respond(name.slice('apis/'.length), request);
      if (elsewhere) return elsewhere;
    }
    const source = this.#sources().get(name);
    if (!source) return undefined;
    const contentType = negotiate('v3', request);
    const hash = this.#hashOf(name, source);
    const asked = request.query?.get('hash');
    if (asked && asked !== hash) {
      return { status: 301, headers: { location: `${request.path}?hash=${hash}` }, body: new Uint8Array() };
    }
    const document = await this.#document(
      `${request.path} ${contentType}`,
      async () => {
        const options = await this.#renderOptions('v3');
        return renderV3(source.paths(options.parameters), options, source.served);
      },
      { contentType, encode: encodeGnosticV3 },
    );
    const response = document.respond(request);
    // An address with a hash never changes what it means.
    response.headers['cache-control'] = asked ? 'public, immutable, max-age=31536000' : 'no-cache, private';
    return response;
  }

  async #respondV2(request: DocumentRequest): Promise<DocumentResponse> {
    const contentType = negotiate('v2', request);
    const document = await this.#document(contentType, async () => this.#renderV2(), {
      contentType,
      encode: encodeGnostic,
    });
    return document.respond(request);
  }

  async #renderV2(): Promise<unknown> {
    const document = renderV2(this.#served(), await this.#renderOptions('v2'));
    for (const spec of this.#options.remote?.specs() ?? [])
      mergeSpec(document as Parameters<typeof mergeSpec>[0], spec);
    return document;
  }

  async #document(
    key: string,
    render: () => Promise<unknown> | unknown,
    { contentType, encode }: { contentType: string; encode: (value: unknown) => Uint8Array },
  ): Promise<Document> {
    const known = this.#documents.get(key);
    if (known) return known;
    const groups = this.#served();
    const value = await render();
    const body = contentType === json ? encodeJson(value) : encode(value);
    const document = new Document(contentType, body);
    // The scheme may have changed while descriptions were read.
    if (groups === this.#groups) this.#documents.set(key, document);
    return document;
  }

  #index(): unknown {
    const urls = [...this.#sources()].map(
      ([name, source]) => [name, `/openapi/v3/${name}?hash=${this.#hashOf(name, source)}`] as const,
    );
    const all = [...urls, ...(this.#options.remote?.urls() ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    return { paths: Object.fromEntries(all.map(([name, serverRelativeURL]) => [name, { serverRelativeURL }])) };
  }

  /** What the documents are made from, by their names. */
  #sources(): ReadonlyMap<string, Source> {
    if (this.#known) return this.#known;
    const known = new Map<string, Source>();
    for (const [name, path] of Object.entries(serverAddresses)) known.set(name, { served: core, paths: () => [path] });
    for (const group of this.#served()) {
      if (hasAddress(group)) {
        known.set(`apis/${group.name}`, { served: core, paths: () => [groupAddress(group.name)] });
      }
      for (const version of group.versions) {
        const served = { group: group.name, version: version.version };
        const name = `${group.name ? 'apis' : 'api'}/${formatApiVersion(served)}`;
        known.set(name, {
          served: isCustom(version) ? 'custom' : served,
          paths: (parameters) => versionPaths(group, version, parameters),
        });
      }
    }
    return (this.#known = known);
  }

  /** Of what the document is made from, so that the index need not make every document. */
  #hashOf(name: string, { paths, served }: Source): string {
    let hash = this.#hashes.get(name);
    if (!hash) {
      const { table, version } = this.#options;
      const models = new Models({ table, dialect: 'v3', descriptions: {}, customOf: this.#customOf('v3') });
      const parameters = new OperationParameters({ table, descriptions: {} });
      const value = renderV3(paths(parameters), { models, parameters, version }, served);
      hash = hashOf(Buffer.from(JSON.stringify(value)));
      this.#hashes.set(name, hash);
    }
    return hash;
  }

  async #renderOptions(dialect: Dialect) {
    const { table, version } = this.#options;
    const descriptions = this.#descriptions?.deref() ?? (await (this.#options.loadDescriptions ?? loadGenerated)());
    this.#descriptions = new WeakRef(descriptions);
    const models = new Models({ table, dialect, descriptions, customOf: this.#customOf(dialect) });
    return { models, parameters: new OperationParameters({ table, descriptions }), version };
  }

  readonly #customOf =
    (dialect: Dialect) =>
    (kind: GroupVersionKind, models: Models): JsonSchema | undefined => {
      for (const definition of this.#options.scheme.resources()) {
        if (definition.group !== kind.group || !definition.versions.includes(kind.version)) continue;
        if (definition.kind === kind.kind) return customSchema(definition, kind.version, { dialect, models });
        if (definition.listKind === kind.kind) {
          const { listKind: list, plural } = definition;
          const schema = listSchema({ item: { ...kind, kind: definition.kind }, list, plural }, models);
          return { ...schema, ...selectableFieldsOf(definition, kind.version) };
        }
      }
      return undefined;
    };

  #served(): ServedGroup[] {
    return (this.#groups ??= servedGroups(this.#options.scheme.announced()));
  }
}

async function loadGenerated(): Promise<Descriptions> {
  const { descriptions } = await loading(import('#api/gen/descriptions.js'));
  return JSON.parse(descriptions) as Descriptions;
}

function negotiate(dialect: Dialect, { accept }: DocumentRequest): string {
  const types = gnosticTypes[dialect];
  for (const clause of parseAccept(accept)) {
    if (Object.hasOwn(types, clause.type)) return types[clause.type]!;
    if (accepts(clause, json)) return json;
  }
  throw notAcceptable([json, ...Object.keys(types).slice(0, 1)]);
}

function gnosticTypesOf(dialect: Dialect): Record<string, string> {
  const answered = `application/com.github.proto-openapi.spec.${dialect}.v1.0+protobuf`;
  return { [`application/com.github.proto-openapi.spec.${dialect}@v1.0+protobuf`]: answered, [answered]: answered };
}
