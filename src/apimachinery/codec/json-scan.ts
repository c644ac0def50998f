/**
 * Reads JSON text for what JSON.parse does not tell: what is wrong with bad text, in Go's words, and, against a type's
 * plan, which fields are unknown or given twice. Slower than JSON.parse, so run only when there is such a question.
 */
import { depthMax } from './canonical.js';
import type { FieldPlan, TypePlan } from './plan.js';
import { SchemaError } from './schema-error.js';

/** As many faults as upstream lists. */
const faultsMax = 100;

/** The type of the value to come: a plan; a field's elements; free form; or not looked into at all. */
type Expected = TypePlan | ElementOf | 'any' | 'skip';

class ElementOf {
  readonly field: FieldPlan;
  readonly level: 'field' | 'element';

  constructor(field: FieldPlan, level: 'field' | 'element') {
    this.field = field;
    this.level = level;
  }
}

/** `unknown field "spec.foo"`, `duplicate field "spec.replicas"`, in text order. Throws SchemaError on bad text. */
export function findFieldFaults(text: string, plan: TypePlan | undefined): string[] {
  const scan = new Scan(text);
  scan.document(plan ?? 'any');
  return [...scan.faults];
}

/** Throws the SchemaError that says why Go would not read the text; returns when it would. */
export function explainBadJson(text: string): void {
  new Scan(text).document('skip');
}

class Scan {
  readonly faults = new Set<string>();
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(expected: Expected): void {
    this.#value(expected, '');
    this.#space();
    if (this.#at < this.#text.length) throw this.#bad('after top-level value');
  }

  #value(expected: Expected, path: string): void {
    this.#space();
    const char = this.#text[this.#at];
    if (char === '{') this.#object(expected, path);
    else if (char === '[') this.#array(expected, path);
    else if (char === '"') this.#string();
    else if (char === 't') this.#literal('true');
    else if (char === 'f') this.#literal('false');
    else if (char === 'n') this.#literal('null');
    else if (char === '-' || isDigit(char)) this.#number();
    else throw this.#bad('looking for beginning of value');
  }

