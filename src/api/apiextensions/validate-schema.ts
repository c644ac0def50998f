/** What the schema of a version must satisfy. */
import type { CustomResourceValidation, JSONSchemaProps } from '#api/gen/apiextensions-v1.js';
import { collect, collectInSteps, type FieldError, forbiddenField, invalidValue } from '#apimachinery/field-error.js';
import { hasRules } from '#apimachinery/structural/rules-loader.js';
import { metaFields, type Schema } from '#apimachinery/structural/schema.js';
import { endsStep } from '#base/turns.js';
import type { FieldErrors } from '../meta/check.js';
import { extensionErrors, plainErrors, ruleErrors } from './schema-rules.js';
import type { Strictness } from './strictness.js';
import { structuralErrors, unsupportedField } from './structural.js';
import { defaultErrors } from './validate-defaults.js';
import { rulesErrors } from './validate-rules.js';

export interface SchemaOptions {
  /** `spec.validation`, or `spec.versions[0].schema`. */
  path: string;
  /** Whether the status is a subresource, and so has a schema that must be found by itself. */
  hasStatus: boolean;
  strict: Strictness;
  /** What rules in CEL cost is not held against them. */
  suppressed: boolean;
}

/** In Go's spelling, as the message shows them. */
const allowedAtRoot =
  'Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations';

export function* validateSchema(validation: CustomResourceValidation | undefined, options: SchemaOptions): FieldErrors {
  const schema = validation?.openAPIV3Schema;
  if (!schema) return;
  const path = `${options.path}.openAPIV3Schema`;
  const { strict } = options;
  const errors: FieldError[] = options.hasStatus ? collect(statusRootErrors(schema, path)) : [];
  if (schema.nullable) errors.push(forbiddenField(`${path}.nullable`, 'nullable cannot be true at the root'));
  const unreadable = strict.structural ? unsupportedField(schema) : undefined;
  let isSound = false;
  if (strict.structural && !unreadable) {
    const structural = yield* structuralErrors(schema, path);
    const found =
      structural.length > 0
        ? structural
        : yield* collectInSteps(defaultErrors(schema as Schema, { path, pruned: strict.prunedDefaults }));
    errors.push(...found);
    isSound = found.length === 0;
  }
  const inSchema = yield* collectInSteps(
    schemaErrors(schema, { path, strict, noDefaults: undefined, insideMeta: false, isRoot: true }),
  );
  errors.push(...inSchema);
  if (isSound && hasRules(schema as Schema)) {
    const isBroken = (at: string) => inSchema.some((error) => `${error.path}.`.startsWith(`${at}.`));
    errors.push(
      ...(yield* collectInSteps(rulesErrors(schema as Schema, { path, suppressed: options.suppressed, isBroken }))),
    );
  }
  if (errors.length === 0 && unreadable) errors.push(invalidValue(path, '', unreadable));
  yield* errors;
}

/** Where the status is a subresource, its schema is taken out of the whole: the root may say little else. */
function* statusRootErrors(schema: JSONSchemaProps, path: string): FieldErrors {
  if (schema.type !== undefined && schema.type !== 'object') {
    const why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
    yield invalidValue(`${path}.type`, schema.type, why);
    return;
  }
  const allowed = new Set(allowedAtRoot.split(' ').map(jsonName));
  if (Object.keys(schema).every((name) => allowed.has(name))) return;
  const why = `only [${allowedAtRoot}] fields are allowed at the root of the schema if the status subresource is enabled`;
  yield invalidValue(path, schema, why);
}

function jsonName(goName: string): string {
  if (goName === 'XPreserveUnknownFields') return 'x-kubernetes-preserve-unknown-fields';
  if (goName === 'XValidations') return 'x-kubernetes-validations';
  return goName.charAt(0).toLowerCase() + goName.slice(1);
}

interface Part {
  path: string;
  strict: Strictness;
  noDefaults: string | undefined;
  insideMeta: boolean;
  isRoot: boolean;
}

function* schemaErrors(schema: JSONSchemaProps, part: Part): FieldErrors {
  const { path, strict, noDefaults, insideMeta } = part;
  if (endsStep()) yield;
  yield* plainErrors(schema, { path, noDefaults, insideMeta, types: strict.types });
  yield* innerErrors(schema, part);
  const { atomicSets, listKeys } = strict;
  yield* extensionErrors(schema as Schema, { path, atomicSets, listKeys });
  for (const [index, rule] of (schema['x-kubernetes-validations'] ?? []).entries())
    yield* ruleErrors(rule, `${path}.x-kubernetes-validations[${index}]`, schema as Schema);
}

function* innerErrors(schema: JSONSchemaProps, part: Part): FieldErrors {
  const { path, insideMeta, isRoot } = part;
  const { additionalProperties: values, properties = {}, not, allOf, oneOf, anyOf, items } = schema;
  const inner = (at: string, more: Partial<Part> = {}): Part => ({
    ...part,
    path: `${path}.${at}`,
    isRoot: false,
    ...more,
  });
  if (typeof values === 'object') {
    const noDefaults = insideMeta ? 'inside additionalProperties applying to object metadata' : part.noDefaults;
    yield* schemaErrors(values, inner('additionalProperties', { noDefaults }));
  }
  for (const [name, property] of Object.entries(properties)) {
    const isMeta = (isRoot || schema['x-kubernetes-embedded-resource'] === true) && metaFields.has(name);
    const noDefaults = isMeta && isRoot ? `in top-level ${name}` : part.noDefaults;
    yield* schemaErrors(property, inner(`properties[${name}]`, { noDefaults, insideMeta: insideMeta || isMeta }));
  }
  if (not) yield* schemaErrors(not, inner('not'));
  for (const [name, list = []] of Object.entries({ allOf, oneOf, anyOf }))
    for (const [index, one] of list.entries()) yield* schemaErrors(one, inner(`${name}[${index}]`));
  if (Array.isArray(items))
    for (const [index, one] of items.entries()) yield* schemaErrors(one, inner(`items[${index}]`));
  else if (items) yield* schemaErrors(items, inner('items'));
}
