/** JSON.parse with the errors of Go. */
import { parseExact } from '#base/exact-json.js';
import { explainBadJson } from './json-scan.js';
import { SchemaError } from './schema-error.js';

/** Throws SchemaError. `texts` as `parseExact` has it. */
export function parseJson(text: string, options?: { texts?: boolean }): unknown {
  try {
    return parseExact(text, options);
  } catch (cause) {
    explainBadJson(text);
    throw new SchemaError('Syntax', (cause as Error).message, { cause });
  }
}
