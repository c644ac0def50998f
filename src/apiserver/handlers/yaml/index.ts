/**
 * YAML bodies as upstream reads them: the first document, turned into JSON by the rules of YAML 1.1 that Go's yaml.v2
 * has (https://github.com/kubernetes-sigs/yaml), with a bound on what aliases may expand to.
 */

import { mayHaveFaults } from '#apimachinery/codec/census.js';
import { parseExact } from '#base/exact-json.js';
import { parseYaml } from './parser.js';
import { YamlError } from './yaml-error.js';

export { YamlError } from './yaml-error.js';

export interface YamlDocument {
  /** Plain JSON; null for an empty text. Of a key given twice it holds the later value. */
  value: unknown;
  /** `line 3: key "a" already set in map`, up to a hundred. */
  duplicates: string[];
}

/** What may stand in no YAML text, not even in quotes. */
const forbidden = /[^\P{Cc}\t\n\r\u0085]|[\ufffe\uffff]/u;

/** Throws YamlError. */
export function readYaml(bytes: Uint8Array): YamlDocument {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  if (forbidden.test(text)) throw new YamlError('syntax', 'yaml: control characters are not allowed');
  return readJson(text) ?? parseYaml(text);
}

/** JSON is YAML, and most clients send it as such. Undefined when it is none, or has a key twice, which has a line. */
function readJson(text: string): YamlDocument | undefined {
  if (!text.startsWith('{')) return undefined;
  let value: unknown;
  try {
    value = parseExact(text);
  } catch {
    return undefined;
  }
  return isShallow(value) && !mayHaveFaults(text, { plan: undefined, value }) ? { value, duplicates: [] } : undefined;
}

/** Deeper values are left to the parser, which refuses them. */
const depthMax = 500;

function isShallow(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth >= depthMax) return false;
  for (const key in value) if (!isShallow((value as Record<string, unknown>)[key], depth + 1)) return false;
  return true;
}
