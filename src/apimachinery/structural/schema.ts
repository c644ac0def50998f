/**
 * The schema of a custom resource, as a CustomResourceDefinition gives it: the part of JSON Schema that Kubernetes
 * takes, with its extensions. A schema is structural when each field's type is told outside of logic, so that objects
 * can be pruned, defaulted and merged by it.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */
import type { Json } from '#base/json.js';
import { isObject, type JsonObject } from '../patch.js';

/** Named as in the API's JSONSchemaProps, all of whose fields are JSON. */
export interface Schema {
  type?: string;
  format?: string;
  title?: string;
  description?: string;
  default?: Json;
  nullable?: boolean;
  enum?: readonly Json[];
  maximum?: number;
  exclusiveMaximum?: boolean;
  minimum?: number;
  exclusiveMinimum?: boolean;
  multipleOf?: number;
  maxLength?: number;
  minLength?: number;
  pattern?: string;
  maxItems?: number;
  minItems?: number;
  uniqueItems?: boolean;
  maxProperties?: number;
  minProperties?: number;
  required?: readonly string[];
  items?: Schema | readonly Schema[];
  properties?: Readonly<Record<string, Schema>>;
  additionalProperties?: Schema | boolean;
  allOf?: readonly Schema[];
  oneOf?: readonly Schema[];
  anyOf?: readonly Schema[];
  not?: Schema;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: readonly string[];
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-validations'?: readonly Rule[];
}

/** A rule in CEL. */
export interface Rule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

/** Of the elements of a list; undefined where the schema says nothing of them. */
export function itemsOf({ items }: Schema): Schema | undefined {
  return items === undefined || Array.isArray(items) ? undefined : (items as Schema);
}

/** Of a declared field. */
export function propertyOf({ properties }: Schema, name: string): Schema | undefined {
  return properties && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** Of the values of a map. */
export function valuesOf({ additionalProperties: values }: Schema): Schema | undefined {
  return typeof values === 'object' ? values : undefined;
}

/** Whether fields that are not declared are part of the value. */
export function allowsMore({ additionalProperties: values }: Schema): boolean {
  return values !== undefined && values !== false;
}

/** The fields of every object of the API, which no schema need declare. */
export const metaFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** Calls back for a schema and all in it, those inside logic too. */
export function visitSchemas(schema: Schema, visit: (schema: Schema) => void): void {
  visit(schema);
  for (const one of innerSchemas(schema)) visitSchemas(one, visit);
}

const none: readonly never[] = [];

/** What stands directly in a schema; most have nothing. */
export function innerSchemas(schema: Schema): readonly Schema[] {
  const { items, not, allOf, anyOf, oneOf, properties } = schema;
  const values = valuesOf(schema);
  const isPlain = items === undefined && !not && !values && !allOf && !anyOf && !oneOf && !properties;
  if (isPlain) return none;
  const inner: Schema[] = items === undefined ? [] : ([items].flat() as Schema[]);
  if (not) inner.push(not);
  for (const list of [allOf, anyOf, oneOf]) if (list) for (const one of list) inner.push(one);
  if (properties) for (const name of Object.keys(properties)) inner.push(properties[name]!);
  if (values) inner.push(values);
  return inner;
}

/** Calls back for each value in an object that has a schema of its own, with what it is a field or element of. */
export function eachChild(
  value: Json,
  schema: Schema,
  visit: (child: Json, of: Schema, at: { key: string | number; declared: boolean }) => void,
): void {
  if (Array.isArray(value)) {
    const of = itemsOf(schema);
    if (of) for (const [key, child] of value.entries()) visit(child, of, { key, declared: false });
  } else if (isObject(value)) {
    const values = valuesOf(schema);
    for (const key of Object.keys(value)) {
      const declared = propertyOf(schema, key);
      const of = declared ?? values;
      if (of) visit((value as JsonObject)[key]!, of, { key, declared: declared !== undefined });
    }
  }
}
