/**
 * The schemas that a document names: those of built-in types by the schema table, those of custom resources as their
 * definitions say.
 */
import type { GroupVersionKind } from '#apimachinery/object.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import { type Descriptions, type Dialect, type JsonSchema, kindOf, metaV1, SchemaWriter } from './json-schema.js';
import { deleteOptions, status } from './operations.js';

/** The schema of a kind that the table does not have; undefined when any object will do. */
export type CustomSchemaOf = (kind: GroupVersionKind, models: Models) => JsonSchema | undefined;

export interface GroupVersion {
  group: string;
  version: string;
}

export class Models {
  readonly #table: SchemaTable;
  readonly #dialect: Dialect;
  readonly #writer: SchemaWriter;
  readonly #builtin = new Set<string>();
  readonly #custom = new Map<string, JsonSchema>();
  readonly #customOf: CustomSchemaOf;
  readonly #descriptions: Descriptions;

  constructor(options: {
    table: SchemaTable;
    dialect: Dialect;
    descriptions: Descriptions;
    customOf: CustomSchemaOf;
  }) {
    this.#table = options.table;
    this.#dialect = options.dialect;
    this.#writer = new SchemaWriter(options);
    this.#customOf = options.customOf;
    this.#descriptions = options.descriptions;
  }

  /** What every object's field of this name is told to be; of a list with `ofList`. */
  textOf(field: 'apiVersion' | 'kind' | 'metadata', { ofList = false } = {}): string | undefined {
    return this.#descriptions[`io.k8s.api.core.v1.Pod${ofList ? 'List' : ''}`]?.[field];
  }

  /** A reference to the schema of a kind, which is then part of the document. */
  ref(kind: GroupVersionKind | 'Patch'): JsonSchema {
    const name = this.#builtinName(kind);
    return name === undefined ? this.#refToCustom(kind as GroupVersionKind) : this.refToType(name);
  }

  /** A reference to a type of the table. */
  refToType(name: string): JsonSchema {
    this.#builtin.add(name);
    return this.#writer.refTo(name);
  }

  /** A reference with a description, beside which OpenAPI 3.0 ignores what stands. */
  describedRef(name: string, description: string | undefined): JsonSchema {
    const ref = this.refToType(name);
    return this.#dialect === 'v2' ? { description, ...ref } : { description, allOf: [ref] };
  }

  #builtinName(kind: GroupVersionKind | 'Patch'): string | undefined {
    if (kind === 'Patch') return `${metaV1}.Patch`;
    if (kind === deleteOptions || kind === status) return `${metaV1}.${kind.kind}`;
    return this.#table.kind(kind)?.name;
  }

  #refToCustom(kind: GroupVersionKind): JsonSchema {
    const name = [...kind.group.split('.').reverse(), kind.version, kind.kind].join('.');
    if (!this.#custom.has(name)) {
      const given = this.#customOf(kind, this) ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
      this.#custom.set(name, { ...given, 'x-kubernetes-group-version-kind': [kindOf(kind)] });
    }
    return this.#writer.refTo(name);
  }

  /** Every schema that was referred to, and what those refer to. */
  all(served: readonly GroupVersion[]): Record<string, JsonSchema> {
    const schemas = this.#writer.closure(this.#builtin);
    // These stand in every group.
    for (const name of ['DeleteOptions', 'WatchEvent']) {
      const schema = schemas[`${metaV1}.${name}`];
      if (!schema) continue;
      schema['x-kubernetes-group-version-kind'] = served.map((gv) => kindOf({ ...gv, kind: name }));
    }
    for (const kind of ['APIGroup', 'APIGroupList', 'APIResourceList', 'APIVersions', 'Status']) {
      const schema = schemas[`${metaV1}.${kind}`];
      if (schema) schema['x-kubernetes-group-version-kind'] = [kindOf({ ...status, kind })];
    }
    const all = [...Object.entries(schemas), ...this.#custom];
    return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** The schema of a list of objects of a kind. */
export function listSchema(
  { item, list, plural }: { item: GroupVersionKind; list: string; plural: string },
  models: Models,
): JsonSchema {
  return {
    description: `${list} is a list of ${item.kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { description: models.textOf('apiVersion'), type: 'string' },
      items: {
        description: `List of ${plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
        type: 'array',
        items: models.ref(item),
      },
      kind: { description: models.textOf('kind'), type: 'string' },
      metadata: models.describedRef(`${metaV1}.ListMeta`, models.textOf('metadata', { ofList: true })),
    },
  };
}
