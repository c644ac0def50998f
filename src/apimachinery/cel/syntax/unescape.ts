/** What a quoted text or bytes literal stands for: quotes removed, escapes replaced. */
import { ParseError } from '../../parse-error.js';

const simple: Record<string, string> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
};
const escapePattern =
  /\\(?:([abfnrtv"'\\?`])|([0-3][0-7][0-7])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|)/g;

/** The text of a string literal. Throws a ParseError where an escape is no character. */
export function unescapeText(token: string): string {
  const { body, isRaw } = strip(token);
  if (isRaw || !body.includes('\\')) return body;
  return body.replace(escapePattern, (_, char?: string, octal?: string, hex?: string, u4?: string, u8?: string) => {
    if (char !== undefined) return simple[char]!;
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
    const code = hex ?? u4 ?? u8;
    if (code === undefined) throw new ParseError('CEL', 'unable to unescape string');
    const point = Number.parseInt(code, 16);
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
      throw new ParseError('CEL', 'invalid unicode code point');
    return String.fromCodePoint(point);
  });
}

/** The bytes of a bytes literal: octal and hexadecimal escapes are bytes here, everything else is UTF-8. */
export function unescapeBytes(token: string): Uint8Array {
  const { body, isRaw } = strip(token.slice(1));
  if (isRaw) return Buffer.from(body);
  const parts: Uint8Array[] = [];
  let last = 0;
  for (const match of body.matchAll(escapePattern)) {
    parts.push(Buffer.from(body.slice(last, match.index)));
    last = match.index + match[0].length;
    const [, char, octal, hex] = match;
    if (char !== undefined) parts.push(Buffer.from(simple[char]!));
    else if (octal !== undefined) parts.push(Uint8Array.of(Number.parseInt(octal, 8)));
    else if (hex !== undefined) parts.push(Uint8Array.of(Number.parseInt(hex, 16)));
    else throw new ParseError('CEL', 'unable to unescape string');
  }
  parts.push(Buffer.from(body.slice(last)));
  return Buffer.concat(parts);
}

function strip(token: string): { body: string; isRaw: boolean } {
  const isRaw = /^[rR]/.test(token);
  const quoted = (isRaw ? token.slice(1) : token).replaceAll('\r\n', '\n').replaceAll('\r', '\n');
  const size = quoted.length >= 6 && /^(?:"""|''')/.test(quoted) ? 3 : 1;
  return { body: quoted.slice(size, -size), isRaw };
}
