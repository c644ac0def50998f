/**
 * Which rules a definition is held to. Rules that came with later versions of Kubernetes are not held against a
 * definition that broke them before.
 */

import type { CustomResourceDefinition, JSONSchemaProps } from '#api/gen/apiextensions-v1.js';
import { collect } from '#apimachinery/field-error.js';
import { type Schema, visitSchemas } from '#apimachinery/structural/schema.js';
import { equal } from '#base/json.js';
import { atOnce } from '#base/turns.js';
import { listKeyErrors, schemaTypes, setItemProblem } from './schema-rules.js';
import { isCertificateBundle, isTrue } from './status.js';
import { structuralErrors } from './structural.js';
import { hasUnprunedDefault } from './validate-defaults.js';

export interface Strictness {
  /** Every version must have a schema. */
  schema: boolean;
  structural: boolean;
  types: boolean;
  prunedDefaults: boolean;
  atomicSets: boolean;
  listKeys: boolean;
  reviewVersions: boolean;
  certificates: boolean;
  /** Versions whose schemas are as they were: what a rule in CEL costs is not held against them. */
  unchanged: ReadonlySet<string>;
  /** Versions that have had more selectable fields than are allowed, and have the same still. */
  manySelectable: ReadonlySet<string>;
}

export const selectableFieldsMax = 8;

export const knownReviewVersions = ['v1', 'v1beta1'];

/** Every rule there is; for what follows `old`. */
export function strictest(old: CustomResourceDefinition | undefined): Strictness {
  const all = { schema: true, structural: true, types: true, prunedDefaults: true, atomicSets: true, listKeys: true };
  return {
    ...all,
    reviewVersions: true,
    certificates: checksCertificates(old),
    unchanged: empty,
    manySelectable: empty,
  };
}

const empty: ReadonlySet<string> = new Set();

function checksCertificates(old: CustomResourceDefinition | undefined): boolean {
  const bundle = old?.spec.conversion?.webhook?.clientConfig?.caBundle;
  return old !== undefined && isTrue(old, 'Established') && !(bundle && !isCertificateBundle(bundle));
}

export function strictness(crd: CustomResourceDefinition, old: CustomResourceDefinition): Strictness {
  const schemas = old.spec.versions.flatMap(({ schema }) => schema?.openAPIV3Schema ?? []);
  const none = (breaks: (schema: JSONSchemaProps) => boolean) => !schemas.some(breaks);
  const anywhere = (breaks: (schema: Schema) => boolean) => (whole: JSONSchemaProps) => {
    let found = false;
    visitSchemas(whole as Schema, (schema) => {
      found ||= breaks(schema);
    });
    return found;
  };
  const reviewVersions = old.spec.conversion?.webhook?.conversionReviewVersions ?? [];
  return {
    schema: schemas.length === old.spec.versions.length,
    structural: none((schema) => atOnce(structuralErrors(schema, '')).length > 0) || !crd.spec.preserveUnknownFields,
    types: none(anywhere(({ type }) => type !== undefined && !schemaTypes.includes(type))),
    prunedDefaults: none(hasUnprunedDefault),
    atomicSets: none(anywhere((schema) => setItemProblem(schema, '') !== undefined)),
    listKeys: none(anywhere((schema) => collect(listKeyErrors(schema, '')).length > 0)),
    reviewVersions: reviewVersions.length === 0 || reviewVersions.some((one) => knownReviewVersions.includes(one)),
    certificates: checksCertificates(old),
    ...unchangedVersions(crd, old),
  };
}

function unchangedVersions(
  crd: CustomResourceDefinition,
  old: CustomResourceDefinition,
): Pick<Strictness, 'unchanged' | 'manySelectable'> {
  const unchanged = new Set<string>();
  const manySelectable = new Set<string>();
  for (const version of crd.spec.versions) {
    const before = old.spec.versions.find(({ name }) => name === version.name);
    if (!before) continue;
    if (equal(version.schema, before.schema)) unchanged.add(version.name);
    const { selectableFields: fields = [] } = before;
    if (fields.length > selectableFieldsMax && equal(fields, version.selectableFields))
      manySelectable.add(version.name);
  }
  return { unchanged, manySelectable };
}
