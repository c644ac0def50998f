/**
 * The schema table in the form that walks over values want: each type's JSON fields in one list (those of inlined
 * structs in place), with the type of each field at hand. Made once a type, when first used.
 */

import {
  type FieldSchema,
  isScalar,
  type Scalar,
  type SchemaTable,
  type SpecialCodec,
  type TypeSchema,
} from '../schema.js';
import { goNameOf } from './go-names.js';

export interface TypePlan {
  readonly schema: TypeSchema;
  readonly codec: SpecialCodec | undefined;
  readonly typeMeta: boolean;
  /** The struct's name in Go, which error messages show: `PodSpec`. */
  readonly goName: string;
  /** In JSON emission order. */
  readonly fields: readonly FieldPlan[];
  readonly byName: ReadonlyMap<string, FieldPlan>;
}

export class FieldPlan {
  readonly name: string;
  /** The name behind those of the inlined structs that it stands in, as Go's decoder tells it. */
  readonly goPath: string;
  readonly schema: FieldSchema;
  /** The Go name of the struct that JSON shows the field in (for a field of an inlined struct, the outer one). */
  readonly owner: string;
  /** The OpenAPI name of that struct. */
  readonly ownerName: string;
  readonly scalar: Scalar | undefined;
  /** Whether the value is left out when empty: Go's omitempty on what is neither a pointer nor a struct. */
  readonly dropsEmpty: boolean;
  readonly #resolve: () => TypePlan;
  #type: TypePlan | undefined;

  constructor(
    schema: FieldSchema,
    {
      ownerName,
      owner,
      embedding,
      resolve,
    }: { ownerName: string; owner: string; embedding: string; resolve: (name: string) => TypePlan },
  ) {
    this.name = schema.name;
    this.goPath = `${embedding}${schema.name}`;
    this.schema = schema;
    this.owner = owner;
    this.ownerName = ownerName;
    this.scalar = isScalar(schema.type) ? schema.type : undefined;
    this.dropsEmpty = schema.omitEmpty === true && schema.pointer !== true;
    this.#resolve = () => resolve(schema.type);
  }

  /** Of the value, or of the elements of a list or map. Only when `scalar` is undefined. */
  get type(): TypePlan {
    return (this.#type ??= this.#resolve());
  }
}

const plans = new WeakMap<SchemaTable, Map<string, TypePlan>>();

/** The plan of a type; undefined when the table does not have it. */
export function planOf(table: SchemaTable, typeName: string): TypePlan | undefined {
  let known = plans.get(table);
  if (!known) plans.set(table, (known = new Map()));
  let plan = known.get(typeName);
  if (!plan) {
    const schema = table.type(typeName);
    if (!schema) return undefined;
    known.set(typeName, (plan = makePlan(table, schema)));
  }
  return plan;
}

function makePlan(table: SchemaTable, schema: TypeSchema): TypePlan {
  const goName = shortName(schema.name);
  const resolve = (name: string): TypePlan => {
    const plan = planOf(table, name);
    if (!plan) throw new TypeError(`the schema table lacks ${name}, which ${schema.name} uses`);
    return plan;
  };
  const fields = flatten(schema, resolve).map(
    ({ field, embedding }) => new FieldPlan(field, { ownerName: schema.name, owner: goName, embedding, resolve }),
  );
  return {
    schema,
    codec: schema.codec,
    typeMeta: schema.typeMeta === true,
    goName,
    fields,
    byName: new Map(fields.map((field) => [field.name, field])),
  };
}

function flatten(
  schema: TypeSchema,
  resolve: (name: string) => TypePlan,
  embedding = '',
): { field: FieldSchema; embedding: string }[] {
  return schema.fields.flatMap((field) =>
    field.inline
      ? flatten(resolve(field.type).schema, resolve, `${embedding}${shortName(field.type)}.`)
      : [{ field, embedding }],
  );
}

function shortName(typeName: string): string {
  return typeName.slice(typeName.lastIndexOf('.') + 1);
}

const goScalars: Record<Scalar, string> = {
  string: 'string',
  int32: 'int32',
  int64: 'int64',
  bool: 'bool',
  double: 'float64',
  bytes: '[]uint8',
  any: 'interface {}',
};

/** How Go prints the type of a field, or of one element of it: `map[string]string`, `[]v1.Container`. */
export function goTypeOf(field: FieldPlan, { element = false } = {}): string {
  const single = field.scalar
    ? (goNameOf(field.ownerName, field.name) ?? goScalars[field.scalar])
    : qualifiedGoName(field.schema.type);
  if (element || field.schema.shape === 'single') return single;
  if (field.schema.shape === 'list') return `[]${single}`;
  if (field.schema.shape === 'mapOfLists') return `map[string]v1.ExtraValue`;
  return single === 'resource.Quantity' ? 'v1.ResourceList' : `map[string]${single}`;
}

/** `io.k8s.api.core.v1.PodSpec` is `v1.PodSpec`. */
export function qualifiedGoName(typeName: string): string {
  return typeName.split('.').slice(-2).join('.');
}
