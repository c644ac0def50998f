/**
 * One thing wrong with one field, in upstream's words (k8s.io/apimachinery's `field` package). A path is a string:
 * `spec.containers[0].name`, `metadata.labels[app]`; children are written with template strings.
 */
import { toJson } from '#base/exact-json.js';
import { escapeHtml, quote } from '#base/go-text.js';

export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'InternalError';

export class FieldError {
  readonly type: FieldErrorType;
  readonly path: string;
  /** The part after the path, which a Status carries as the cause's message. */
  readonly body: string;

  constructor(error: { type: FieldErrorType; path: string; body: string }) {
    this.type = error.type;
    this.path = error.path;
    this.body = error.body;
  }

  get message(): string {
    return `${this.path}: ${this.body}`;
  }
}

/** What is wrong, told one after the other. Undefined is nothing: where others may have their turn (see `Steps`). */
export type FieldErrors<R = void> = Generator<FieldError | undefined, R, undefined>;

/** What a rule gives: all that is wrong as a list, or one after the other. */
export type Found = readonly FieldError[] | Iterable<FieldError | undefined>;

/** All at once. */
export function collect(found: Found): FieldError[] {
  const errors: FieldError[] = [];
  for (const error of found) if (error) errors.push(error);
  return errors;
}

/** Fits into `Steps` and into `FieldErrors`. */
export type InSteps = Generator<undefined, FieldError[], unknown>;

/** All, in steps. */
export function* collectInSteps(found: Found): InSteps {
  const errors: FieldError[] = [];
  for (const error of found) {
    if (error) errors.push(error);
    yield undefined;
  }
  return errors;
}

export function required(path: string, detail = ''): FieldError {
  return make('FieldValueRequired', path, ['Required value', detail]);
}

export function invalidValue(path: string, value: unknown, detail: string): FieldError {
  return make('FieldValueInvalid', path, ['Invalid value', formatValue(value), detail]);
}

/** Where no single value is to blame. */
export function invalidField(path: string, detail: string): FieldError {
  return make('FieldValueInvalid', path, ['Invalid value', detail]);
}

export function typeInvalid(path: string, value: unknown, detail: string): FieldError {
  return make('FieldValueTypeInvalid', path, ['Invalid value', formatValue(value), detail]);
}

/** `supported` is shown in the order given; upstream sorts it for most kinds. */
export function notSupported(path: string, value: unknown, supported: readonly string[]): FieldError {
  // Such values have types of their own, which Go shows as JSON, strings too.
  return unsupported(path, escapeHtml(toJson(value ?? null)), supported);
}

/** Of a field that is a plain string to upstream. */
export function unsupportedText(path: string, value: string, supported: readonly string[]): FieldError {
  return unsupported(path, quote(value), supported);
}

function unsupported(path: string, shown: string, supported: readonly string[]): FieldError {
  const list = supported.map((one) => quote(one)).join(', ');
  return make('FieldValueNotSupported', path, ['Unsupported value', shown, list && `supported values: ${list}`]);
}

export function forbiddenField(path: string, detail: string): FieldError {
  return make('FieldValueForbidden', path, ['Forbidden', detail]);
}

export function duplicate(path: string, value: unknown): FieldError {
  return make('FieldValueDuplicate', path, ['Duplicate value', formatValue(value)]);
}

export function valueNotFound(path: string, value: unknown): FieldError {
  return make('FieldValueNotFound', path, ['Not found', formatValue(value)]);
}

export function tooLong(path: string, bytesMax: number): FieldError {
  return make('FieldValueTooLong', path, ['Too long', `may not be more than ${counted(bytesMax, 'byte')}`]);
}

export function tooMany(path: string, actual: number, itemsMax: number): FieldError {
  return make('FieldValueTooMany', path, [
    'Too many',
    String(actual),
    `must have at most ${counted(itemsMax, 'item')}`,
  ]);
}

export function internalError(path: string, detail: string): FieldError {
  return make('InternalError', path, ['Internal error', detail]);
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

function make(type: FieldErrorType, path: string, parts: string[]): FieldError {
  return new FieldError({ type, path, body: parts.filter((part, index) => index === 0 || part !== '').join(': ') });
}

/** Strings quoted, numbers and booleans plain, the rest as JSON in Go's spelling. */
function formatValue(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (value === undefined) return 'null';
  return escapeHtml(toJson(value));
}
