/** What the schema of a resource, or of one embedded in another, has in any case. */
import { itemsOf, type Schema, valuesOf } from '../../structural/schema.js';

export { itemsOf, type Schema, valuesOf };

const text: Schema = { type: 'string' };

/** The root of every resource has a kind, an apiVersion and a name that expressions can read. */
export function withTypeAndObjectMeta(schema: Schema): Schema {
  const { kind, apiVersion, metadata } = schema.properties ?? {};
  const names = metadata?.properties;
  const isComplete =
    kind?.type === 'string' &&
    apiVersion?.type === 'string' &&
    metadata?.type === 'object' &&
    names?.['name']?.type === 'string' &&
    names['generateName']?.type === 'string';
  if (isComplete) return schema;
  const objectMeta: Schema = { type: 'object', properties: { name: text, generateName: text } };
  return { ...schema, properties: { ...schema.properties, kind: text, apiVersion: text, metadata: objectMeta } };
}

export const isEmbedded = (schema: Schema): boolean => schema['x-kubernetes-embedded-resource'] === true;
