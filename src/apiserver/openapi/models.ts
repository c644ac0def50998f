/**
 * The schemas that a document names: those of built-in types by the schema table, those of custom resources as their
 * definitions say.
 */
import type { GroupVersionKind } from '#apimachinery/object.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import { type Descriptions, type Dialect, type JsonSchema, kindOf, SchemaWriter } from './json-schema.js';
import { deleteOptions, status } from './operations.js';

/** The schema of a kind that the table does not have; undefined when any object will do. */
export type CustomSchemaOf = (kind: GroupVersionKind, models: Models) => JsonSchema | undefined;

const metaV1 = 'io.k8s.apimachinery.pkg.apis.meta.v1';

export class Models {
  readonly #table: SchemaTable;
  readonly #writer: SchemaWriter;
  readonly #builtin = new Set<string>();
  readonly #custom = new Map<string, JsonSchema>();
  readonly #customOf: CustomSchemaOf;

  constructor(options: {
    table: SchemaTable;
    dialect: Dialect;
    descriptions: Descriptions;
    customOf: CustomSchemaOf;
  }) {
    this.#table = options.table;
    this.#writer = new SchemaWriter(options);
    this.#customOf = options.customOf;
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
  all(served: readonly { group: string; version: string }[]): Record<string, JsonSchema> {
    const schemas = this.#writer.closure(this.#builtin);
    // These stand in every group.
    for (const name of ['DeleteOptions', 'WatchEvent']) {
      const schema = schemas[`${metaV1}.${name}`];
      if (!schema) continue;
      schema['x-kubernetes-group-version-kind'] = served.map((gv) => kindOf({ ...gv, kind: name }));
    }
    const statusSchema = schemas[`${metaV1}.Status`];
    if (statusSchema) statusSchema['x-kubernetes-group-version-kind'] = [kindOf(status)];
    const all = [...Object.entries(schemas), ...this.#custom];
    return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** The schema of a list of objects of a kind. */
export function listSchema(item: GroupVersionKind, models: Models): JsonSchema {
  return {
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      items: { type: 'array', items: models.ref(item) },
      kind: { type: 'string' },
      metadata: models.refToType(`${metaV1}.ListMeta`),
    },
  };
}
