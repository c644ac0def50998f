/** What validation finds, in the words and forms of kube-openapi, before it is told as field errors. */
import {
  type FieldError,
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
  typeInvalid,
} from '../field-error.js';

/**
 * Errors of one message are told once. `matches` counts the checks that were made, for choosing what to tell. Made for
 * every value of an object, and nearly always without errors.
 */
export class Result {
  /** Of a check that had nothing to look at. Not to be changed. */
  static readonly fine = new Result();

  #errors: Map<string, FieldError> | undefined;
  matches = 0;

  get isValid(): boolean {
    return this.#errors === undefined;
  }

  get errors(): FieldError[] {
    return this.#errors ? [...this.#errors.values()] : [];
  }

  add({ text, error }: Finding): void {
    this.#errors ??= new Map();
    if (!this.#errors.has(text)) this.#errors.set(text, error);
  }

  /** Takes over the other, which is not to be used any more. */
  merge(other: Result): void {
    this.matches += other.matches;
    if (!other.#errors) return;
    if (!this.#errors) this.#errors = other.#errors;
    else for (const [text, error] of other.#errors) if (!this.#errors.has(text)) this.#errors.set(text, error);
  }

  clear(): void {
    this.#errors = undefined;
  }
}

/** `text` is how kube-openapi tells it, by which findings are told apart. */
export interface Finding {
  text: string;
  error: FieldError;
}

/**
 * Where a value is: `name` as kube-openapi calls it, relative to what is validated, and `base`, the path of that
 * ('' is the object).
 */
export interface Place {
  name: string;
  base: string;
}

export function fieldPath({ name, base }: Place): string {
  const relative = name.startsWith('.') ? name.slice(1) : name;
  if (!relative || relative === '.') return base || noPath;
  return base ? `${base}.${relative}` : relative;
}

/** How Go prints the path of what has none. */
const noPath = '<nil>';

/** `spec.size in body should be less than 100`. */
export function unfit(place: Place, value: unknown, why: string): Finding {
  const text = `${place.name} in body ${why}`;
  return { text, error: invalidValue(fieldPath(place), value ?? '', text) };
}

/** `actual` is the type that the value has, or the text that is not of the format. */
export function wrongType(place: Place, wanted: string, actual: string): Finding {
  const text = `${place.name} in body must be of type ${wanted}: ${JSON.stringify(actual)}`;
  return { text, error: typeInvalid(fieldPath(place), actual, text) };
}

export function missing(place: Place): Finding {
  return { text: `${place.name} in body is required`, error: required(fieldPath(place)) };
}

export function notListed(place: Place, value: unknown, allowed: readonly unknown[]): Finding {
  const values = allowed.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  return { text: `${place.name} in body should be one of`, error: notSupported(fieldPath(place), value, values) };
}

export function longer(place: Place, charactersMax: number): Finding {
  return { text: `${place.name} in body should be at most`, error: tooLong(fieldPath(place), charactersMax) };
}

export function more(place: Place, actual: number, countMax: number): Finding {
  return { text: `${place.name} in body should have at most`, error: tooMany(fieldPath(place), actual, countMax) };
}

/** What kube-openapi says of the whole. */
export function general({ base }: Place, text: string): Finding {
  return { text, error: invalidValue(base || noPath, '', text) };
}
