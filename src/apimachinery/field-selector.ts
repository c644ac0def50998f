/**
 * Field selectors: `metadata.name=web,status.phase!=Running`.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
 */
import { ParseError } from './parse-error.js';

export interface FieldTerm {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

export interface FieldSelector {
  readonly terms: readonly FieldTerm[];
  readonly isEverything: boolean;
  /** `fieldValue` gives the value of a field, the empty text where it has none. */
  matches(fieldValue: (field: string) => string): boolean;
  toString(): string;
  /** The one value that `field` must have, where the selector says so. */
  exactValue(field: string): string | undefined;
}

export const everyField: FieldSelector = fieldSelectorOf([]);

/** Throws a ParseError with upstream's texts, for a 400. Which fields are supported is the resource's to say. */
export function parseFieldSelector(text: string): FieldSelector {
  const terms: FieldTerm[] = [];
  for (const part of splitTerms(text).sort()) {
    if (part === '') continue;
    const match = /^(.*?)(!=|==|=)(.*)$/su.exec(part);
    if (!match) throw fail(`invalid selector: '${text}'; can't understand '${part}'`);
    const [, field = '', operator, value = ''] = match;
    // What names nothing asks for nothing.
    if (field === '' && value === '') continue;
    terms.push({ field, operator: operator === '!=' ? '!=' : '=', value: unescapeValue(value) });
  }
  return fieldSelectorOf(terms);
}

export function fieldSelectorOf(terms: readonly FieldTerm[]): FieldSelector {
  return {
    terms,
    isEverything: terms.length === 0,
    matches: (fieldValue) =>
      terms.every(({ field, operator, value }) => (fieldValue(field) === value) === (operator === '=')),
    toString: () => terms.map(({ field, operator, value }) => `${field}${operator}${escapeValue(value)}`).join(','),
    exactValue: (field) => terms.find((term) => term.field === field && term.operator === '=')?.value,
  };
}

/** Makes any text fit to stand as a value. */
export function escapeValue(value: string): string {
  return value.replace(/[\\,=]/g, '\\$&');
}

/** At commas that no backslash precedes; the backslashes stay. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '\\') index++;
    else if (text[index] === ',') {
      terms.push(text.slice(start, index));
      start = index + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function unescapeValue(value: string): string {
  if (!/[\\,=]/.test(value)) return value;
  let plain = '';
  const runes = [...value];
  for (let index = 0; index < runes.length; index++) {
    const rune = runes[index]!;
    // Upstream prints the character's number here.
    if (rune === ',' || rune === '=')
      throw fail(`invalid field selector: unescaped character in value: ${rune.codePointAt(0)}`);
    if (rune !== '\\') {
      plain += rune;
      continue;
    }
    const next = runes[++index];
    if (next !== '\\' && next !== ',' && next !== '=')
      throw fail(`invalid field selector: invalid escape sequence: \\${next ?? ''}`);
    plain += next;
  }
  return plain;
}

function fail(message: string): ParseError {
  return new ParseError('FieldSelector', message);
}
