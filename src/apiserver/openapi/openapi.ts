/** Answers `/openapi/v2`, `/openapi/v3` and below. Documents are made when first asked for, and kept. */
import type { Scheme } from '#api/scheme.js';
import { notAcceptable } from '#apimachinery/errors.js';
import { formatApiVersion, type GroupVersionKind } from '#apimachinery/object.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import { type ServedGroup, type ServedVersion, servedGroups } from '../discovery/groups.js';
import { Document, type DocumentRequest, type DocumentResponse, hashOf } from '../document.js';
import { accepts, parseAccept } from '../media-type.js';
import { customSchema } from './custom-schema.js';
import { encodeGnostic } from './gnostic.js';
import { encodeGnosticV3 } from './gnostic-v3.js';
import type { Descriptions, Dialect, JsonSchema } from './json-schema.js';
import { mergeSpec, type RemoteSpec } from './merge.js';
import { listSchema, Models } from './models.js';
import { renderV2, renderV3 } from './render.js';

export interface OpenApiOptions {
  scheme: Scheme;
  table: SchemaTable;
  /** As in `/version`: `v1.36.0`. */
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

const json = 'application/json';
const asJson = { contentType: json, encode: (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value)) };
/** Clients ask with an `@`, which is no character of a media type; upstream answers with a dot. */
const gnosticTypes = { v2: gnosticTypesOf('v2'), v3: gnosticTypesOf('v3') };

export class OpenApi {
  readonly #options: OpenApiOptions;
  readonly #documents = new Map<string, Document>();
  readonly #hashes = new Map<string, string>();
  #groups: ServedGroup[] | undefined;
  #descriptions: Promise<Descriptions> | undefined;

  constructor(options: OpenApiOptions) {
    this.#options = options;
    const forget = () => {
      this.#groups = undefined;
      this.#documents.clear();
      this.#hashes.clear();
    };
    options.scheme.onChange(forget);
    options.remote?.onChange(forget);
  }

  /** Undefined when the path is none of OpenAPI's. Throws NotAcceptable. */
  async respond(request: DocumentRequest): Promise<DocumentResponse | undefined> {
    const { path } = request;
    if (path === '/openapi/v2') return this.#respondV2(request);
    if (path === '/openapi/v3' || path === '/openapi/v3/') {
      expectJson(request);
      return (await this.#document('v3', () => this.#index())).respond(request);
    }
    const match = /^\/openapi\/v3\/(?:api\/(?<core>[^/]+)|apis\/(?<group>[^/]+)\/(?<version>[^/]+))$/.exec(path);
    if (!match) return undefined;
    const { core, group = '', version = core! } = match.groups as Record<string, string | undefined>;
    return this.#respondV3({ group, version }, request);
  }

  async #respondV3(gv: { group: string; version: string }, request: DocumentRequest) {
    const elsewhere = await this.#options.remote?.respond(`${gv.group}/${gv.version}`, request);
    if (elsewhere) return elsewhere;
    const group = this.#served().find(({ name }) => name === gv.group);
    const version = group?.versions.find((one) => one.version === gv.version);
    if (!group || !version) return undefined;
    const contentType = negotiate('v3', request);
    const hash = this.#hashOf(group, version);
    const asked = request.query?.get('hash');
    if (asked && asked !== hash) {
      return { status: 301, headers: { location: `${request.path}?hash=${hash}` }, body: new Uint8Array() };
    }
    const document = await this.#document(
      `${request.path} ${contentType}`,
      async () => renderV3(group, version, { ...(await this.#renderOptions('v3')), served: [gv] }),
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
    const groups = this.#served();
    const served = groups.flatMap(({ name, versions }) => versions.map(({ version }) => ({ group: name, version })));
    const document = renderV2(groups, { ...(await this.#renderOptions('v2')), served });
    for (const spec of this.#options.remote?.specs() ?? [])
      mergeSpec(document as Parameters<typeof mergeSpec>[0], spec);
    return document;
  }

  async #document(
    key: string,
    render: () => Promise<unknown> | unknown,
    { contentType, encode }: { contentType: string; encode: (value: unknown) => Uint8Array } = asJson,
  ): Promise<Document> {
    const known = this.#documents.get(key);
    if (known) return known;
    const groups = this.#served();
    const value = await render();
    const body = contentType === json ? asJson.encode(value) : encode(value);
    const document = new Document(contentType, body);
    // The scheme may have changed while descriptions were read.
    if (groups === this.#groups) this.#documents.set(key, document);
    return document;
  }

  #index(): unknown {
    const paths: Record<string, unknown> = {};
    for (const group of this.#served()) {
      for (const version of group.versions) {
        const root = `${group.name ? 'apis' : 'api'}/${formatApiVersion({ group: group.name, version: version.version })}`;
        paths[root] = { serverRelativeURL: `/openapi/v3/${root}?hash=${this.#hashOf(group, version)}` };
      }
    }
    for (const [path, serverRelativeURL] of this.#options.remote?.urls() ?? []) paths[path] = { serverRelativeURL };
    return { paths };
  }

  /** Of what the document is made from, so that the index need not make every document. */
  #hashOf(group: ServedGroup, version: ServedVersion): string {
    const key = formatApiVersion({ group: group.name, version: version.version });
    let hash = this.#hashes.get(key);
    if (!hash) {
      const { table, version: server } = this.#options;
      const models = new Models({ table, dialect: 'v3', descriptions: {}, customOf: this.#customOf('v3') });
      const value = renderV3(group, version, { models, version: server, served: [] });
      hash = hashOf(Buffer.from(JSON.stringify(value)));
      this.#hashes.set(key, hash);
    }
    return hash;
  }

  async #renderOptions(dialect: Dialect) {
    const { table, version } = this.#options;
    const descriptions = await (this.#descriptions ??= (this.#options.loadDescriptions ?? loadGenerated)());
    return { models: new Models({ table, dialect, descriptions, customOf: this.#customOf(dialect) }), version };
  }

  readonly #customOf =
    (dialect: Dialect) =>
    (kind: GroupVersionKind, models: Models): JsonSchema | undefined => {
      for (const definition of this.#options.scheme.resources()) {
        if (definition.group !== kind.group || !definition.versions.includes(kind.version)) continue;
        if (definition.kind === kind.kind) return customSchema(definition, kind.version, { dialect, models });
        if (definition.listKind === kind.kind) return listSchema({ ...kind, kind: definition.kind }, models);
      }
      return undefined;
    };

  #served(): ServedGroup[] {
    return (this.#groups ??= servedGroups(this.#options.scheme.resources()));
  }
}

async function loadGenerated(): Promise<Descriptions> {
  const { descriptions } = await import('#api/gen/descriptions.js');
  return JSON.parse(descriptions) as Descriptions;
}

function expectJson({ accept }: DocumentRequest): void {
  if (!parseAccept(accept).some((clause) => accepts(clause, json))) throw notAcceptable([json]);
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
