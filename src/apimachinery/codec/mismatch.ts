/**
 * Words for a value that does not fit its type. Upstream has two: those of Go's JSON decoder for bodies, and those of
 * its converter from maps (`runtime.DefaultUnstructuredConverter`) for what a strategic merge patch or an apply gives.
 */
import { NumberText } from '#base/exact-json.js';
import { typeName } from '#base/go-text.js';
import type { Json } from '#base/json.js';
import { type FieldPlan, goTypeOf, type TypePlan } from './plan.js';
import { jsonKindOf, SchemaError } from './schema-error.js';

export type Words = 'json' | 'converter';

/** Where the walk is: the struct fields entered so far. */
export interface Place {
  fields: FieldPlan[];
  words: Words;
}

export interface Wanted {
  /** As Go prints the type. */
  goType: string;
  kind: 'struct' | 'list' | 'map' | 'scalar';
  /** The number itself was the trouble, so the message shows it. */
  literal?: boolean;
}

export function mismatch(value: unknown, place: Place, wanted: Wanted): SchemaError {
  const message = place.words === 'json' ? decoderMessage(value, place, wanted) : converterMessage(value, wanted);
  return new SchemaError('TypeMismatch', message);
}

/** For a scalar field, or one element of it. */
export function scalarMismatch(value: unknown, place: Place, field: FieldPlan): SchemaError {
  return mismatch(value, place, { goType: goTypeOf(field, { element: true }), kind: 'scalar' });
}

/** For a type that is read by its own unmarshaller, of which the converter knows no place. */
export function specialMismatch(value: unknown, place: Place, { goType, literal }: Omit<Wanted, 'kind'>): SchemaError {
  const nowhere: Place = { fields: place.words === 'json' ? place.fields : [], words: 'json' };
  return mismatch(value, nowhere, { goType, literal, kind: 'scalar' });
}

/** apiVersion or kind that is no text. */
export function typeMetaMismatch(value: unknown, place: Place, at: { plan: TypePlan; name: string }): SchemaError {
  if (place.words === 'converter') return mismatch(value, place, { goType: 'string', kind: 'scalar' });
  const path = [...place.fields.map((field) => field.goPath), 'TypeMeta', at.name].join('.');
  return new SchemaError(
    'TypeMismatch',
    `json: cannot unmarshal ${jsonKindOf(value)} into Go struct field ${at.plan.goName}.${path} of type string`,
  );
}

function decoderMessage(value: unknown, { fields }: Place, { goType, literal }: Wanted): string {
  const what = literal ? `number ${value instanceof NumberText ? value.text : value}` : jsonKindOf(value);
  const owner = fields.at(-1)?.owner;
  const path = fields.map((field) => field.goPath).join('.');
  const into =
    owner === undefined ? `Go value of type ${goType}` : `Go struct field ${owner}.${path} of type ${goType}`;
  return `json: cannot unmarshal ${what} into ${into}`;
}

function converterMessage(value: unknown, { goType, kind }: Wanted): string {
  const isNumber = typeof value === 'number';
  if (kind !== 'scalar') {
    const given = Array.isArray(value) ? 'slice' : typeof value === 'object' ? 'map' : typeName(value as Json);
    if (kind === 'struct') return `cannot restore struct from: ${given}`;
    return `cannot restore ${kind === 'list' ? 'slice' : 'map'} from ${given}`;
  }
  // Go converts whole numbers to text, as code points; the converter then thinks better of it.
  const convertible = isNumber && (goType === 'string' ? Number.isInteger(value) : goType !== 'bool');
  if (convertible) return `cannot convert ${typeName(value)} to ${goType}`;
  // The kind of the type: all that have names of their own are texts.
  return `unrecognized type: ${goType.includes('.') ? 'string' : goType}`;
}
