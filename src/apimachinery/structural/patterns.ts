/**
 * The regular expressions of schemas, in RE2's language, which takes time in proportion to the text: a client's pattern
 * can hold up nothing. What compiles them is large, and loaded when a schema has one.
 */
import type { RE2JS } from 're2js';
import { loading } from '#base/loading.js';
import { Turns } from '#base/turns.js';

export interface Patterns {
  /** Whether some part of the text matches. Only for patterns that were compiled. */
  matches(pattern: string, text: string): boolean;
}

/** Why a pattern that was compiled just now did not, in Go's words; undefined when it did. */
export function patternProblem(pattern: string): string | undefined {
  const found = compiled.get(pattern);
  return typeof found === 'string' ? found : undefined;
}

/** What has been compiled of late. */
export const recentPatterns: Patterns = {
  matches: (pattern, text) => matchesIn(compiled, pattern, text),
};

/** As many as one schema may need at once; compiled patterns are kept for all schemas. */
const compiledMax = 4096;
/** Compiled in no time. */
const fewMax = 100;
const compiled = new Map<string, RE2JS | string>();

export async function compilePatterns(patterns: Iterable<string>): Promise<Patterns> {
  const wanted = new Set(patterns);
  if (wanted.size === 0) return recentPatterns;
  const { RE2JS, RE2JSException } = await loading(import('re2js'));
  const own = new Map<string, RE2JS | string>();
  const turns = wanted.size > fewMax ? new Turns() : undefined;
  for (const pattern of wanted) {
    if (turns?.isOver) await turns.next();
    let result = compiled.get(pattern);
    if (result === undefined) {
      try {
        result = RE2JS.compile(pattern);
      } catch (error) {
        if (!(error instanceof RE2JSException)) throw error;
        result = error.message;
      }
      if (compiled.size >= compiledMax) compiled.delete(compiled.keys().next().value!);
      compiled.set(pattern, result);
    }
    own.set(pattern, result);
  }
  return { matches: (pattern, text) => matchesIn(own, pattern, text) };
}

function matchesIn(known: ReadonlyMap<string, RE2JS | string>, pattern: string, text: string): boolean {
  const found = known.get(pattern);
  if (found === undefined || typeof found === 'string') throw new TypeError(`${pattern} was not compiled`);
  // Without a matcher: who asks for no groups gets an answer from an automaton, many times faster on long texts.
  return found.test(text);
}
