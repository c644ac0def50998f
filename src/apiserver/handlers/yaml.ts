/**
 * YAML bodies as upstream reads them: the first document, turned into JSON by the rules of YAML 1.1 that Go's yaml.v2
 * has (https://github.com/kubernetes-sigs/yaml), with a bound on what aliases may expand to.
 */
import {
  type Alias,
  Composer,
  type CST,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { mayHaveFaults } from '#apimachinery/codec/census.js';
import { resolveScalar } from './yaml-scalar.js';

/** What is wrong with the text; the message is upstream's. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
  readonly reason: 'syntax' | 'value' | 'aliases';

  constructor(reason: 'syntax' | 'value' | 'aliases', message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface YamlDocument {
  /** Plain JSON; null for an empty text. Of a key given twice it holds the later value. */
  value: unknown;
  /** `line 3: key "a" already set in map`, as many as `duplicatesMax`. */
  duplicates: string[];
}

const duplicatesMax = 100;
/** Of nested collections, aliases followed. */
const depthMax = 300;
/** Aliases may make up most of a small document, and less the more nodes there are: yaml.v2's bounds. */
const aliasedMin = 100;
const decodedMin = 1000;
const ratioNodesLow = 400_000;
const ratioNodesHigh = 4_000_000;

/** Throws YamlError. */
export function readYaml(bytes: Uint8Array): YamlDocument {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  return readJson(text) ?? readText(text);
}

/** JSON is YAML, and most clients send it as such. Undefined when it is none, or has a key twice, which has a line. */
function readJson(text: string): YamlDocument | undefined {
  if (!text.startsWith('{')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isShallow(value) && !mayHaveFaults(text, { plan: undefined, value }) ? { value, duplicates: [] } : undefined;
}

function isShallow(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth >= depthMax) return false;
  for (const key in value) if (!isShallow((value as Record<string, unknown>)[key], depth + 1)) return false;
  return true;
}

function readText(text: string): YamlDocument {
  const lines = new LineCounter();
  const composer = new Composer({ schema: 'failsafe', uniqueKeys: false, logLevel: 'silent' });
  const [document] = composer.compose(tokensOf(text, lines), true, text.length);
  const lineOf = (offset: number) => lines.linePos(offset).line;
  const problem = document?.errors[0];
  if (problem) throw new YamlError('syntax', syntaxMessage(problem.code, problem.message, lineOf(problem.pos[0])));
  const reader = new Reader(lineOf);
  return { value: reader.read(document?.contents ?? null), duplicates: reader.duplicates };
}

