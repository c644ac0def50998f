/**
 * Reads the first document of a YAML text (YAML 1.1 as libyaml takes it) straight into values, in one pass over the text.
 * What it cannot read it refuses in libyaml's words.
 */
import { Cursor } from './cursor.js';
import { type Properties, readName, readProperties } from './properties.js';
import { continuePlain, readBlock, readPlainLine, readQuoted } from './texts.js';
import { jsonValue, Values } from './values.js';
import { YamlError } from './yaml-error.js';

type Fields = Record<string, unknown>;

/** Of nested collections. Go's limit is 10000. */
const depthMax = 500;

const mergeTag = 'tag:yaml.org,2002:merge';

/** What may be a key: a node on one line. */
interface Inline {
  value: unknown;
  isMerge: boolean;
}

/** Throws YamlError. */
export function parseYaml(text: string): { value: unknown; duplicates: string[] } {
  const parser = new Parser(text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text);
  return { value: parser.document(), duplicates: parser.duplicates };
}

class Parser {
  readonly #cursor: Cursor;
  readonly #values: Values;
  #depth = 0;

  constructor(text: string) {
    this.#cursor = new Cursor(text);
    this.#values = new Values((at) => this.#cursor.lineOf(at));
  }

  get duplicates(): string[] {
    return this.#values.duplicates;
  }

  document(): unknown {
    const cursor = this.#cursor;
    if (cursor.code === 0xfeff) cursor.lineStart = ++cursor.at;
    cursor.skipBlanks();
    this.#skipDirectives();
    if (cursor.isMarker && cursor.text[cursor.at] === '-') {
      cursor.at += 3;
      cursor.fresh = false;
      cursor.skipBlanks();
    }
    if (cursor.done || cursor.isMarker) return null;
    // As upstream, nobody looks at what comes after.
    return jsonValue(this.#node(-1));
  }

  #skipDirectives(): void {
    const cursor = this.#cursor;
    const directive = /%(?:YAML[ \t]+[0-9]+\.[0-9]+|TAG[ \t]+![^\s]*[ \t]+[^\s]+)[ \t]*(?=[#\n]|$)/y;
    while (cursor.column === 0 && cursor.text[cursor.at] === '%') {
      directive.lastIndex = cursor.at;
      if (!directive.test(cursor.text)) throw cursor.problem('found unknown directive name');
      cursor.skipLine();
      cursor.skipBlanks();
    }
  }

  /** The node that begins here, within what is indented by `indent`; block collections only at a fresh place. */
  #node(indent: number): unknown {
    const cursor = this.#cursor;
    this.#values.count();
    if (cursor.fresh) this.#checkTab();
    const char = cursor.text[cursor.at];
    if (char === '-' && cursor.isBlank(1)) {
      if (!cursor.fresh) throw cursor.problem('block sequence entries are not allowed in this context');
      return this.#sequence(cursor.column, false);
    }
    if (char === '?' && cursor.isBlank(1) && cursor.fresh) return this.#mapping(cursor.column, undefined);
    const { fresh, column } = cursor;
    const properties = char === '&' || char === '!' ? readProperties(this.#cursor) : {};
    cursor.skipSpaces();
    if (this.#isLineEnd()) return this.#propertied(properties, () => this.#nodeBelow(indent, properties));
    return this.#content({ indent, fresh, column, properties });
  }

  /** After properties that end their line: what they are of stands on the next, or is nothing. */
  #nodeBelow(indent: number, { tag }: Properties): unknown {
    const cursor = this.#cursor;
    cursor.skipBlanks();
    const isOwn = !cursor.done && !cursor.isMarker && cursor.column > indent;
    if (isOwn) return this.#node(indent);
    const isList = !cursor.done && cursor.column === indent && cursor.text[cursor.at] === '-' && cursor.isBlank(1);
    return isList ? this.#sequence(indent, true) : this.#values.scalar('', { isPlain: true, tag });
  }

  #content(place: { indent: number; fresh: boolean; column: number; properties: Properties }): unknown {
    const { indent, fresh, column, properties } = place;
    const cursor = this.#cursor;
    const char = cursor.text[cursor.at];
    const { lineStart } = cursor;
    if (char === '|' || char === '>') {
      return this.#propertied(properties, () =>
        this.#values.scalar(readBlock(cursor, indent), { isPlain: false, tag: properties.tag }),
      );
    }
    if (char === ':' && cursor.isBlank(1) && fresh) return this.#mapping(column, { value: null, isMerge: false });
    const isPlain = !'[{"\'*'.includes(char!);
    if (!isPlain) {
      const inline = this.#inline(properties, indent);
      if (!this.#isColon()) return inline.value;
      if (!fresh || cursor.lineStart !== lineStart)
        throw cursor.problem('mapping values are not allowed in this context');
      return this.#mapping(column, inline);
    }
    this.#checkPlainStart();
    const first = readPlainLine(cursor, false);
    if (this.#isColon()) {
      if (!fresh) throw cursor.problem('mapping values are not allowed in this context');
      return this.#mapping(column, this.#plainKey(first, properties));
    }
    const text = continuePlain(cursor, first, { indent, inFlow: false });
    if (this.#isColon()) throw cursor.problem('mapping values are not allowed in this context');
    return this.#propertied(properties, () => this.#values.scalar(text, { isPlain: true, tag: properties.tag }));
  }

  /** Whether a colon that makes a key of what stands before it comes next. */
  #isColon(): boolean {
    const cursor = this.#cursor;
    const { at } = cursor;
    cursor.skipSpaces();
    if (cursor.text[cursor.at] === ':' && cursor.isBlank(1)) return true;
    cursor.at = at;
    return false;
  }

  #isLineEnd(): boolean {
    const cursor = this.#cursor;
    const char = cursor.text[cursor.at];
    return char === undefined || char === '\n' || char === '#';
  }

