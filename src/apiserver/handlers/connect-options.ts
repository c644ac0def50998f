/** The options of a request that becomes a connection: its query, as the object that admission is shown. */
import type { GroupVersionKind, KubeObject } from '#apimachinery/object.js';
import { formatApiVersion } from '#apimachinery/object.js';
import type { FieldSchema, SchemaTable } from '#apimachinery/schema.js';

/** `path` is what follows the subresource in a proxied request's path. Parameters that the kind does not have are left out. */
export function connectOptions(
  query: URLSearchParams,
  { schemas, kind, path }: { schemas: SchemaTable; kind: GroupVersionKind; path: string | undefined },
): KubeObject {
  const options: Record<string, unknown> = { kind: kind.kind, apiVersion: formatApiVersion(kind) };
  for (const field of schemas.kind(kind)?.fields ?? []) {
    const texts = field.name === 'path' && path !== undefined ? [path] : query.getAll(field.name);
    if (texts.length === 0) continue;
    const values = texts.map((text) => read(text, field));
    options[field.name] = field.shape === 'list' ? values : values[0];
  }
  return options as unknown as KubeObject;
}

/** As upstream reads parameters: all but `false` and `0` is true. */
function read(text: string, { type }: FieldSchema): unknown {
  if (type === 'bool') return text !== 'false' && text !== '0';
  return type === 'int32' || type === 'int64' ? Number(text) : text;
}
