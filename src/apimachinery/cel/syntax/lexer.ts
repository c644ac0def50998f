/**
 * Cuts the text of an expression into tokens.
 * https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
 */
import type { SourceIssues } from './source.js';

export type TokenKind =
  | 'IDENTIFIER'
  | 'ESC_IDENTIFIER'
  | 'NUM_INT'
  | 'NUM_UINT'
  | 'NUM_FLOAT'
  | 'STRING'
  | 'BYTES'
  | '<EOF>'
  /** An operator, a bracket or one of the words `true`, `false`, `null` and `in`. */
  | `'${string}'`;

export interface Token {
  kind: TokenKind;
  text: string;
  offset: number;
}

const skipped = /(?:[\t \r\n\f]+|\/\/[^\n]*)+/y;
const word = /[A-Za-z_][A-Za-z0-9_]*/y;
const escapedWord = /`[A-Za-z0-9_.\-/ ]+`/y;
const floating = /(?:[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)/y;
const whole = /(?:0x[0-9a-fA-F]+|[0-9]+)([uU]?)/y;
const symbol = /==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-!?:+*/%]/y;
const reserved = new Set(['true', 'false', 'null', 'in']);

const escapeSequence = String.raw`\\(?:[abfnrtv"'\\?\x60]|[0-3][0-7][0-7]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})`;
const triple = (quote: string) => `${quote}${quote}${quote}(?:${escapeSequence}|[^\\\\])*?${quote}${quote}${quote}`;
const single = (quote: string) => `${quote}(?:${escapeSequence}|[^\\\\${quote}\\n\\r])*${quote}`;
const rawTriple = (quote: string) => `${quote}${quote}${quote}[^]*?${quote}${quote}${quote}`;
const rawSingle = (quote: string) => `${quote}[^${quote}\\n\\r]*${quote}`;
const both = (form: (quote: string) => string) => `${form('"')}|${form("'")}`;
const text = new RegExp(`[bB]?(?:${both(triple)}|${both(single)})`, 'y');
const rawText = new RegExp(`[bB]?[rR](?:${both(rawTriple)}|${both(rawSingle)})`, 'y');
/** How far a text that does not end can be read before it goes wrong. */
const brokenText = new RegExp(
  `[bB]?(?:"(?:${escapeSequence}|[^\\\\"\\n\\r])*|'(?:${escapeSequence}|[^\\\\'\\n\\r])*)`,
  'y',
);
const brokenWord = /`[A-Za-z0-9_.\-/ ]*/y;
const brokenEscape = /\\(?:[0-3][0-7]?|[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7})?/y;

/** The tokens, the last of them `<EOF>`; what is no token is reported and left out. */
export function tokenize(source: string, issues: SourceIssues): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  const next = (): Token | undefined => {
    const string = match(rawText) ?? match(text);
    if (string) return { kind: /^[bB]/.test(string) ? 'BYTES' : 'STRING', text: string, offset: at };
    const name = match(word);
    if (name) return { kind: reserved.has(name) ? `'${name}'` : 'IDENTIFIER', text: name, offset: at };
    const quoted = match(escapedWord);
    if (quoted) return { kind: 'ESC_IDENTIFIER', text: quoted, offset: at };
    const float = match(floating);
    if (float) return { kind: 'NUM_FLOAT', text: float, offset: at };
    const number = match(whole);
    if (number) return { kind: /[uU]$/.test(number) ? 'NUM_UINT' : 'NUM_INT', text: number, offset: at };
    const sign = match(symbol);
    return sign ? { kind: `'${sign}'`, text: sign, offset: at } : undefined;
  };
  while (at < source.length) {
    const blank = match(skipped);
    if (blank) {
      at += blank.length;
      continue;
    }
    const token = next();
    if (token) tokens.push(token);
    at += token ? token.text.length : reportUnknown(source, at, issues);
  }
  tokens.push({ kind: '<EOF>', text: '<EOF>', offset: source.length });
  return tokens;
}

/** Says what cannot be read; gives how much of it to skip, which is up to where the reading went wrong. */
function reportUnknown(source: string, at: number, issues: SourceIssues): number {
  let end = at;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = end;
    const found = pattern.exec(source)?.[0];
    end += found?.length ?? 0;
    return found !== undefined;
  };
  if (take(brokenText)) take(brokenEscape);
  else if (!take(brokenWord) && '&|='.includes(source[at]!)) end++;
  if (end < source.length) end += source.codePointAt(end)! > 0xffff ? 2 : 1;
  const shown = source.slice(at, end).replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  issues.add(at, `Syntax error: token recognition error at: '${shown}'`);
  return end - at;
}
