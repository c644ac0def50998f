/**
 * Regular expressions of users. They are RE2's, which match in time linear in the text: JavaScript's own can be made to
 * run for ever. https://github.com/google/re2/wiki/Syntax
 */
import { createRequire } from 'node:module';
import type * as Re2 from 're2js';
import { CelError } from './values.js';

/** Loaded with the first pattern: its Unicode tables take some milliseconds. */
let re2: typeof Re2 | undefined;
const loadRe2 = (): typeof Re2 => (re2 ??= createRequire(import.meta.url)('re2js') as typeof Re2);

/** Patterns are mostly constants of rules, and few. */
const patternsMax = 512;
const compiled = new Map<string, Re2.RE2JS>();

/** The pattern ready to match, or an error as Go words it. */
export function compilePattern(pattern: string): Re2.RE2JS | CelError {
  const known = compiled.get(pattern);
  if (known) return known;
  const { RE2JS, RE2JSException } = loadRe2();
  try {
    const made = RE2JS.compile(pattern);
    if (compiled.size >= patternsMax) compiled.delete(compiled.keys().next().value!);
    compiled.set(pattern, made);
    return made;
  } catch (error) {
    if (error instanceof RE2JSException) return new CelError(error.message);
    throw error;
  }
}

export function matches(text: string, pattern: string): boolean | CelError {
  const regex = compilePattern(pattern);
  return regex instanceof CelError ? regex : regex.test(text);
}

/** The first match; the empty text where there is none. */
export function find(text: string, pattern: string): string | CelError {
  const found = findAll(text, pattern, 1);
  return found instanceof CelError ? found : (found[0] ?? '');
}

/** Up to `countMax` matches, or all where that is negative. */
export function findAll(text: string, pattern: string, countMax: number): string[] | CelError {
  const regex = compilePattern(pattern);
  if (regex instanceof CelError) return new CelError(`Illegal regex: ${regex.message}`);
  const found: string[] = [];
  const matcher = regex.matcher(text);
  while (found.length !== countMax && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}