  #plainKey(text: string, properties: Properties): Inline {
    const { tag } = properties;
    const value = this.#propertied(properties, () => this.#values.scalar(text, { isPlain: true, tag }));
    return { value, isMerge: text === '<<' && (tag === undefined || tag === mergeTag) };
  }

  /** An alias, a text in quotes or a flow collection. */
  #inline(properties: Properties, indent: number): Inline {
    const cursor = this.#cursor;
    const char = cursor.text[cursor.at];
    if (char === '*') return { value: this.#values.alias(readName(cursor)), isMerge: false };
    const { tag } = properties;
    const value = this.#propertied(properties, () =>
      char === '"' || char === "'"
        ? this.#values.scalar(readQuoted(cursor), { isPlain: false, tag })
        : this.#flow(indent),
    );
    return { value, isMerge: false };
  }

  #checkPlainStart(inFlow = false): void {
    const cursor = this.#cursor;
    const char = cursor.text[cursor.at]!;
    if (',]}'.includes(char) || (inFlow && char === '-' && cursor.isBlank(1)))
      throw cursor.problem('did not find expected node content', { by: 'parser' });
    const isBad = '#|>%@`&!\t'.includes(char) || ('-?:'.includes(char) && cursor.isBlank(1));
    if (isBad) throw cursor.problem('found character that cannot start any token');
  }

  #mapping(column: number, first: Inline | undefined): Fields {
    const cursor = this.#cursor;
    this.#enter();
    const into: Fields = {};
    for (let key = first; ; key = undefined) {
      key ??= this.#key(column);
      const { value, at } = this.#mapped(column);
      if (key.isMerge) this.#values.merge(into, value);
      else this.#values.put(into, { key: key.value, value, at });
      cursor.skipBlanks();
      if (cursor.done || cursor.isMarker || cursor.column < column) break;
      if (cursor.column > column || !cursor.fresh) throw cursor.problem('did not find expected key', { by: 'parser' });
      this.#checkTab();
    }
    this.#depth--;
    return into;
  }

  #checkTab(): void {
    const cursor = this.#cursor;
    if (cursor.text.slice(cursor.lineStart, cursor.at).includes('\t'))
      throw cursor.problem('found character that cannot start any token');
  }

  /** Up to the colon, if there is one. */
  #key(column: number): Inline {
    const cursor = this.#cursor;
    const char = cursor.text[cursor.at]!;
    if (char === '?' && cursor.isBlank(1)) return this.#explicitKey(column);
    if (char === '-' && cursor.isBlank(1)) throw cursor.problem('did not find expected key', { by: 'parser' });
    this.#values.count();
    const properties = char === '&' || char === '!' ? readProperties(this.#cursor) : {};
    cursor.skipSpaces();
    if (this.#isColon()) return { value: null, isMerge: false };
    const { lineStart } = cursor;
    let key: Inline;
    if ('[{"\'*'.includes(cursor.text[cursor.at] ?? ' ')) key = this.#inline(properties, column);
    else {
      this.#checkPlainStart();
      key = this.#plainKey(readPlainLine(cursor, false), properties);
    }
    if (!this.#isColon() || cursor.lineStart !== lineStart) {
      continuePlain(cursor, '', { indent: column, inFlow: false });
      cursor.skipBlanks();
      // The end of the text begins a line.
      const line = cursor.lineOf(cursor.at) + (cursor.done && cursor.column > 0 ? 1 : 0);
      throw new YamlError('syntax', `yaml: line ${line}: could not find expected ':'`);
    }
    return key;
  }

  #explicitKey(column: number): Inline {
    const cursor = this.#cursor;
    cursor.at++;
    cursor.fresh = true;
    const value = this.#valueBelow(column);
    cursor.skipBlanks();
    return { value, isMerge: false };
  }

  /** After a key: the colon and the value, which may be missing. */
  #mapped(column: number): { value: unknown; at: number } {
    const cursor = this.#cursor;
    if (cursor.text[cursor.at] !== ':' || !cursor.isBlank(1)) return { value: null, at: cursor.at };
    const isExplicit = cursor.column === column && cursor.fresh;
    cursor.at++;
    cursor.fresh = isExplicit;
    cursor.skipSpaces();
    const at = cursor.at;
    if (!this.#isLineEnd()) return { value: this.#node(column), at };
    cursor.skipBlanks();
    if (cursor.done || cursor.isMarker || cursor.column < column) return this.#nothing(at);
    if (cursor.column > column) return { at: cursor.at, value: this.#node(column) };
    const isList = cursor.text[cursor.at] === '-' && cursor.isBlank(1);
    return isList ? { at: cursor.at, value: this.#sequence(column, true) } : this.#nothing(at);
  }

  #nothing(at: number): { value: null; at: number } {
    this.#values.count();
    return { value: null, at };
  }

  /** After a dash or question mark: on the same line, or deeper on the next. */
  #valueBelow(column: number): unknown {
    const cursor = this.#cursor;
    cursor.skipSpaces();
    if (!this.#isLineEnd()) return this.#node(column);
    cursor.skipBlanks();
    if (!cursor.done && !cursor.isMarker && cursor.column > column) return this.#node(column);
    return this.#nothing(cursor.at).value;
  }

  /** `shared`: at the column of the mapping that it is a value in. */
  #sequence(column: number, shared: boolean): unknown[] {
    const cursor = this.#cursor;
    this.#enter();
    const items: unknown[] = [];
    for (;;) {
      cursor.at++;
      cursor.fresh = true;
      items.push(jsonValue(this.#valueBelow(column)));
      cursor.skipBlanks();
      if (cursor.done || cursor.isMarker || cursor.column < column) break;
      const isNext = cursor.column === column && cursor.fresh && cursor.text[cursor.at] === '-' && cursor.isBlank(1);
      if (isNext) continue;
      if (shared && cursor.column === column && cursor.fresh) break;
      if (cursor.column === column && cursor.fresh) this.#key(column);
      throw cursor.problem(`did not find expected ${shared ? 'key' : "'-' indicator"}`, { by: 'parser' });
    }
    this.#depth--;
    return items;
  }

  #flow(indent: number): unknown {
    this.#enter();
    const value = this.#cursor.text[this.#cursor.at] === '[' ? this.#flowList(indent) : this.#flowMap(indent);
    this.#depth--;
    return value;
  }

  #flowList(indent: number): unknown[] {
    const items: unknown[] = [];
    this.#flowEntries(']', () => {
      const isExplicit = this.#skipQuestion();
      const { lineStart } = this.#cursor;
      const key = this.#flowNode(indent);
      if (!this.#skipFlowColon(isExplicit ? undefined : lineStart))
        items.push(isExplicit ? this.#pair(key, null) : jsonValue(key.value));
      else items.push(this.#pair(key, this.#flowNode(indent).value));
    });
    return items;
  }

  #pair({ value: key }: Inline, value: unknown): Fields {
    const into: Fields = {};
    this.#values.put(into, { key, value, at: this.#cursor.at });
    return into;
  }

  #flowMap(indent: number): Fields {
    const into: Fields = {};
    this.#flowEntries('}', () => {
      const isExplicit = this.#skipQuestion();
      const { lineStart } = this.#cursor;
      const key = this.#flowNode(indent);
      const hasValue = this.#skipFlowColon(isExplicit ? undefined : lineStart);
      const { at } = this.#cursor;
      const value = hasValue ? this.#flowNode(indent).value : null;
      if (key.isMerge) this.#values.merge(into, value);
      else this.#values.put(into, { key: key.value, value, at });
    });
    return into;
  }

  #flowEntries(end: ']' | '}', read: () => void): void {
    const cursor = this.#cursor;
    cursor.at++;
    for (;;) {
      cursor.skipBlanks();
      if (cursor.done) throw this.#ended('did not find expected node content');
      if (cursor.text[cursor.at] === end) break;
      if (cursor.isMarker || cursor.text[cursor.at] === ',')
        throw cursor.problem('did not find expected node content', { by: 'parser' });
      read();
      cursor.skipBlanks();
      const char = cursor.text[cursor.at];
      if (char === ',') cursor.at++;
      else if (char === undefined) throw this.#ended(`did not find expected ',' or '${end}'`);
      else if (char !== end) throw cursor.problem(`did not find expected ',' or '${end}'`, { by: 'parser' });
    }
    cursor.at++;
  }

  /** At the end of the text upstream tells the last line. */
  #ended(message: string): YamlError {
    const { text } = this.#cursor;
    const line = this.#cursor.lineOf(text.endsWith('\n') ? text.length - 1 : text.length);
    return new YamlError('syntax', `yaml: line ${line}: ${message}`);
  }

  #skipQuestion(): boolean {
    const cursor = this.#cursor;
    if (cursor.text[cursor.at] !== '?') return false;
    cursor.at++;
    cursor.skipBlanks();
    return true;
  }

  /** No colon makes a key of what began on a line before, at `lineStart`. */
  #skipFlowColon(lineStart: number | undefined): boolean {
    const cursor = this.#cursor;
    cursor.skipBlanks();
    if (cursor.text[cursor.at] !== ':') return false;
    if (lineStart !== undefined && cursor.lineStart !== lineStart) return false;
    cursor.at++;
    cursor.skipBlanks();
    return true;
  }

  #flowNode(indent: number): Inline {
    const cursor = this.#cursor;
    this.#values.count();
    const properties = '&!'.includes(cursor.text[cursor.at] ?? ' ') ? readProperties(this.#cursor) : {};
    cursor.skipBlanks();
    const char = cursor.text[cursor.at];
    if (char === undefined) throw this.#ended('did not find expected node content');
    if ('[{"\'*'.includes(char)) return this.#inline(properties, indent);
    if (',]}:'.includes(char)) return this.#plainKey('', properties);
    this.#checkPlainStart(true);
    const first = readPlainLine(cursor, true);
    const text = continuePlain(cursor, first, { indent, inFlow: true });
    return this.#plainKey(text, properties);
  }

  #propertied<T>({ anchor }: Properties, read: () => T): T {
    return anchor === undefined ? read() : this.#values.anchored(anchor, read);
  }

  #enter(): void {
    if (++this.#depth > depthMax) throw new YamlError('value', `yaml: exceeded max depth of ${depthMax}`);
  }
}
