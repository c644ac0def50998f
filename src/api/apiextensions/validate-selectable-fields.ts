/** Fields of custom resources that lists and watches may select by. (KEP-4358) */
import type { CustomResourceDefinitionVersion } from '#api/gen/apiextensions-v1.js';
import { duplicate, invalidValue, required, tooMany } from '#apimachinery/field-error.js';
import { schemaAtPath } from '#apimachinery/structural/field-path.js';
import type { Schema } from '#apimachinery/structural/schema.js';
import { each, type FieldErrors } from '../meta/check.js';
import { type Strictness, selectableFieldsMax } from './strictness.js';

const selectableTypes = ['string', 'boolean', 'integer'];

export function* validateSelectableFields(
  { name, schema, selectableFields = [] }: CustomResourceDefinitionVersion,
  { path, strict }: { path: string; strict: Strictness },
): FieldErrors {
  if (selectableFields.length === 0) return;
  if (!schema?.openAPIV3Schema) {
    // What all versions share upstream looks at as in v1beta1.
    const shared = path === 'spec.selectableFields';
    const what = shared ? 'validations.schema is included' : '`version.schema.openAPIV3Schema` is not included';
    yield invalidValue(path, '', `may only be set when ${what}`);
    return;
  }
  const seen = new Set<string>();
  for (const { path: at, value } of each(path, selectableFields)) {
    const { jsonPath } = value;
    if (!jsonPath) {
      yield required(`${at}.jsonPath`);
      continue;
    }
    const found = schemaAtPath(jsonPath, schema.openAPIV3Schema as Schema, { arrays: false });
    if ('problem' in found) {
      yield invalidValue(`${at}.jsonPath`, jsonPath, `is an invalid path: ${found.problem}`);
      continue;
    }
    if (found.root === 'metadata')
      yield invalidValue(`${at}.jsonPath`, jsonPath, 'must not point to fields in metadata');
    if (!selectableTypes.includes(found.schema.type ?? ''))
      yield invalidValue(
        `${at}.jsonPath`,
        jsonPath,
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
      );
    if (seen.has(found.path)) yield duplicate(`${at}.jsonPath`, jsonPath);
    seen.add(found.path);
  }
  if (seen.size > selectableFieldsMax && !strict.manySelectable.has(name))
    yield tooMany(path, seen.size, selectableFieldsMax);
}
