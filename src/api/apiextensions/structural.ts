/**
 * Whether a schema is structural: each field has a type outside of logic, and what logic says is of fields that are
 * declared. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */
import type { JSONSchemaProps } from '#api/gen/apiextensions-v1.js';
import { collectInSteps, forbiddenField, type InSteps, invalidValue, required } from '#apimachinery/field-error.js';
import { patternProblem } from '#apimachinery/structural/patterns.js';
import { innerSchemas, type Schema } from '#apimachinery/structural/schema.js';
import { equal } from '#base/json.js';
import { endsStep } from '#base/turns.js';
import type { FieldErrors } from '../meta/check.js';

type Props = JSONSchemaProps;
type Level = 'root' | 'item' | 'field';

/** In the order of their texts. */
export function* structuralErrors(schema: Props, path: string): InSteps {
  const unsupported = unsupportedField(schema);
  if (unsupported) return [invalidValue(path, '', unsupported)];
  const errors = [
    ...(yield* collectInSteps(invariants(schema, { path, level: 'root' }))),
    ...(yield* collectInSteps(completeness(schema, { of: schema, path, at: path }))),
  ];
  return errors.sort((a, b) => (a.message < b.message ? -1 : 1));
}

const unsupportedFields = [
  'id',
  '$schema',
  '$ref',
  'patternProperties',
  'dependencies',
  'additionalItems',
  'definitions',
] as const;

/** Why the schema cannot be read as a structural one at all. */
export function unsupportedField(schema: Props): string | undefined {
  for (const name of unsupportedFields) {
    const value = schema[name];
    const isSet = typeof value === 'object' ? Object.keys(value).length > 0 || name === 'additionalItems' : value;
    if (isSet) return `OpenAPIV3Schema '${name.replace('$schema', 'schema')}' is not supported`;
  }
  if (Array.isArray(schema.items)) return "OpenAPIV3Schema 'items' must be a schema, but is an array";
  for (const inner of innerSchemas(schema as Schema)) {
    const problem = unsupportedField(inner as Props);
    if (problem) return problem;
  }
  return undefined;
}

function* invariants(schema: Props, { path, level }: { path: string; level: Level }): FieldErrors {
  const { type = '', items, properties = {}, additionalProperties: values } = schema;
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const keeps = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  if (endsStep()) yield;
  if (type === 'array' && !items) yield required(`${path}.items`, 'must be specified');
  if (items && !Array.isArray(items)) yield* invariants(items, { path: `${path}.items`, level: 'item' });
  for (const [name, property] of Object.entries(properties))
    yield* invariants(property, { path: `${path}.properties[${name}]`, level: 'field' });
  if (values !== undefined) {
    if (level === 'root') yield forbiddenField(`${path}.additionalProperties`, 'must not be used at the root');
    if (typeof values === 'object') yield* invariants(values, { path: `${path}.additionalProperties`, level: 'field' });
  }
  if (intOrString && keeps)
    yield invalidValue(
      `${path}.x-kubernetes-preserve-unknown-fields`,
      true,
      'must be false if x-kubernetes-int-or-string is true',
    );
  if (intOrString && embedded)
    yield invalidValue(
      `${path}.x-kubernetes-embedded-resource`,
      true,
      'must be false if x-kubernetes-int-or-string is true',
    );
  yield* logic(schema, path, {
    skipsAnyOf: isIntOrString(schema.anyOf),
    skipsAllOf: isIntOrString(schema.allOf?.[0]?.anyOf),
  });
  yield* typeRules(schema, { path, level });
  if (embedded && values !== undefined)
    yield forbiddenField(`${path}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set');
  yield* metadataRules(schema, { path, level });
  if (embedded && !keeps && Object.keys(properties).length === 0)
    yield required(
      `${path}.properties`,
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
    );
}

const emptyTypes: Record<Level, string> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function* typeRules(schema: Props, { path, level }: { path: string; level: Level }): FieldErrors {
  const { type = '' } = schema;
  if (schema['x-kubernetes-embedded-resource'] && type !== 'object') {
    const why = 'must be object if x-kubernetes-embedded-resource is true';
    yield type === '' ? required(`${path}.type`, why) : invalidValue(`${path}.type`, type, why);
  } else if (type === '' && !schema['x-kubernetes-int-or-string'] && !schema['x-kubernetes-preserve-unknown-fields']) {
    yield required(`${path}.type`, emptyTypes[level]);
  }
  if (level === 'root' && type !== '' && type !== 'object')
    yield invalidValue(`${path}.type`, type, 'must be object at the root');
}

/** What a schema may say of apiVersion, kind and metadata. */
function* metadataRules(schema: Props, { path, level }: { path: string; level: Level }): FieldErrors {
  const { properties = {} } = schema;
  const isObject = level === 'root' || schema['x-kubernetes-embedded-resource'] === true;
  for (const name of ['kind', 'apiVersion']) {
    const property = properties[name];
    if (property && isObject && property.type !== 'string')
      yield invalidValue(`${path}.properties[${name}].type`, property.type ?? '', 'must be string');
  }
  const metadata = properties['metadata'];
  if (!metadata) return;
  const at = `${path}.properties[metadata]`;
  if (isObject && metadata.type !== 'object') yield invalidValue(`${at}.type`, metadata.type ?? '', 'must be object');
  if (level !== 'root') return;
  const { type: _, default: __, properties: fields = {}, ...rest } = metadata;
  const names = Object.keys(fields);
  const onlyNames = names.every((name) => name === 'name' || name === 'generateName');
  if (!onlyNames || Object.keys(rest).length > 0)
    yield forbiddenField(
      at,
      'must not specify anything other than name and generateName, but metadata is implicitly specified',
    );
}

const intOrStringTypes = [{ type: 'integer' }, { type: 'string' }];

/** The one use of types in logic that is allowed: that of what is an integer or a string. */
function isIntOrString(anyOf: readonly Props[] | undefined): boolean {
  return anyOf?.length === 2 && equal(anyOf, intOrStringTypes);
}

function* logic(schema: Props, path: string, { skipsAnyOf = false, skipsAllOf = false } = {}): FieldErrors {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern } = schema;
  if (!skipsAnyOf) for (const [index, one] of anyOf.entries()) yield* nested(one, `${path}.anyOf[${index}]`);
  for (const [index, one] of allOf.entries()) {
    yield* nested(one, `${path}.allOf[${index}]`, { skipsAnyOf: skipsAllOf && index === 0 });
  }
  for (const [index, one] of oneOf.entries()) yield* nested(one, `${path}.oneOf[${index}]`);
  if (not) yield* nested(not, `${path}.not`);
  const problem = pattern ? patternProblem(pattern) : undefined;
  if (problem)
    yield invalidValue(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${problem}`);
}

