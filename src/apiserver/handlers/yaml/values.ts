/** Puts values together from what a YAML text says, by the rules of Go's yaml.v2 for what becomes JSON. */
import { goSyntax, quote } from '#base/go-text.js';
import type { Json } from '#base/json.js';
import { resolveScalar } from './resolve.js';
import { YamlError } from './yaml-error.js';

type Fields = Record<string, unknown>;

const duplicatesMax = 100;
/** Aliases may make up most of a small document, and less the more nodes there are: yaml.v2's bounds. */
const aliasedMin = 100;
const decodedMin = 1000;
const ratioNodesLow = 400_000;
const ratioNodesHigh = 4_000_000;

interface Anchor {
  value: unknown;
  /** Of the nodes in it; undefined while it is being read. */
  size: number | undefined;
}

export interface ScalarForm {
  isPlain: boolean;
  tag: string | undefined;
}

export class Values {
  /** `line 3: key "a" already set in map`. */
  readonly duplicates: string[] = [];
  readonly #lineOf: (at: number) => number;
  readonly #anchors = new Map<string, Anchor>();
  #decoded = 0;
  #aliased = 0;

  constructor(lineOf: (at: number) => number) {
    this.#lineOf = lineOf;
  }

  /** To be called for each node before it is read. */
  count(): void {
    this.#decoded++;
  }

  /** Names what `read` gives; it can be referred to once it is whole. */
  anchored<T>(name: string, read: () => T): T {
    const anchor: Anchor = { value: undefined, size: undefined };
    this.#anchors.set(name, anchor);
    const before = this.#decoded;
    anchor.value = read();
    anchor.size = this.#decoded - before;
    return anchor.value as T;
  }

  alias(name: string): unknown {
    const anchor = this.#anchors.get(name);
    if (!anchor) throw new YamlError('value', `yaml: unknown anchor '${name}' referenced`);
    if (anchor.size === undefined) throw new YamlError('value', `yaml: anchor '${name}' value contains itself`);
    this.#decoded += anchor.size;
    this.#aliased += anchor.size;
    if (this.#aliased > aliasedMin && this.#decoded > decodedMin) {
      if (this.#aliased / this.#decoded > aliasedShareMax(this.#decoded))
        throw new YamlError('aliases', 'yaml: document contains excessive aliasing');
    }
    return anchor.value;
  }

  scalar(text: string, form: ScalarForm): unknown {
    const resolved = resolveScalar(text, form);
    if ('problem' in resolved) throw new YamlError('value', `yaml: ${resolved.problem}`);
    return resolved.value;
  }

  /** `at` is where the value stands. */
  put(into: Fields, { key, value, at }: { key: unknown; value: unknown; at: number }): void {
    const name = typeof key === 'string' ? key : keyText(key, value);
    if (Object.hasOwn(into, name) && this.duplicates.length < duplicatesMax) {
      const shown = typeof key === 'string' ? quote(key) : name;
      this.duplicates.push(`line ${this.#lineOf(at)}: key ${shown} already set in map`);
    }
    setKey(into, name, jsonValue(value));
  }

  /** As yaml.v2, what comes later wins, be it merged or not; of several merged at once the first does. */
  merge(into: Fields, merged: unknown): void {
    const sources = Array.isArray(merged) ? merged.toReversed() : [merged];
    for (const source of sources) {
      if (typeof source !== 'object' || source === null || Array.isArray(source))
        throw new YamlError('value', 'yaml: map merge requires map or sequence of maps as the value');
      for (const name of Object.keys(source)) setKey(into, name, (source as Fields)[name]);
    }
  }
}

function aliasedShareMax(decoded: number): number {
  if (decoded <= ratioNodesLow) return 0.99;
  if (decoded >= ratioNodesHigh) return 0.1;
  return 0.99 - (0.89 * (decoded - ratioNodesLow)) / (ratioNodesHigh - ratioNodesLow);
}

export function jsonValue(value: unknown): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value;
  const shown = Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  throw new YamlError('value', `json: unsupported value: ${shown}`);
}

/** JSON's keys are text: numbers and booleans become it, and there is none for the rest. */
function keyText(key: unknown, value: unknown): string {
  if (typeof key === 'boolean') return String(key);
  if (typeof key === 'number') return numberText(key);
  if (key !== null) throw new YamlError('value', `yaml: invalid map key: ${keySyntax(key as Json)}`);
  const shown = JSON.stringify(value);
  throw new YamlError('value', `unsupported map key of type: %!s(<nil>), key: <nil>, value: ${shown}`);
}

/** Go's YAML has maps with keys of any kind. */
function keySyntax(key: Json): string {
  return goSyntax(key).replaceAll('map[string]interface {}', 'map[interface {}]interface {}');
}

function numberText(key: number): string {
  if (Number.isNaN(key)) return '.nan';
  if (!Number.isFinite(key)) return key > 0 ? '.inf' : '-.inf';
  if (Number.isInteger(key) && Math.abs(key) < 1e21) return String(key);
  return String(Math.fround(key) === key ? key : shortest(key));
}

/** Go writes such keys with the precision of 32 bits. */
function shortest(key: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(key.toPrecision(digits));
    if (Math.fround(short) === Math.fround(key)) return short;
  }
  return key;
}

/** `__proto__` is a key as any other. */
function setKey(into: Fields, name: string, value: unknown): void {
  if (name !== '__proto__') into[name] = value;
  else Object.defineProperty(into, name, { value, enumerable: true, configurable: true, writable: true });
}
