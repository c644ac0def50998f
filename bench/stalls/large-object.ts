/** What a large object is made of, and where it goes. */
export interface LargeObject {
  /** Of the collection. */
  path: string;
  apiVersion: string;
  kind: string;
  /** All but apiVersion, kind and metadata.name. */
  fields: Record<string, unknown>;
  metadata?: Record<string, unknown>;
}

export const core = (kind: string, plural: string, fields: object, metadata?: object): LargeObject => ({
  path: `/api/v1/namespaces/default/${plural}`,
  apiVersion: 'v1',
  kind,
  fields: fields as Record<string, unknown>,
  ...(metadata && { metadata: metadata as Record<string, unknown> }),
});
export const group = (apiVersion: string, kind: string, plural: string, fields: object): LargeObject => ({
  path: `/apis/${apiVersion}/namespaces/default/${plural}`,
  apiVersion,
  kind,
  fields: fields as Record<string, unknown>,
});
export const cluster = (apiVersion: string, kind: string, plural: string, fields: object): LargeObject => ({
  ...group(apiVersion, kind, plural, fields),
  path: `/apis/${apiVersion}/${plural}`,
});
