/** What is wrong with a value against its schema, in the words of Go's JSON decoder; `decode.ts` makes it a Status. */
import { NumberText } from '#base/exact-json.js';

export type SchemaErrorReason =
  | 'TypeMismatch'
  | 'Format'
  | 'Depth'
  | 'Size'
  | 'Precision'
  | 'Syntax'
  | 'Protobuf'
  | 'UnknownKind';

export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  readonly reason: SchemaErrorReason;
  /** Nothing after it is looked at: see `canonical.ts`. */
  isFinal = false;

  constructor(reason: SchemaErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** The name Go's decoder gives to the kind of a JSON value. */
export function jsonKindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'bigint' || value instanceof NumberText) return 'number';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
