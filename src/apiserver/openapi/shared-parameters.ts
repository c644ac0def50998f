/**
 * OpenAPI v2 tells parameters that many operations have once, under a name with a hash of what they say. (kube-openapi
 * `pkg/builder/parameters.go`)
 */
import { fnv1Of64 } from '#base/fnv.js';
import { metaV1 } from './json-schema.js';

type Json = Record<string, unknown>;

export class SharedParameters {
  readonly #names = new Map<string, string>();
  readonly #parameters: Record<string, unknown> = {};

  /** A reference to the parameter, or the parameter itself where it is particular to a kind, or kubectl looks for it. */
  share(parameter: Json): Json {
    const { name, in: place, schema } = parameter as { name: string; in: string; schema?: { $ref: string } };
    if (name === 'name' || (place === 'query' && (name === 'fieldValidation' || name === 'dryRun'))) return parameter;
    if (place === 'body' && !schema!.$ref.startsWith(`#/definitions/${metaV1.slice(0, metaV1.indexOf('.pkg'))}`)) {
      return parameter;
    }
    const text = JSON.stringify(parameter);
    let shared = this.#names.get(text);
    if (!shared) {
      this.#names.set(text, (shared = `${name}-${hashOf(text)}`));
      this.#parameters[shared] = parameter;
    }
    return { $ref: `#/parameters/${shared}` };
  }

  all(): Json {
    return Object.fromEntries(Object.entries(this.#parameters).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function hashOf(text: string): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(fnv1Of64(text));
  return bytes.subarray(0, 6).toString('base64url');
}
