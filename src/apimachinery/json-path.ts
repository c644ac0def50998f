/**
 * JSONPath as printer columns and selectable fields use it: fields, elements, slices, `..` and filters.
 * https://kubernetes.io/docs/reference/kubectl/jsonpath/
 */
import type { Json } from '#base/json.js';
import { ParseError } from './parse-error.js';
import { isObject } from './patch.js';

/** All that the path leads to in a value, in the order in which it stands. */
export type JsonPath = (value: Json) => Json[];

type Step = (value: Json) => Json[];

/** Results beyond which a path is not followed further. */
const resultsMax = 10_000;

/** Throws a ParseError. */
export function parseJsonPath(text: string): JsonPath {
  return new Parser(text).path();
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  path(): JsonPath {
    const steps = this.#steps();
    if (this.#at < this.#text.length) throw this.#bad(`unexpected ${this.#text[this.#at]}`);
    return (value) => follow(steps, value);
  }

  /** Until the end, or what ends a path within a filter. */
  #steps(): Step[] {
    const steps: Step[] = [];
    for (;;) {
      const char = this.#text[this.#at];
      if (char === '.') this.#dot(steps);
      else if (char === '[') steps.push(this.#bracket());
      else return steps;
    }
  }

  #dot(steps: Step[]): void {
    this.#at++;
    if (this.#text[this.#at] === '.') {
      this.#at++;
      steps.push(descendants);
      if (this.#text[this.#at] === '[') return;
    }
    const char = this.#text[this.#at];
    if (char === '*') {
      this.#at++;
      steps.push(children);
    } else if (char !== undefined && char !== '[') {
      const name = this.#name();
      if (name) steps.push(field(name));
    }
  }

  #name(): string {
    let name = '';
    for (;;) {
      const char = this.#text[this.#at];
      if (char === '\\' && this.#at + 1 < this.#text.length) {
        name += this.#text[this.#at + 1];
        this.#at += 2;
        continue;
      }
      if (char === undefined || /[\s.[\]()=!<>,&|]/.test(char)) return name;
      name += char;
      this.#at++;
    }
  }

  #bracket(): Step {
    this.#at++;
    if (this.#text.startsWith('?(', this.#at)) return this.#filter();
    const parts: Step[] = [];
    do {
      this.#space();
      parts.push(this.#part());
      this.#space();
    } while (this.#take(','));
    this.#expect(']');
    return parts.length === 1 ? parts[0]! : (value) => parts.flatMap((part) => part(value));
  }

  #part(): Step {
    const char = this.#text[this.#at];
    if (char === "'" || char === '"') return field(this.#quoted());
    if (this.#take('*')) return children;
    const match = /^(-?\d+)?(?:(:)(-?\d+)?(?::(-?\d+)?)?)?/.exec(this.#text.slice(this.#at, this.#at + 64))!;
    const [whole, start, colon, end, stride] = match;
    if (whole === '') throw this.#bad('invalid array index');
    this.#at += whole.length;
    if (!colon) return element(Number(start));
    const step = stride === undefined ? 1 : Number(stride);
    if (step <= 0) throw this.#bad('step must be > 0');
    return slice(start && Number(start), end && Number(end), step);
  }

  #quoted(): string {
    const quote = this.#text[this.#at]!;
    let text = '';
    for (this.#at++; this.#text[this.#at] !== quote; this.#at++) {
      if (this.#text[this.#at] === '\\') this.#at++;
      if (this.#at >= this.#text.length) throw this.#bad('unterminated string');
      text += this.#text[this.#at];
    }
    this.#at++;
    return text;
  }

  /** `[?(@.type=="Ready")]`: the elements for which it holds. */
  #filter(): Step {
    this.#at += 2;
    const left = this.#operand();
    this.#space();
    const operator = /^(?:==|!=|<=|>=|<|>)/.exec(this.#text.slice(this.#at, this.#at + 2))?.[0];
    if (operator) this.#at += operator.length;
    this.#space();
    const right = operator ? this.#operand() : undefined;
    this.#space();
    this.#expect(')');
    this.#expect(']');
    const holds = (value: Json) => {
      const found = left(value);
      if (!operator || !right) return found.length > 0;
      const wanted = right(value);
      return found.length === 1 && wanted.length === 1 && compare(operator, found[0]!, wanted[0]!);
    };
    return (value) => children(value).filter(holds);
  }

  #operand(): JsonPath {
    this.#space();
    const char = this.#text[this.#at];
    if (char === "'" || char === '"') {
      const text = this.#quoted();
      return () => [text];
    }
    if (this.#take('@')) {
      const steps = this.#steps();
      return (value) => follow(steps, value);
    }
    const word = /^[^\s)\]=!<>]+/.exec(this.#text.slice(this.#at))?.[0];
    if (!word) throw this.#bad('invalid filter');
    this.#at += word.length;
    const constant = word === 'true' ? true : word === 'false' ? false : Number(word);
    if (Number.isNaN(constant)) throw this.#bad(`cannot convert ${word} to a number`);
    return () => [constant];
  }

  #space(): void {
    while (this.#text[this.#at] === ' ') this.#at++;
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw this.#bad(`expected ${text}`);
  }

  #bad(why: string): ParseError {
    return new ParseError('JSONPath', `${why} in ${this.#text}`);
  }
}

function follow(steps: readonly Step[], value: Json): Json[] {
  let found: Json[] = [value];
  for (const step of steps) {
    found = found.flatMap(step);
    if (found.length > resultsMax) return found.slice(0, resultsMax);
  }
  return found;
}

function field(name: string): Step {
  return (value) => (isObject(value) && Object.hasOwn(value, name) ? [value[name]!] : []);
}

function element(index: number): Step {
  return (value) => {
    const found = Array.isArray(value) ? value.at(index) : undefined;
    return found === undefined ? [] : [found];
  };
}

function slice(start: number | '' | undefined, end: number | '' | undefined, stride: number): Step {
  return (value) =>
    Array.isArray(value)
      ? value.slice(start || 0, end === '' ? undefined : end).filter((_, index) => index % stride === 0)
      : [];
}

/** In the order of their keys, as Go's maps are walked. */
function children(value: Json): Json[] {
  if (Array.isArray(value)) return value;
  if (!isObject(value)) return [];
  return Object.keys(value)
    .sort()
    .map((key) => value[key]!);
}

function descendants(value: Json): Json[] {
  const found: Json[] = [];
  const visit = (one: Json): void => {
    if (typeof one !== 'object' || one === null || found.length >= resultsMax) return;
    found.push(one);
    for (const inner of children(one)) visit(inner);
  };
  visit(value);
  return found;
}

function compare(operator: string, left: Json, right: Json): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  if (typeof left !== typeof right || (typeof left !== 'number' && typeof left !== 'string')) return false;
  const [a, b] = [left, right as typeof left];
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  return operator === '>' ? a > b : a >= b;
}
