/** Scalars of YAML as they stand in the text: plain, in quotes, or as blocks. */
import type { Cursor } from './cursor.js';

const newline = 0x0a;
const space = 0x20;
const tab = 0x09;

const plainBlock = /[^\n:#]*/y;
const plainFlow = /[^\n:#,?[\]{}]*/y;

export interface PlainPlace {
  indent: number;
  inFlow: boolean;
}

/** The rest of a plain scalar, on further lines while they stand deeper than `indent`. */
export function continuePlain(cursor: Cursor, first: string, place: PlainPlace): string {
  let text = first;
  for (;;) {
    const { at, lineStart, fresh } = cursor;
    cursor.skipSpaces();
    const breaks = cursor.code === newline ? skipBreaks(cursor, place.inFlow ? 0 : place.indent + 1) : 0;
    if (breaks === 0 || !continues(cursor, place)) {
      cursor.at = at;
      cursor.lineStart = lineStart;
      cursor.fresh = fresh;
      return text;
    }
    cursor.fresh = false;
    text += breaks > 1 ? '\n'.repeat(breaks - 1) : ' ';
    text += readPlainLine(cursor, place.inFlow);
  }
}

/** Without the blanks at its end. */
export function readPlainLine(cursor: Cursor, inFlow: boolean): string {
  const start = cursor.at;
  const pattern = inFlow ? plainFlow : plainBlock;
  for (;;) {
    pattern.lastIndex = cursor.at;
    cursor.at += pattern.exec(cursor.text)![0].length;
    const char = cursor.text[cursor.at];
    const goesOn = (char === ':' && !cursor.isBlank(1)) || (char === '#' && !cursor.isBlank(-1));
    if (!goesOn) break;
    cursor.at++;
  }
  let end = cursor.at;
  while (end > start && isSpace(cursor.text.charCodeAt(end - 1))) end--;
  cursor.at = end;
  return cursor.text.slice(start, end);
}

function continues(cursor: Cursor, { indent, inFlow }: PlainPlace): boolean {
  if (cursor.done || cursor.isMarker || cursor.text[cursor.at] === '#') return false;
  if (!inFlow) return cursor.column > indent && !(cursor.code === 0x3a && cursor.isBlank(1));
  return !',?[]{}'.includes(cursor.text[cursor.at]!) && !(cursor.code === 0x3a && cursor.isBlank(1));
}

/** Over line ends and the blanks between, to the first other character; gives how many there were. No tab before `indent`. */
function skipBreaks(cursor: Cursor, indent = 0): number {
  let breaks = 0;
  for (;;) {
    while (cursor.code === space) cursor.at++;
    if (cursor.code === tab && breaks > 0 && cursor.column < indent)
      throw cursor.problem('found a tab character that violates indentation');
    cursor.skipSpaces();
    if (cursor.code !== newline) return breaks;
    cursor.at++;
    cursor.lineStart = cursor.at;
    cursor.fresh = true;
    breaks++;
  }
}

const quotedRuns = { "'": /[^'\n]*/y, '"': /[^"\\\n]*/y };

/** A scalar in the quotes that stand here. */
export function readQuoted(cursor: Cursor): string {
  const quote = cursor.text[cursor.at] as "'" | '"';
  const run = quotedRuns[quote];
  cursor.at++;
  let text = '';
  for (;;) {
    run.lastIndex = cursor.at;
    const [part] = run.exec(cursor.text)!;
    cursor.at += part.length;
    text += part;
    const char = cursor.text[cursor.at];
    if (char === undefined) throw cursor.problem('found unexpected end of stream');
    if (char === quote) {
      cursor.at++;
      if (quote === '"' || cursor.text[cursor.at] !== "'") return text;
      cursor.at++;
      text += "'";
    } else if (char === '\\') text += readEscape(cursor);
    else text = `${trimEnd(text, part)}${fold(cursor)}`;
  }
}

/** Blanks before a line end go; those that an escape has written stay. */
function trimEnd(text: string, part: string): string {
  return text.slice(0, text.length - part.length) + part.replace(/[ \t]+$/, '');
}

function fold(cursor: Cursor): string {
  const breaks = skipBreaks(cursor);
  checkMarker(cursor);
  return breaks > 1 ? '\n'.repeat(breaks - 1) : ' ';
}

function checkMarker(cursor: Cursor): void {
  if (cursor.isMarker) throw cursor.problem('found unexpected document indicator');
}

const escapes: Record<string, string> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  t: '\t',
  '\t': '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  e: '\x1b',
  ' ': ' ',
  '"': '"',
  "'": "'",
  '\\': '\\',
  '/': '/',
  N: '\x85',
  _: '\xa0',
  L: '\u2028',
  P: '\u2029',
};
const hexDigits: Record<string, number> = { x: 2, u: 4, U: 8 };

function readEscape(cursor: Cursor): string {
  const name = cursor.text[cursor.at + 1] ?? '';
  cursor.at += 2;
  if (name === '\n') {
    cursor.lineStart = cursor.at;
    const breaks = skipBreaks(cursor);
    checkMarker(cursor);
    return '\n'.repeat(breaks);
  }
  const digits = hexDigits[name];
  if (digits === undefined) {
    const plain = Object.hasOwn(escapes, name) ? escapes[name] : undefined;
    if (plain === undefined) throw cursor.problem('found unknown escape character');
    return plain;
  }
  const hex = cursor.text.slice(cursor.at, cursor.at + digits);
  if (!new RegExp(`^[0-9a-fA-F]{${digits}}$`).test(hex))
    throw cursor.problem('did not find expected hexdecimal number');
  cursor.at += digits;
  const code = Number.parseInt(hex, 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
    throw cursor.problem('found invalid Unicode character escape code');
  return String.fromCodePoint(code);
}

/** A block, whose `|` or `>` stands here, in what is indented by `indent` (-1 for none). */
export function readBlock(cursor: Cursor, indent: number): string {
  const folds = cursor.text[cursor.at] === '>';
  const header = /[|>]([-+]?)([0-9]?)([-+]?)[ \t]*(?:[ \t]#[^\n]*)?(?=\n|$)/y;
  header.lastIndex = cursor.at;
  const match = header.exec(cursor.text);
  if (!match || (match[1] && match[3])) throw cursor.problem('did not find expected comment or line break');
  if (match[2] === '0') throw cursor.problem('found an indentation indicator equal to 0');
  const chomp = match[1] || match[3];
  cursor.at += match[0].length;
  if (!cursor.done) startLine(cursor);
  const given = match[2] ? Math.max(indent, 0) + Number(match[2]) : undefined;
  const { lines, trailing, isEnded } = readLines(cursor, given ?? -Math.max(indent + 1, 1));
  const body = folds ? foldLines(lines) : lines.join('\n');
  if (chomp === '-' || (lines.length === 0 && chomp !== '+')) return body;
  return `${body}${lines.length > 0 && isEnded ? '\n' : ''}${chomp === '+' ? '\n'.repeat(trailing) : ''}`;
}

function startLine(cursor: Cursor): void {
  cursor.at++;
  cursor.lineStart = cursor.at;
  cursor.fresh = true;
}

/** The lines of a block of this indentation; below zero it is found out, and at least so much. Also the empty ones after. */
function readLines(cursor: Cursor, given: number): { lines: string[]; trailing: number; isEnded: boolean } {
  const { text } = cursor;
  let indent = given > 0 ? given : undefined;
  const lines: string[] = [];
  let empty = 0;
  let isEnded = true;
  while (!cursor.done) {
    let column = 0;
    while (text.charCodeAt(cursor.at + column) === space && (indent === undefined || column < indent)) column++;
    const code = text.charCodeAt(cursor.at + column);
    if (code === newline || Number.isNaN(code)) {
      cursor.at += column;
      if (cursor.done) break;
      empty++;
      startLine(cursor);
      continue;
    }
    indent ??= column >= -given ? column : Number.POSITIVE_INFINITY;
    if (column < indent) {
      if (code === tab && given <= 0 && lines.length === 0)
        throw cursor.problem('found a tab character where an indentation space is expected');
      break;
    }
    const end = text.indexOf('\n', cursor.at);
    for (; empty > 0; empty--) lines.push('');
    lines.push(text.slice(cursor.at + indent, end < 0 ? text.length : end).replace(/\r$/, ''));
    cursor.at = end < 0 ? text.length : end;
    isEnded = !cursor.done;
    if (isEnded) startLine(cursor);
  }
  return { lines, trailing: empty, isEnded };
}

/** Line ends between lines of text are spaces; those around deeper lines stay. */
function foldLines(lines: readonly string[]): string {
  let text = '';
  let previous: string | undefined;
  let breaks = 0;
  for (const line of lines) {
    if (line === '') {
      breaks++;
      continue;
    }
    if (previous === undefined) text += '\n'.repeat(breaks);
    else if (isSpace(line.charCodeAt(0)) || isSpace(previous.charCodeAt(0))) text += '\n'.repeat(breaks + 1);
    else text += breaks > 0 ? '\n'.repeat(breaks) : ' ';
    text += line;
    previous = line;
    breaks = 0;
  }
  return text;
}

function isSpace(code: number): boolean {
  return code === space || code === tab;
}
