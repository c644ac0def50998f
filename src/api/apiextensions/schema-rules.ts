/** What each part of a schema must satisfy by itself: types, and what Kubernetes' extensions go together with. */
import type { JSONSchemaProps } from '#api/gen/apiextensions-v1.js';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { schemaAtPath } from '#apimachinery/structural/field-path.js';
import { itemsOf, type Rule, type Schema } from '#apimachinery/structural/schema.js';
import type { FieldErrors } from '../meta/check.js';
import { unsupportedField } from './structural.js';

export const schemaTypes = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

const rulesReasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

const unsupported: readonly (readonly [keyof JSONSchemaProps, string, string])[] = [
  ['id', 'id', 'id is not supported'],
  ['additionalItems', 'additionalItems', 'additionalItems is not supported'],
  ['patternProperties', 'patternProperties', 'patternProperties is not supported'],
  ['definitions', 'definitions', 'definitions is not supported'],
  ['dependencies', 'dependencies', 'dependencies is not supported'],
  ['$ref', '$ref', '$ref is not supported'],
];

export interface Place {
  path: string;
  /** Why a default may not stand here. */
  noDefaults: string | undefined;
  /** Whether this is apiVersion, kind or metadata of an object, or within. */
  insideMeta: boolean;
  types: boolean;
}