/** The composer recurses, and a stack that runs out within a regular expression ends the process: depth is bounded here. */
function tokensOf(text: string, lines: LineCounter): CST.Token[] {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (parser.stack.length > depthMax) throw tooDeep();
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

const syntaxMessages: Record<string, string> = {
  BLOCK_AS_IMPLICIT_KEY: 'mapping values are not allowed in this context',
  TAB_AS_INDENT: 'found character that cannot start any token',
  BAD_SCALAR_START: 'found character that cannot start any token',
  BAD_INDENT: 'did not find expected node content',
};

/** The line is told from the second on, as upstream does. */
function syntaxMessage(code: string, message: string, line = 1): string {
  const text = syntaxMessages[code] ?? message;
  return `yaml: ${line > 1 ? `line ${line}: ` : ''}${text}`;
}

function tooDeep(): YamlError {
  return new YamlError('value', `yaml: exceeded max depth of ${depthMax}`);
}

class Reader {
  readonly duplicates: string[] = [];
  readonly #lineOf: (offset: number) => number;
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  #depth = 0;
  #aliasDepth = 0;
  #decoded = 0;
  #aliased = 0;

  constructor(lineOf: (offset: number) => number) {
    this.#lineOf = lineOf;
  }

  read(node: Node | null): unknown {
    this.#count();
    if (node === null) return null;
    if (isAlias(node)) return this.#alias(node);
    if (node.anchor && this.#aliasDepth === 0) this.#anchors.set(node.anchor, node);
    if (!isMap(node) && !isSeq(node)) return this.#scalar(node as Scalar);
    if (++this.#depth > depthMax) throw tooDeep();
    this.#open.add(node);
    const value = isMap(node) ? this.#map(node, {}) : this.#sequence(node);
    this.#open.delete(node);
    this.#depth--;
    return value;
  }

  #count(): void {
    this.#decoded++;
    if (this.#aliasDepth > 0) this.#aliased++;
    if (this.#aliased <= aliasedMin || this.#decoded <= decodedMin) return;
    if (this.#aliased / this.#decoded > aliasedShareMax(this.#decoded))
      throw new YamlError('aliases', 'yaml: document contains excessive aliasing');
  }

  #alias({ source }: Alias): unknown {
    const target = this.#anchors.get(source);
    if (!target) throw new YamlError('value', `yaml: unknown anchor '${source}' referenced`);
    if (this.#open.has(target)) throw new YamlError('value', `yaml: anchor '${source}' value contains itself`);
    this.#aliasDepth++;
    const value = this.read(target);
    this.#aliasDepth--;
    return value;
  }

  #scalar({ source = '', type, tag }: Scalar): unknown {
    const resolved = resolveScalar(source, { isPlain: type === 'PLAIN' || type === undefined, tag });
    if ('problem' in resolved) throw new YamlError('value', `yaml: ${resolved.problem}`);
    return resolved.value;
  }

  #sequence({ items }: YAMLSeq): unknown[] {
    return items.map((item) => jsonValue(this.read(item as Node | null)));
  }

  #map({ items }: YAMLMap, into: Record<string, unknown>): Record<string, unknown> {
    for (const pair of items as Pair<Node | null, Node | null>[]) {
      if (this.#isMerge(pair.key)) this.#merge(pair.value, into);
      else this.#entry(pair, into);
    }
    return into;
  }

  #entry(pair: Pair<Node | null, Node | null>, into: Record<string, unknown>): void {
    const key = this.read(pair.key);
    const value = jsonValue(this.read(pair.value));
    const name = keyText(key, value);
    if (Object.hasOwn(into, name) && this.duplicates.length < duplicatesMax) {
      const line = this.#lineOf((pair.value ?? pair.key)?.range?.[0] ?? 0);
      const shown = typeof key === 'string' ? JSON.stringify(key) : name;
      this.duplicates.push(`line ${line}: key ${shown} already set in map`);
    }
    put(into, name, value);
  }

  #isMerge(key: Node | null): boolean {
    if (!isScalar(key) || key.source !== '<<') return false;
    return key.tag === 'tag:yaml.org,2002:merge' || (key.tag === undefined && key.type === 'PLAIN');
  }

  /** As yaml.v2, what comes later wins, be it merged or not; of several merged at once the first does. */
  #merge(node: Node | null, into: Record<string, unknown>): void {
    const merged = this.read(node);
    const sources = Array.isArray(merged) ? merged.reverse() : [merged];
    for (const source of sources) {
      if (typeof source !== 'object' || source === null || Array.isArray(source))
        throw new YamlError('value', 'yaml: map merge requires map or sequence of maps as the value');
      for (const [name, value] of Object.entries(source)) put(into, name, value);
    }
  }
}

function aliasedShareMax(decoded: number): number {
  if (decoded <= ratioNodesLow) return 0.99;
  if (decoded >= ratioNodesHigh) return 0.1;
  return 0.99 - (0.89 * (decoded - ratioNodesLow)) / (ratioNodesHigh - ratioNodesLow);
}

function jsonValue(value: unknown): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value;
  throw new YamlError('value', `json: unsupported value: ${goNumber(value)}`);
}

function goNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

/** JSON's keys are text: numbers and booleans become it, and there is none for the rest. */
function keyText(key: unknown, value: unknown): string {
  if (typeof key === 'string') return key;
  if (typeof key === 'boolean') return String(key);
  if (typeof key === 'number') return numberText(key);
  if (key === null)
    throw new YamlError(
      'value',
      `unsupported map key of type: %!s(<nil>), key: <nil>, value: ${JSON.stringify(value)}`,
    );
  throw new YamlError('value', `yaml: invalid map key: ${JSON.stringify(key)}`);
}

function numberText(key: number): string {
  if (Number.isNaN(key)) return '.nan';
  if (!Number.isFinite(key)) return key > 0 ? '.inf' : '-.inf';
  return Number.isInteger(key) && Math.abs(key) < 1e21
    ? String(key)
    : String(Math.fround(key) === key ? key : shortest(key));
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
function put(into: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(into, name, { value, enumerable: true, configurable: true, writable: true });
  else into[name] = value;
}