const nestedRules: readonly (readonly [keyof Props, string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

function* nested(schema: Props, path: string, { skipsAnyOf = false } = {}): FieldErrors {
  yield* logic(schema, path, { skipsAnyOf });
  if (endsStep()) yield;
  const { items, properties = {} } = schema;
  if (items && !Array.isArray(items)) yield* nested(items, `${path}.items`);
  for (const [name, property] of Object.entries(properties)) yield* nested(property, `${path}.properties[${name}]`);
  for (const [name, why] of nestedRules) {
    const value = schema[name];
    if (value === undefined || value === false || value === '' || (Array.isArray(value) && value.length === 0))
      continue;
    yield forbiddenField(`${path}.${name}`, why);
  }
  if (properties['metadata'])
    yield forbiddenField(`${path}.properties[metadata]`, 'must not be specified in a nested context');
}

/** `of` is what is declared outside of logic; `path` leads to it, `at` to what logic says of it. */
interface Declared {
  of: Props | undefined;
  path: string;
  at: string;
}

function* completeness(schema: Props, { of, path, at }: Declared): FieldErrors {
  const { not, allOf = [], anyOf = [], oneOf = [] } = schema;
  if (not) yield* nestedCompleteness(not, { of, path, at: `${at}.not` });
  for (const [name, list] of Object.entries({ allOf, anyOf, oneOf }))
    for (const [index, one] of list.entries())
      yield* nestedCompleteness(one, { of, path, at: `${at}.${name}[${index}]` });
}

function* nestedCompleteness(schema: Props, { of, path, at }: Declared): FieldErrors {
  if (endsStep()) yield;
  if (!of) {
    yield required(path, `because it is defined in ${at}`);
    return;
  }
  yield* completeness(schema, { of, path, at });
  const { items, properties = {} } = schema;
  if (items && !Array.isArray(items)) {
    const inner = Array.isArray(of.items) ? undefined : of.items;
    yield* nestedCompleteness(items, { of: inner, path: `${path}.items`, at: `${at}.items` });
  }
  for (const [name, property] of Object.entries(properties)) {
    const inner = `properties[${name}]`;
    yield* nestedCompleteness(property, { of: of.properties?.[name], path: `${path}.${inner}`, at: `${at}.${inner}` });
  }
}
