/** Functions on texts. Positions count Unicode characters. https://pkg.go.dev/github.com/google/cel-go/ext#Strings */
import { type FunctionDeclaration, type Library, member, overload } from '../declarations.js';
import { checkTextLength } from '../evaluate/frame.js';
import { codePointCount } from '../syntax/source.js';
import { dynType, intType, listType, stringType, type Type } from '../types.js';
import { ArrayList, CelError, type List, type Result, type Value } from '../values.js';
import { formatText } from './format-text.js';

const outOfRange = (index: number | bigint) => new CelError(`index out of range: ${index}`);

/** A text by its characters. Where each is one UTF-16 unit, the text is that already. */
interface Characters {
  readonly length: number;
  slice(start: number, end?: number): string;
}

function characters(text: string): Characters {
  const length = codePointCount(text);
  if (length === text.length) return text;
  const points = [...text];
  return { length, slice: (start, end) => points.slice(start, end).join('') };
}

function charAt(text: string, index: number): Result {
  const points = characters(text);
  if (index < 0 || index > points.length) return outOfRange(index);
  return points.slice(index, index + 1);
}

function substring(text: string, start: number, end?: number): Result {
  const points = characters(text);
  if (end !== undefined && start > end) return new CelError(`invalid substring range. start: ${start}, end: ${end}`);
  if (start < 0 || start > points.length) return outOfRange(start);
  if (end !== undefined && (end < 0 || end > points.length)) return outOfRange(end);
  return points.slice(start, end);
}

/** Where the character of this number begins, in UTF-16 units. */
function unitOffset(text: string, index: number): number {
  const points = characters(text);
  return points === text ? index : points.slice(0, index).length;
}

function indexOf(text: string, part: string, offset: number): Result {
  if (offset < 0) return outOfRange(offset);
  const length = codePointCount(text);
  if (part === '') return offset > length ? length : offset;
  if (offset >= length) return -1;
  return position(text, text.indexOf(part, unitOffset(text, offset)));
}

function lastIndexOf(text: string, part: string, offset?: number): Result {
  const length = codePointCount(text);
  if (offset === undefined) {
    if (part === '') return length;
    return length === 0 ? -1 : position(text, text.lastIndexOf(part));
  }
  if (offset < 0) return outOfRange(offset);
  if (part === '') return offset > length ? length : offset;
  return offset >= length ? -1 : position(text, text.lastIndexOf(part, unitOffset(text, offset)));
}

const position = (text: string, units: number): number => (units < 0 ? -1 : codePointCount(text.slice(0, units)));

function replace(text: string, options: { old: string; fresh: string; countMax: number }): string {
  const { old, fresh } = options;
  const countMax = Number(options.countMax);
  if (old === '') return spread(text, fresh, countMax < 0 ? Number.POSITIVE_INFINITY : countMax);
  const parts = splitUpTo(text, old, countMax < 0 ? -1 : countMax + 1);
  checkTextLength(text.length + parts.length * fresh.length);
  return parts.join(fresh);
}

/** Replacing nothing puts the new text before every character, and behind the last. */
function spread(text: string, fresh: string, countMax: number): string {
  checkTextLength(text.length * (fresh.length + 1));
  const points = [...text];
  let count = 0;
  const before = points.map((point) => (count++ < countMax ? fresh + point : point));
  return before.join('') + (points.length < countMax ? fresh : '');
}

/** At most `partsMax` parts, the last of which is the rest; all parts where that is negative. */
function splitUpTo(text: string, separator: string, partsMax: number): string[] {
  if (partsMax === 0) return [];
  const parts = separator === '' ? [...text] : text.split(separator);
  if (partsMax < 0 || parts.length <= partsMax) return parts;
  return [...parts.slice(0, partsMax - 1), parts.slice(partsMax - 1).join(separator)];
}

