/**
 * Asks the server of the kinds behind resources, and of their schemas, as its OpenAPI tells them.
 * https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
 */
import type { GroupVersionResource } from '#api/scheme.js';
import { isReason } from '#apimachinery/errors.js';
import type { GroupVersionKind } from '#apimachinery/object.js';
import type { Schema } from '#apimachinery/structural/schema.js';
import type { Transport } from './transport.js';

/** As OpenAPI writes schemas: they refer to one another. */
interface Published extends Omit<Schema, 'properties' | 'additionalProperties' | 'items' | 'allOf'> {
  $ref?: string;
  allOf?: readonly Published[];
  properties?: Readonly<Record<string, Published>>;
  additionalProperties?: Published | boolean;
  items?: Published;
  'x-kubernetes-group-version-kind'?: readonly GroupVersionKind[];
}

interface OpenApi {
  components?: { schemas?: Readonly<Record<string, Published>> };
}

interface ResourceList {
  resources?: readonly { name: string; kind: string }[];
}

/** Keeps the answers: to be made anew for each occasion. */
export class KindSchemas {
  readonly #transport: Transport;
  readonly #answers = new Map<string, Promise<unknown>>();
  readonly #signal: AbortSignal | undefined;

  constructor(transport: Transport, signal?: AbortSignal) {
    this.#transport = transport;
    this.#signal = signal;
  }

  /** undefined for a resource that is not served. */
  async kindOf({ group, version, resource }: GroupVersionResource): Promise<GroupVersionKind | undefined> {
    const list = await this.#get<ResourceList>(`/${pathOf({ group, version })}`);
    const found = list?.resources?.find(({ name }) => name === resource);
    return found && { group, version, kind: found.kind };
  }

  /** Whole, with all that it refers to; undefined for a kind that has none. */
  async schemaOf({ group, version, kind }: GroupVersionKind): Promise<Schema | undefined> {
    const document = await this.#get<OpenApi>(`/openapi/v3/${pathOf({ group, version })}`);
    const schemas = document?.components?.schemas ?? {};
    for (const [name, schema] of Object.entries(schemas)) {
      const kinds = schema['x-kubernetes-group-version-kind'] ?? [];
      if (kinds.some((one) => one.group === group && one.version === version && one.kind === kind))
        return new Resolver(schemas).resolve({ $ref: `${prefix}${name}` });
    }
    return undefined;
  }

  #get<T>(path: string): Promise<T | undefined> {
    let answer = this.#answers.get(path);
    if (!answer) this.#answers.set(path, (answer = this.#ask(path)));
    return answer as Promise<T | undefined>;
  }

  async #ask(path: string): Promise<unknown> {
    try {
      return (await this.#transport.request({ method: 'GET', path, signal: this.#signal })).body;
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }
}

const pathOf = ({ group, version }: { group: string; version: string }) =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`;

const prefix = '#/components/schemas/';

class Resolver {
  readonly #schemas: Readonly<Record<string, Published>>;
  readonly #open = new Set<string>();

  constructor(schemas: Readonly<Record<string, Published>>) {
    this.#schemas = schemas;
  }

  resolve(published: Published): Schema {
    const name = nameIn(published);
    if (name === undefined) return this.#parts(published);
    const target = this.#schemas[name];
    // A type within itself is not followed any further.
    if (this.#open.has(name) || !target) return { type: 'object' };
    this.#open.add(name);
    const resolved = this.#parts(target);
    this.#open.delete(name);
    return resolved;
  }

  #parts({ allOf: _, properties, additionalProperties, items, ...rest }: Published): Schema {
    const schema: Schema = { ...rest };
    // Built-in types say it so, custom ones by the extension.
    if (schema.format === 'int-or-string') schema['x-kubernetes-int-or-string'] = true;
    if (properties) {
      const fields = Object.entries(properties).map(([name, field]) => [name, this.resolve(field)] as const);
      schema.properties = Object.fromEntries(fields);
    }
    if (items) schema.items = this.resolve(items);
    if (typeof additionalProperties === 'object') schema.additionalProperties = this.resolve(additionalProperties);
    return schema;
  }
}

/** What stands beside a reference is wrapped around it. */
function nameIn({ $ref, allOf }: Published): string | undefined {
  if ($ref !== undefined) return $ref.slice(prefix.length);
  return allOf?.map(nameIn).find((name) => name !== undefined);
}