  #object(expected: Expected, path: string): void {
    this.#enter();
    const seen = new Set<string>();
    this.#space();
    if (this.#text[this.#at] === '}') {
      this.#leave();
      return;
    }
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#bad('looking for beginning of object key string');
      const key = this.#string();
      this.#space();
      if (this.#text[this.#at] !== ':') throw this.#bad('after object key');
      this.#at++;
      this.#member(expected, { key, path, seen });
      this.#space();
      const char = this.#text[this.#at];
      if (char === '}') break;
      if (char !== ',') throw this.#bad('after object key:value pair');
      this.#at++;
    }
    this.#leave();
  }

  #member(expected: Expected, { key, path, seen }: { key: string; path: string; seen: Set<string> }): void {
    if (expected === 'skip') {
      this.#value('skip', path);
      return;
    }
    const full = path === '' ? key : `${path}.${key}`;
    const inner = memberOf(expected, key);
    if (inner === undefined) this.#fault(`unknown field ${JSON.stringify(full)}`);
    else if (seen.has(key)) this.#fault(`duplicate field ${JSON.stringify(full)}`);
    seen.add(key);
    this.#value(inner ?? 'skip', full);
  }

  #array(expected: Expected, path: string): void {
    this.#enter();
    const inner = elementOf(expected);
    this.#space();
    if (this.#text[this.#at] === ']') {
      this.#leave();
      return;
    }
    for (let index = 0; ; index++) {
      this.#value(inner, `${path}[${index}]`);
      this.#space();
      const char = this.#text[this.#at];
      if (char === ']') break;
      if (char !== ',') throw this.#bad('after array element');
      this.#at++;
    }
    this.#leave();
  }

  #enter(): void {
    this.#at++;
    if (++this.#depth > depthMax) throw new SchemaError('Depth', 'exceeded max depth');
  }

  #leave(): void {
    this.#at++;
    this.#depth--;
  }

  #fault(text: string): void {
    if (this.faults.size < faultsMax) this.faults.add(text);
  }

  #string(): string {
    const start = this.#at++;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x22) break;
      if (code === 0x5c) this.#escape();
      else if (code >= 0x20) this.#at++;
      else throw this.#bad('in string literal');
    }
    this.#at++;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #escape(): void {
    this.#at++;
    const char = this.#text[this.#at];
    if (char === undefined || !'bfnrt\\/"u'.includes(char)) throw this.#bad('in string escape code');
    this.#at++;
    if (char !== 'u') return;
    for (let digit = 0; digit < 4; digit++, this.#at++) {
      if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? '')) throw this.#bad('in \\u hexadecimal character escape');
    }
  }

  #literal(word: string): void {
    for (let index = 0; index < word.length; index++, this.#at++) {
      if (this.#text[this.#at] !== word[index])
        throw this.#bad(`in literal ${word} (expecting ${quote(word[index]!)})`);
    }
  }

  #number(): void {
    if (this.#text[this.#at] === '-') this.#at++;
    if (this.#text[this.#at] === '0') this.#at++;
    else this.#digits('in numeric literal');
    if (this.#text[this.#at] === '.') {
      this.#at++;
      this.#digits('after decimal point in numeric literal');
    }
    const char = this.#text[this.#at];
    if (char === 'e' || char === 'E') {
      this.#at++;
      if (this.#text[this.#at] === '+' || this.#text[this.#at] === '-') this.#at++;
      this.#digits('in exponent of numeric literal');
    }
  }

  #digits(context: string): void {
    if (!isDigit(this.#text[this.#at])) throw this.#bad(context);
    while (isDigit(this.#text[this.#at])) this.#at++;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #bad(context: string): SchemaError {
    const char = this.#text[this.#at];
    if (char === undefined) return new SchemaError('Syntax', 'unexpected end of JSON input');
    return new SchemaError('Syntax', `invalid character ${quote(char)} ${context}`);
  }
}

function isDigit(char: string | undefined): boolean {
  return char !== undefined && char >= '0' && char <= '9';
}

/** Go shows the byte, so of a character beyond ASCII the first byte of its UTF-8 form. */
function quote(char: string): string {
  if (char === "'") return "'\\''";
  if (char === '"') return "'\"'";
  const code = char.charCodeAt(0);
  if (code >= 0x80) return `'${String.fromCharCode(Buffer.from(char, 'utf8')[0]!)}'`;
  if (code < 0x20 || code === 0x7f) {
    const short: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f' };
    return `'${short[char] ?? `\\x${code.toString(16).padStart(2, '0')}`}'`;
  }
  return char === '\\' ? "'\\\\'" : `'${char}'`;
}

/** What stands under a key; undefined for a key that a struct does not have. */
function memberOf(expected: Exclude<Expected, 'skip'>, key: string): Expected | undefined {
  if (expected === 'any') return 'any';
  if (expected instanceof ElementOf) {
    const { field, level } = expected;
    if (level === 'field' && field.schema.shape !== 'list') return typeOf(field);
    return 'skip';
  }
  const field = expected.byName.get(key);
  if (!field) return expected.typeMeta && (key === 'kind' || key === 'apiVersion') ? 'skip' : undefined;
  return field.schema.shape === 'single' ? typeOf(field) : new ElementOf(field, 'field');
}

function elementOf(expected: Expected): Expected {
  if (expected === 'any') return 'any';
  return expected instanceof ElementOf && expected.field.schema.shape === 'list' ? typeOf(expected.field) : 'skip';
}

/** Types with a codec of their own are read by their own decoder upstream, which is not strict. */
function typeOf(field: FieldPlan): Expected {
  if (field.scalar) return field.scalar === 'any' ? 'any' : 'skip';
  return field.type.codec ? 'skip' : field.type;
}
