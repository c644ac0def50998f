/** JSON.parse with the errors of Go. */
import { explainBadJson } from './json-scan.js';
import { SchemaError } from './schema-error.js';

/** Throws SchemaError. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    explainBadJson(text);
    throw new SchemaError('Syntax', (cause as Error).message, { cause });
  }
}
