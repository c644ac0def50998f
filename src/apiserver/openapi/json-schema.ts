/**
 * Types of the schema table as JSON schemas in the two dialects of OpenAPI, with Kubernetes' extensions
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/, kube-openapi).
 */
import { type FieldPlan, planOf, type TypePlan } from '#apimachinery/codec/plan.js';
import type { Scalar, SchemaTable } from '#apimachinery/schema.js';

export const metaV1 = 'io.k8s.apimachinery.pkg.apis.meta.v1';

export type Dialect = 'v2' | 'v3';
export type JsonSchema = Record<string, unknown>;
/** Type name to field name ('' is the type) to text. */
export type Descriptions = Record<string, Record<string, string> | undefined>;

export class SchemaWriter {
  readonly #table: SchemaTable;
  readonly #dialect: Dialect;
  readonly #descriptions: Descriptions;

  constructor(options: { table: SchemaTable; dialect: Dialect; descriptions: Descriptions }) {
    this.#table = options.table;
    this.#dialect = options.dialect;
    this.#descriptions = options.descriptions;
  }

  /** The named types and all that they refer to, by name. */
  closure(names: Iterable<string>): Record<string, JsonSchema> {
    const found = new Map<string, JsonSchema>();
    const visit = (name: string) => {
      if (found.has(name)) return;
      const plan = planOf(this.#table, name);
      if (!plan) throw new TypeError(`the schema table lacks ${name}`);
      found.set(name, this.#type(plan));
      if (plan.codec && plan.codec !== 'items') return;
      for (const field of plan.fields) if (!field.scalar) visit(field.schema.type);
    };
    for (const name of names) visit(name);
    return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  refTo(name: string): JsonSchema {
    return { $ref: `#/${this.#dialect === 'v2' ? 'definitions' : 'components/schemas'}/${name}` };
  }

  #type(plan: TypePlan): JsonSchema {
    const { schema } = plan;
    const out: JsonSchema = {};
    const texts = this.#descriptions[schema.name] ?? {};
    if (texts['']) out['description'] = texts[''];
    if (plan.codec) return { ...out, ...this.#special(plan) };
    out['type'] = 'object';
    const properties: Record<string, JsonSchema> = {};
    if (plan.typeMeta) {
      for (const name of ['apiVersion', 'kind']) properties[name] = { ...described(texts[name]), type: 'string' };
    }
    for (const field of plan.fields) properties[field.name] = this.#field(field, texts[field.name]);
    const names = Object.keys(properties).sort();
    if (names.length > 0) out['properties'] = Object.fromEntries(names.map((name) => [name, properties[name]]));
    const required = plan.fields.filter((field) => field.schema.required).map(({ name }) => name);
    if (required.length > 0) out['required'] = required;
    if (schema.kind) out['x-kubernetes-group-version-kind'] = [kindOf(schema.kind)];
    if (schema.structType) out['x-kubernetes-map-type'] = schema.structType;
    if (schema.unions) {
      out['x-kubernetes-unions'] = schema.unions.map(({ d, f }) => ({
        ...(d ? { discriminator: d } : {}),
        'fields-to-discriminateBy': f,
      }));
    }
    return out;
  }

  #field(field: FieldPlan, description: string | undefined): JsonSchema {
    const { schema } = field;
    const out: JsonSchema = { ...described(description), ...this.#shape(field) };
    if (schema.enum && schema.shape === 'single') out['enum'] = schema.enum;
    // Version 2 tells no defaults, version 3 those of Go's zero values too.
    const value = this.#dialect === 'v3' ? (schema.default ?? zeroOf(field)) : undefined;
    if (value !== undefined) out['default'] = value;
    if (schema.nullable) out[this.#dialect === 'v3' ? 'nullable' : 'x-nullable'] = true;
    if (schema.listType) out['x-kubernetes-list-type'] = schema.listType;
    if (schema.listMapKeys) out['x-kubernetes-list-map-keys'] = schema.listMapKeys;
    if (schema.mapType ?? schema.structType) out['x-kubernetes-map-type'] = schema.mapType ?? schema.structType;
    if (schema.patchStrategy) out['x-kubernetes-patch-strategy'] = schema.patchStrategy;
    if (schema.patchMergeKey) out['x-kubernetes-patch-merge-key'] = schema.patchMergeKey;
    if ('$ref' in out && this.#dialect === 'v3' && Object.keys(out).length > 1) {
      // OpenAPI 3.0 ignores what stands beside a $ref.
      const { $ref, ...rest } = out;
      return { ...rest, allOf: [{ $ref }] };
    }
    return out;
  }

  #shape(field: FieldPlan): JsonSchema {
    const { shape, type, enum: values } = field.schema;
    const one = field.scalar ? scalarSchema(field) : this.refTo(type);
    const element = values ? { ...one, enum: values } : one;
    switch (shape) {
      case 'single':
        return one;
      case 'list':
        return { type: 'array', items: element };
      case 'map':
        return { type: 'object', additionalProperties: element };
      default:
        return { type: 'object', additionalProperties: { type: 'array', items: one } };
    }
  }

  #special({ schema }: TypePlan): JsonSchema {
    const v3 = this.#dialect === 'v3';
    switch (schema.codec) {
      case 'quantity':
        return v3 ? { oneOf: [{ type: 'string' }, { type: 'number' }] } : { type: 'string' };
      case 'intOrString':
        return v3
          ? { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }
          : { type: 'string', format: 'int-or-string' };
      case 'items':
        return { type: 'array', items: { type: 'string' } };
      case 'raw':
        return { type: 'object' };
      case 'rawJSON':
        return schema.json === 'object' ? { type: 'object' } : {};
      case 'time':
      case 'microTime':
        return { type: 'string', format: 'date-time' };
      case 'duration':
        return { type: 'string' };
      default:
        return {};
    }
  }
}

export function kindOf({ group, version, kind }: { group: string; version: string; kind: string }) {
  return { group, kind, version };
}

function described(description: string | undefined): JsonSchema {
  return description ? { description } : {};
}

/** What Go has where nothing is set, of fields that are written even so; undefined of what JSON would show as null. */
function zeroOf(field: FieldPlan): unknown {
  const { shape, pointer, omitEmpty } = field.schema;
  if (shape !== 'single' || pointer) return undefined;
  if (!field.scalar) return field.type.codec ? undefined : {};
  if (omitEmpty) return undefined;
  return zeros[field.scalar];
}

const zeros: Partial<Record<Scalar, unknown>> = { string: '', bool: false, int32: 0, int64: 0, double: 0 };

function scalarSchema({ scalar, schema }: FieldPlan): JsonSchema {
  switch (scalar) {
    case 'int32':
    case 'int64':
      return { type: 'integer', format: scalar };
    case 'bool':
      return { type: 'boolean' };
    case 'double':
      return { type: 'number', format: 'double' };
    case 'bytes':
      return { type: 'string', format: 'byte' };
    case 'string':
      return schema.format ? { type: 'string', format: schema.format } : { type: 'string' };
    default:
      return {};
  }
}
