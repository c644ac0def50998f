/** Paths of fields below a schema, as rules in CEL and selectable fields name them: `.spec.size`, `.spec['a.b']`. */
import { propertyOf, type Schema, valuesOf } from './schema.js';

/** `path` is as errors show it; `root` its first step. */
export type Found = { schema: Schema; path: string; root: string } | { problem: string };

export function schemaAtPath(text: string, start: Schema, { arrays = true }: { arrays?: boolean } = {}): Found {
  const tokens = text.match(/'(?:[^'\\]|\\.)*'|[.[\]]|[^.[\]']+|'/g) ?? [];
  let schema: Schema = start;
  let path = '';
  let root = '';
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    if (token === '[' && !arrays) return { problem: 'array notation is not allowed' };
    if (token !== '.' && token !== '[') return { problem: `expected [ or . but got: ${token}` };
    const step = tokens[++at];
    if (step === undefined) return { problem: 'unexpected end of JSON path' };
    if (token === '[' && !/^'.*'$/s.test(step)) return { problem: `expected single quoted string but got ${step}` };
    const name = token === '[' ? step.slice(1, -1).replace(/\\(.)/g, '$1') : step;
    const inner = schema.properties ? propertyOf(schema, name) : valuesOf(schema);
    if (!inner) return { problem: 'does not refer to a valid field' };
    path = schema.properties ? (path ? `${path}.${name}` : name) : `${path}[${name}]`;
    root ||= name;
    schema = inner;
    if (token !== '[') continue;
    const end = tokens[++at];
    if (end === undefined) return { problem: 'unexpected end of JSON path' };
    if (end !== ']') return { problem: `expected ] but got ${end}` };
  }
  return { schema, path, root };
}