export function* plainErrors(schema: JSONSchemaProps, { path, noDefaults, insideMeta, types }: Place): FieldErrors {
  const { type, items } = schema;
  if (types && type && !schemaTypes.includes(type)) yield notSupported(`${path}.type`, type, schemaTypes);
  if (schema.default !== undefined && noDefaults !== undefined)
    yield forbiddenField(`${path}.default`, `must not be set ${noDefaults}`.trim());
  for (const [field, name, why] of unsupported)
    if (schema[field] !== undefined) yield forbiddenField(`${path}.${name}`, why);
  if (type === 'null')
    yield forbiddenField(`${path}.type`, 'type cannot be set to null, use nullable as an alternative');
  if (Array.isArray(items)) yield forbiddenField(`${path}.items`, 'items must be a schema object and not an array');
  if (insideMeta && schema['x-kubernetes-embedded-resource'])
    yield forbiddenField(`${path}.x-kubernetes-embedded-resource`, 'must not be used inside of resource meta');
  if (schema.uniqueItems)
    yield forbiddenField(
      `${path}.uniqueItems`,
      'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
    );
  const { additionalProperties: values, properties = {} } = schema;
  if (values !== undefined && values !== true && Object.keys(properties).length > 0)
    yield forbiddenField(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive');
}

/** Of the extensions, in the order in which upstream tells them, after what is inside. */
export function* extensionErrors(
  schema: Schema,
  { path, atomicSets, listKeys }: { path: string; atomicSets: boolean; listKeys: boolean },
): FieldErrors {
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    yield invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined');
  yield* typeFor(schema, { path, extension: 'x-kubernetes-map-type', type: 'object', values: ['atomic', 'granular'] });
  const listType = schema['x-kubernetes-list-type'];
  const isArray = listType === undefined || schema.type === 'array';
  if (!isArray) yield* wrongType(schema, { path, extension: 'x-kubernetes-list-type', type: 'array' });
  else if (atomicSets) {
    const problem = setItemProblem(schema, path);
    if (problem) yield problem;
  }
  if (listType !== undefined && !['atomic', 'set', 'map'].includes(listType))
    yield notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']);
  yield* mapKeyErrors(schema, path);
  if (listKeys) yield* listKeyErrors(schema, path);
}

interface Needed {
  path: string;
  extension: 'x-kubernetes-map-type' | 'x-kubernetes-list-type';
  type: string;
}

function* typeFor(schema: Schema, needed: Needed & { values: readonly string[] }): FieldErrors {
  const value = schema[needed.extension];
  if (value === undefined) return;
  if (schema.type !== needed.type) yield* wrongType(schema, needed);
  if (!needed.values.includes(value)) yield notSupported(`${needed.path}.${needed.extension}`, value, needed.values);
}

function* wrongType({ type }: Schema, { path, extension, type: wanted }: Needed): FieldErrors {
  const why = `must be ${wanted} if ${extension} is specified`;
  yield type ? invalidValue(`${path}.type`, type, why) : required(`${path}.type`, why);
}

/** The elements of a set are compared whole. */
export function setItemProblem(schema: Schema, path: string): FieldError | undefined {
  const items = schema['x-kubernetes-list-type'] === 'set' ? itemsOf(schema) : undefined;
  const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const listType = items?.['x-kubernetes-list-type'];
  if (items?.type === 'array' && listType !== undefined && listType !== 'atomic')
    return invalidValue(`${path}.items.x-kubernetes-list-type`, listType, why);
  if (items?.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic')
    return invalidValue(`${path}.items.x-kubernetes-map-type`, listType ?? null, why);
  return undefined;
}

function* mapKeyErrors(schema: Schema, path: string): FieldErrors {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (keys.length > 0 && listType !== 'map') {
    const at = `${path}.x-kubernetes-list-type`;
    const why = 'must be map if x-kubernetes-list-map-keys is non-empty';
    yield listType === undefined ? required(at, why) : invalidValue(at, listType, why);
  }
  if (listType !== 'map') return;
  const at = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) yield required(at, 'must not be empty if x-kubernetes-list-type is map');
  if (schema.items === undefined) {
    yield required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map');
    return;
  }
  const items = itemsOf(schema);
  if (!items) {
    yield invalidValue(
      `${path}.items`,
      schema.items,
      'must only have a single schema if x-kubernetes-list-type is map',
    );
    return;
  }
  if (items.type !== 'object') {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    yield invalidValue(`${path}.items.type`, items.type ?? '', why);
    return;
  }
  const seen = new Set<string>();
  for (const key of keys) {
    const property = items.properties?.[key];
    if (!property) yield invalidValue(at, keys, 'entries must all be names of item properties');
    else if (property.type === 'array' || property.type === 'object')
      yield invalidValue(
        `${path}.items.properties[${key}].type`,
        items.type,
        "must be a scalar type if parent array's x-kubernetes-list-type is map",
      );
    if (seen.has(key)) yield invalidValue(at, keys, 'must not contain duplicate entries');
    seen.add(key);
  }
}

/** That the elements of sets and maps, and the keys of the latter, are always there. */
export function* listKeyErrors(schema: Schema, path: string): FieldErrors {
  const listType = schema['x-kubernetes-list-type'];
  const items = itemsOf(schema);
  if (!items || (listType !== 'set' && listType !== 'map')) return;
  if (items.nullable)
    yield forbiddenField(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`);
  if (listType === 'set') return;
  for (const key of schema['x-kubernetes-list-map-keys'] ?? []) {
    const property = items.properties?.[key];
    if (!property) continue;
    const at = `${path}.items.properties[${key}]`;
    if (!items.required?.includes(key) && property.default === undefined)
      yield required(
        `${at}.default`,
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
      );
    if (property.nullable)
      yield forbiddenField(
        `${at}.nullable`,
        'this property is in x-kubernetes-list-map-keys, so it cannot be nullable',
      );
  }
}

const lineBreak = /[\n\r]/;

/** Of a rule in CEL, but for the expressions themselves. */
export function* ruleErrors(rule: Rule, path: string, schema: Schema): FieldErrors {
  const { message = '', messageExpression = '', reason, fieldPath = '' } = rule;
  const text = rule.rule.trim();
  if (text === '') yield required(`${path}.rule`, 'rule is not specified');
  else if (message !== '' && message.trim() === '')
    yield invalidValue(`${path}.message`, message, 'must be non-empty if specified');
  else if (lineBreak.test(message.trim()))
    yield invalidValue(`${path}.message`, message, 'must not contain line breaks');
  else if (lineBreak.test(text) && message.trim() === '')
    yield required(`${path}.message`, 'message must be specified if rule contains line breaks');
  if (messageExpression !== '' && messageExpression.trim() === '')
    yield required(`${path}.messageExpression`, 'messageExpression must be non-empty if specified');
  if (reason !== undefined && !rulesReasons.includes(reason))
    yield notSupported(`${path}.reason`, reason, rulesReasons);
  if (fieldPath === '') return;
  if (fieldPath.trim() === '') yield invalidValue(`${path}.fieldPath`, fieldPath, 'must be non-empty if specified');
  if (lineBreak.test(fieldPath)) yield invalidValue(`${path}.fieldPath`, fieldPath, 'must not contain line breaks');
  const isReadable = unsupportedField(schema as JSONSchemaProps) === undefined;
  if (isReadable && 'problem' in schemaAtPath(fieldPath, schema))
    yield invalidValue(`${path}.fieldPath`, fieldPath, 'must be a valid path');
}
