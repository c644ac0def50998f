/**
 * An object as Go prints a struct of k8s.io/api with the types of its fields (`%#v` of the spew package, without
 * addresses): upstream's names of ReplicaSets and of DaemonSets' revisions are hashes of that text
 * (kubernetes/kubernetes pkg/util/hash).
 */
import { type FieldPlan, goTypeOf, planOf, qualifiedGoName, type TypePlan } from '#apimachinery/codec/plan.js';
import type { FieldSchema, Scalar } from '#apimachinery/schema.js';
import { builtinSchemas } from '../schema-table.js';
import { goFieldName } from './go-dump.js';
import { formatQuantity } from './go-quantity.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * `typeName` is the OpenAPI name. What is empty is taken for what is not there, as it is once it has been stored; only
 * behind a pointer does it say something else.
 */
export function goFormat(typeName: string, value: object): string {
  return `(${qualifiedGoName(typeName)})${formatStruct(planNamed(typeName), value as Fields)}`;
}

function planNamed(typeName: string): TypePlan {
  const plan = planOf(builtinSchemas, typeName);
  if (!plan) throw new TypeError(`there is no type ${typeName}`);
  return plan;
}

/** An inlined struct is a field of its own, `inlined`, whose fields JSON shows among the others. */
function formatStruct(plan: TypePlan, fields: Fields, inlined: TypePlan = plan): string {
  const texts = inlined.schema.fields.map((field) => {
    if (!field.inline) return formatField(plan, plan.byName.get(field.name)!, fields[field.name]);
    const inner = planNamed(field.type);
    return `${inner.goName}:(${qualifiedGoName(field.type)})${formatStruct(plan, fields, inner)}`;
  });
  return `{${texts.join(' ')}}`;
}

function formatField({ goName }: TypePlan, field: FieldPlan, value: unknown): string {
  const isPointer = field.schema.pointer === true && field.schema.shape === 'single';
  return `${goFieldName(goName, field.name)}:(${isPointer ? '*' : ''}${goTypeOf(field)})${formatValue(field, value)}`;
}

function formatValue(field: FieldPlan, value: unknown): string {
  if (isUnset(field.schema, value)) return '<nil>';
  const { shape } = field.schema;
  if (shape === 'list') return `[${(value as unknown[]).map((one) => formatSingle(field, one)).join(' ')}]`;
  if (shape === 'single') return formatSingle(field, value);
  const entries = Object.entries(value as Fields).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `map[${entries.map(([key, one]) => `${key}:${formatSingle(field, one)}`).join(' ')}]`;
}

function isUnset({ shape, pointer }: FieldSchema, value: unknown): boolean {
  if (shape === 'single') return pointer === true && (value === undefined || value === null);
  return !value || Object.keys(value).length === 0;
}

const zeros: Readonly<Record<Scalar, string>> = {
  string: '',
  bytes: '<nil>',
  bool: 'false',
  int32: '0',
  int64: '0',
  double: '0',
  any: '<nil>',
};

function formatSingle(field: FieldPlan, value: unknown): string {
  if (field.scalar) return value === undefined || value === null ? zeros[field.scalar] : String(value);
  switch (field.type.codec) {
    case 'quantity':
      return formatQuantity((value ?? '0') as string | number);
    case 'intOrString':
      return typeof value === 'string'
        ? `{Type:(intstr.Type)1 IntVal:(int32)0 StrVal:(string)${value}}`
        : `{Type:(intstr.Type)0 IntVal:(int32)${value ?? 0} StrVal:(string)}`;
    case 'time':
      return formatTime(value as string | undefined);
    case 'rawJSON':
      return `{Raw:([]uint8)[${[...Buffer.from(JSON.stringify(value))].join(' ')}]}`;
    default:
      return formatStruct(field.type, (value ?? {}) as Fields);
  }
}

/** From the year 1, where Go's time begins, to 1970. */
const secondsBefore1970 = 62_135_596_800;

/** The zone is left out: Go would print what it knows of the machine's. */
function formatTime(text: string | undefined): string {
  const seconds = text ? Date.parse(text) / 1000 + secondsBefore1970 : 0;
  return `{Time:(time.Time){wall:(uint64)0 ext:(int64)${seconds} loc:(*time.Location)<nil>}}`;
}