const upper = (text: string) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
const lower = (text: string) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
/** Unicode's white space, which is JavaScript's without the byte order mark, and with the next line character. */
const isSpace = (unit: string | undefined): boolean =>
  unit === '\x85' || (unit !== '\ufeff' && unit !== undefined && /\s/.test(unit));

function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text[start])) start++;
  while (end > start && isSpace(text[end - 1])) end--;
  return text.slice(start, end);
}

const quotedCharacters: Record<string, string> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped here.
  return `"${text.replace(/[\x07-\r\\"]/g, (character) => quotedCharacters[character]!)}"`;
}

function join(list: Value, separator: string): Result {
  const parts: string[] = [];
  let length = 0;
  for (const element of list as List) {
    if (typeof element !== 'string') return element instanceof CelError ? element : new CelError('join: invalid input');
    checkTextLength((length += element.length + separator.length));
    parts.push(element);
  }
  return parts.join(separator);
}

type Text = (text: string, a: never, b: never, c: never) => Result;

/** An overload whose receiver is a text. The types of the arguments are looked at before the call. */
function onText(id: string, args: readonly Type[], result: Type, call: Text) {
  return member(id, [stringType, ...args], result, call as (...args: Value[]) => Result);
}

function textFunction(name: string, id: string, call: (text: string) => string): FunctionDeclaration {
  return { name, overloads: [onText(id, [], stringType, call)] };
}

const strings = listType(stringType);
const S = stringType;
const I = intType;

export const stringLibrary: Library = {
  functions: [
    { name: 'charAt', overloads: [onText('string_char_at_int', [I], S, (text, index: number) => charAt(text, index))] },
    {
      name: 'indexOf',
      overloads: [
        onText('string_index_of_string', [S], I, (text, part: string) => indexOf(text, part, 0)),
        onText('string_index_of_string_int', [S, I], I, (text, part: string, at: number) => indexOf(text, part, at)),
      ],
    },
    {
      name: 'lastIndexOf',
      overloads: [
        onText('string_last_index_of_string', [S], I, (text, part: string) => lastIndexOf(text, part)),
        onText('string_last_index_of_string_int', [S, I], I, (text, part: string, at: number) =>
          lastIndexOf(text, part, at),
        ),
      ],
    },
    textFunction('lowerAscii', 'string_lower_ascii', lower),
    textFunction('upperAscii', 'string_upper_ascii', upper),
    textFunction('trim', 'string_trim', trim),
    {
      name: 'replace',
      overloads: [
        onText('string_replace_string_string', [S, S], S, (text, old: string, fresh: string) =>
          replace(text, { old, fresh, countMax: -1 }),
        ),
        onText('string_replace_string_string_int', [S, S, I], S, (text, old: string, fresh: string, countMax: number) =>
          replace(text, { old, fresh, countMax }),
        ),
      ],
    },
    {
      name: 'split',
      overloads: [
        onText('string_split_string', [S], strings, (text, by: string) => new ArrayList(splitUpTo(text, by, -1))),
        onText(
          'string_split_string_int',
          [S, I],
          strings,
          (text, by: string, partsMax: number) => new ArrayList(splitUpTo(text, by, partsMax)),
        ),
      ],
    },
    {
      name: 'substring',
      overloads: [
        onText('string_substring_int', [I], S, (text, start: number) => substring(text, start)),
        onText('string_substring_int_int', [I, I], S, (text, start: number, end: number) =>
          substring(text, start, end),
        ),
      ],
    },
    {
      name: 'join',
      overloads: [
        member('list_join', [strings], S, (list) => join(list, '')),
        member('list_join_string', [strings, S], S, (list, separator) => join(list, separator as string)),
      ],
    },
    {
      name: 'format',
      overloads: [onText('string_format', [listType(dynType)], S, (text, args: List) => formatText(text, args))],
    },
    { name: 'strings.quote', overloads: [overload('strings_quote', [S], S, (text) => quote(text as string))] },
  ],
};
