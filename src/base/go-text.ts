/** Values as Go's formatting verbs print them, for messages that clients and people know from upstream. */
import { isNumber, toJson } from './exact-json.js';
import { type Json, sortKeys } from './json.js';

const named: Record<string, string> = { '\\u0007': '\\a', '\\u000b': '\\v' };

/** `%q`: in double quotes, with what cannot be printed escaped. */
export function quote(text: string): string {
  const json = JSON.stringify(text);
  if (/^[\x20-\x7e]*$/.test(json) && !json.includes('\\u')) return json;
  return json
    .replace(/\\\\|\\u00[01][0-9a-f]/g, (escaped) => named[escaped] ?? escaped.replace('\\u00', '\\x'))
    .replace(/\x7f/g, '\\x7f')
    .replace(/(?! )[\p{C}\p{Z}]/gu, escapeRune);
}

function escapeRune(rune: string): string {
  const code = rune.codePointAt(0)!;
  return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** `%v` of a decoded JSON value. */
export function plain(value: Json | undefined): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(plain).join(' ')}]`;
  if (typeof value === 'number') return goNumber(value);
  if (typeof value !== 'object') return String(value);
  const keys = Object.keys(value).sort();
  return `map[${keys.map((key) => `${key}:${plain(value[key])}`).join(' ')}]`;
}

/** `%#v` of a decoded JSON value. */
export function goSyntax(value: Json): string {
  if (value === null) return 'interface {}(nil)';
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (typeof value === 'number') return goNumber(value);
  if (typeof value !== 'object') return String(value);
  const keys = Object.keys(value).sort();
  return `map[string]interface {}{${keys.map((key) => `${quote(key)}:${goSyntax(value[key]!)}`).join(', ')}}`;
}

/** Whether Go's decoder makes the number an int64, where nothing is known of it. */
export function isInt64(value: number | bigint): boolean {
  return typeof value === 'bigint' || (Number.isInteger(value) && Math.abs(value) < 2 ** 63);
}

/** Whole numbers of 64 bits stay whole; others are floats, in `%g`'s form. */
function goNumber(value: number): string {
  if (isInt64(value)) return String(value);
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** The Go type that JSON is decoded to when nothing is known of it. */
export function typeName(value: Json | undefined): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  if (isNumber(value)) return isInt64(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}

/** What Go's encoder leaves out of JSON text, so that it may stand in a page. */
export function escapeHtml(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${hex(char.charCodeAt(0), 4)}`);
}

/** The text that Go's encoding/json gives a map: keys in order, and escaped what HTML would take for its own. */
export function goJson(value: Json): string {
  return escapeHtml(toJson(sortKeys(value)));
}
