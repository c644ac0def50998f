/** What objects of one version of a custom resource must satisfy: schema, scale, embedded objects, lists without repeats. */
import type { CustomResourceSubresourceScale } from '#api/gen/apiextensions-v1.js';
import { type FieldError, invalidValue } from '#apimachinery/field-error.js';
import { qualifiedNameProblems } from '#apimachinery/names.js';
import type { KubeObject } from '#apimachinery/object.js';
import { isObject, type JsonObject } from '#apimachinery/patch.js';
import { Correlation } from '#apimachinery/structural/correlation.js';
import { validateEmbedded } from '#apimachinery/structural/embedded.js';
import { validateListTypes } from '#apimachinery/structural/list-types.js';
import type { Patterns } from '#apimachinery/structural/patterns.js';
import { propertyOf, type Schema } from '#apimachinery/structural/schema.js';
import { validateValue } from '#apimachinery/structural/validate.js';
import type { Json } from '#base/json.js';

export interface RuleOptions {
  schema: Schema | undefined;
  scale: CustomResourceSubresourceScale | undefined;
  patterns: Patterns;
}

export interface Rules {
  create(object: KubeObject): FieldError[];
  update(object: KubeObject, old: KubeObject): FieldError[];
  status(object: KubeObject, old: KubeObject): FieldError[];
}

const int32Max = 2 ** 31 - 1;

export function rulesFor({ schema, scale, patterns }: RuleOptions): Rules {
  const scaleErrors = (object: KubeObject) => [...specErrors(object, scale), ...statusErrors(object, scale)];
  const listErrors = (object: KubeObject, old: KubeObject | undefined) => {
    // What has repeats already may keep them.
    if (!schema || (old && validateListTypes(asJson(old), schema).length > 0)) return [];
    return validateListTypes(asJson(object), schema);
  };
  const embeddedErrors = (object: KubeObject) => (schema ? validateEmbedded(asJson(object), unrooted(schema)) : []);
  return {
    create: (object) => [
      ...(schema ? validateValue(asJson(object), schema, { patterns }) : []),
      ...scaleErrors(object),
      ...embeddedErrors(object),
      ...listErrors(object, undefined),
    ],
    update(object, old) {
      const correlation = schema && new Correlation({ value: asJson(object), old: asJson(old), schema });
      return [
        ...(schema ? validateValue(asJson(object), schema, { patterns, correlation }) : []),
        ...scaleErrors(object),
        ...embeddedErrors(object),
        ...listErrors(object, old),
      ];
    },
    status(object, old) {
      const { status } = object as unknown as JsonObject;
      const of = schema && propertyOf(schema, 'status');
      const correlation = schema && new Correlation({ value: asJson(object), old: asJson(old), schema }).key('status');
      return [
        ...(of && status !== undefined ? validateValue(status, of, { patterns, base: 'status', correlation }) : []),
        ...statusErrors(object, scale),
        ...listErrors(object, old),
      ];
    },
  };
}

/** The object's own metadata is checked as every object's is. */
function unrooted(schema: Schema): Schema {
  return schema['x-kubernetes-embedded-resource'] ? { ...schema, 'x-kubernetes-embedded-resource': false } : schema;
}

function asJson(object: KubeObject): JsonObject {
  return object as unknown as JsonObject;
}

function specErrors(object: KubeObject, scale: CustomResourceSubresourceScale | undefined): FieldError[] {
  return scale ? countErrors(asJson(object), scale.specReplicasPath) : [];
}

function statusErrors(object: KubeObject, scale: CustomResourceSubresourceScale | undefined): FieldError[] {
  if (!scale) return [];
  const errors = countErrors(asJson(object), scale.statusReplicasPath);
  const path = scale.labelSelectorPath;
  if (!path) return errors;
  const found = valueAt(asJson(object), path, 'string');
  return 'problem' in found ? [...errors, invalidValue(path, '', found.problem)] : errors;
}

function countErrors(object: JsonObject, path: string): FieldError[] {
  const found = valueAt(object, path, 'int64');
  if ('problem' in found) return [invalidValue(path, 0, found.problem)];
  const count = found.value as number | undefined;
  if (count === undefined) return [];
  if (count < 0) return [invalidValue(path, count, 'should be a non-negative integer')];
  return count > int32Max ? [invalidValue(path, count, `should be less than or equal to ${int32Max}`)] : [];
}

/** Go's accessor of fields of free-form objects, and its words for what stands in its way. */
function valueAt(
  object: JsonObject,
  path: string,
  type: 'int64' | 'string',
): { value: Json | undefined } | { problem: string } {
  let value: Json | undefined = object;
  const refuse = (expected: string) => ({
    problem: `${path} accessor error: ${show(value)} is of the type ${goType(value)}, expected ${expected}`,
  });
  for (const name of path.replace(/^\./, '').split('.')) {
    if (value === undefined || value === null) return { value: undefined };
    if (!isObject(value)) return refuse('map[string]interface{}');
    value = value[name];
  }
  if (value === undefined) return { value };
  const fits = type === 'string' ? typeof value === 'string' : Number.isInteger(value);
  return fits ? { value } : refuse(type);
}

function show(value: Json | undefined): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function goType(value: Json | undefined): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return value === null ? '<nil>' : 'map[string]interface {}';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

const standardFinalizers = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

/** Finalizers without a domain may be meant by somebody else as well. */
export function finalizerWarnings(object: KubeObject, old: KubeObject | undefined): string[] {
  const known = new Set(old?.metadata.finalizers);
  const added = [...new Set(object.metadata.finalizers)].filter((one) => !known.has(one)).sort();
  return added.flatMap((finalizer) => {
    const start = `metadata.finalizers: ${JSON.stringify(finalizer)}:`;
    const problems = qualifiedNameProblems(finalizer).map((problem) => `${start} ${problem}`);
    if (finalizer.includes('/') || standardFinalizers.has(finalizer)) return problems;
    const wanted = finalizer.includes('.') ? ' including a path (/)' : '';
    const why = `prefer a domain-qualified finalizer name${wanted} to avoid accidental conflicts with other finalizer writers`;
    return [...problems, `${start} ${why}`];
  });
}
