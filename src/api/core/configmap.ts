/** ConfigMap: configuration as keys and texts. */

import type { ConfigMap } from '#api/gen/core-v1.js';
import { forbiddenField, invalidValue, tooLong } from '#apimachinery/field-error.js';
import { configMapKeyProblems } from '#apimachinery/names.js';
import { equal } from '#base/json.js';
import { check, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';

const bytesMax = 1024 * 1024;

export default defineResource<ConfigMap>({
  group: '',
  versions: ['v1'],
  kind: 'ConfigMap',
  shortNames: ['cm'],
  namespaced: true,
  metadataRepeats: { update: ['change', 'whole'] },
  storageVersionHash: 'qFsyl6wFWjQ=',
  validate: (configMap) => checkContents(configMap),
  tellsChangeFirst: true,
  validateUpdate: (configMap, old) => [...checkFrozen(configMap, old, ['data', 'binaryData'])],
  columns: [
    nameColumn,
    {
      name: 'Data',
      type: 'string',
      description: fieldText('core.v1.ConfigMap.data'),
      cell: (configMap) => sizeOf(configMap.data) + sizeOf(configMap.binaryData),
    },
    ageColumn,
  ],
});

function* checkContents({ data = {}, binaryData = {} }: ConfigMap): FieldErrors {
  let bytes = 0;
  for (const [key, text] of Object.entries(data)) {
    yield* check(`data[${key}]`, key, configMapKeyProblems);
    if (key in binaryData) yield invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData');
    bytes += Buffer.byteLength(text);
  }
  for (const [key, text] of Object.entries(binaryData)) {
    yield* check(`binaryData[${key}]`, key, configMapKeyProblems);
    bytes += Buffer.byteLength(text, 'base64');
  }
  // An empty path is how upstream points at the whole object.
  if (bytes > bytesMax) yield tooLong('[]', bytesMax);
}

/** Of ConfigMaps and Secrets that were declared immutable, which cannot be undone. */
export function* checkFrozen<T extends { immutable?: boolean }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldErrors {
  if (!old.immutable) return;
  const why = 'field is immutable when `immutable` is set';
  if (!object.immutable) yield forbiddenField('immutable', why);
  for (const field of fields) if (!equal(object[field] ?? {}, old[field] ?? {})) yield forbiddenField(field, why);
}

function sizeOf(map: Record<string, string> | undefined): number {
  return Object.keys(map ?? {}).length;
}
