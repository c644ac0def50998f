/** What objects of one version of a custom resource must satisfy: schema, scale, embedded objects, lists without repeats. */

import type { CustomResourceSubresourceScale } from '#api/gen/apiextensions-v1.js';
import type { Warn } from '#api/resource.js';
import { collect, type FieldError, invalidValue } from '#apimachinery/field-error.js';
import { validateObjectMeta } from '#apimachinery/metadata-validation.js';
import { qualifiedNameProblems, subdomainProblems } from '#apimachinery/names.js';
import type { KubeObject } from '#apimachinery/object.js';
import { isObject, type JsonObject } from '#apimachinery/patch.js';
import { Correlation } from '#apimachinery/structural/correlation.js';
import { validateEmbedded } from '#apimachinery/structural/embedded.js';
import { validateListTypes } from '#apimachinery/structural/list-types.js';
import type { Patterns } from '#apimachinery/structural/patterns.js';
import type { RuleTree } from '#apimachinery/structural/rules/rule-tree.js';
import type { RulesRoom } from '#apimachinery/structural/rules-loader.js';
import { propertyOf, type Schema } from '#apimachinery/structural/schema.js';
import { type Validation, validateLarge, validateValue } from '#apimachinery/structural/validate.js';
import { isNumber } from '#base/exact-json.js';
import { isInt64, plain, typeName } from '#base/go-text.js';
import type { Json } from '#base/json.js';
import type { Steps } from '#base/turns.js';
import type { RuleObserver } from '../metrics/rule-metrics.js';

export interface RuleOptions {
  schema: Schema | undefined;
  scale: CustomResourceSubresourceScale | undefined;
  patterns: Patterns;
  /** In CEL; undefined where the schema has none. */
  rules: SchemaRules | undefined;
  observer: RuleObserver | undefined;
}

export interface SchemaRules {
  room: RulesRoom;
  tree: RuleTree;
}

export interface Rules {
  create(object: KubeObject, size?: Size): Steps<FieldError[]>;
  update(object: KubeObject, old: KubeObject, more?: Size & Warned): Steps<FieldError[]>;
  status(object: KubeObject, old: KubeObject, more?: Size & Warned): Steps<FieldError[]>;
}

interface Size {
  isLarge?: boolean;
}

interface Warned {
  warn?: Warn | undefined;
}

/** What makes an object none that rules could be held against. */
const blocking: ReadonlySet<string> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

const unchecked =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

const int32Max = 2 ** 31 - 1;

export function rulesFor({ schema, scale, patterns, rules, observer }: RuleOptions): Rules {
  const scaleErrors = (object: KubeObject) => [...specErrors(object, scale), ...statusErrors(object, scale)];
  function* listErrors(object: KubeObject, old: KubeObject | undefined): Steps<FieldError[]> {
    yield;
    // What has repeats already may keep them.
    if (!schema || (old && validateListTypes(asJson(old), schema).length > 0)) return [];
    yield;
    const errors = validateListTypes(asJson(object), schema);
    yield;
    return errors;
  }
  function* valueErrors(
    value: Json | undefined,
    of: Schema | undefined,
    { isLarge, ...validation }: Size & Omit<Validation, 'patterns'>,
  ): Steps<FieldError[]> {
    if (!of || value === undefined) return [];
    const all = { patterns, ...validation };
    const errors = isLarge ? yield* validateLarge(value, of, all) : validateValue(value, of, all);
    yield;
    return errors;
  }
  const embeddedErrors = (object: KubeObject) => (schema ? validateEmbedded(asJson(object), unrooted(schema)) : []);
  const withRules = (
    errors: FieldError[],
    {
      object,
      correlation,
      warn,
    }: { object: KubeObject; correlation?: Correlation | undefined; warn?: Warn | undefined },
  ): FieldError[] => {
    if (!rules) return errors;
    if (errors.some(isBlocking) || validateMetadata(object).some(isBlocking))
      return [...errors, invalidValue('<nil>', undefined, unchecked)];
    const { RuleRun, Ratchet, costBudget } = rules.room;
    const run = new RuleRun(costBudget);
    const ratchet = correlation ? Ratchet.of(correlation) : Ratchet.none;
    const check = () => rules.tree.check({ path: '', value: asJson(object), old: correlation?.old, ratchet }, run);
    if (observer) observer.evaluating(check);
    else check();
    for (const text of run.warnings) warn?.(text);
    return [...errors, ...run.errors];
  };
  return {
    *create(object, { isLarge } = {}) {
      const errors = [
        ...(yield* valueErrors(asJson(object), schema, { isLarge })),
        ...scaleErrors(object),
        ...embeddedErrors(object),
        ...(yield* listErrors(object, undefined)),
      ];
      return withRules(errors, { object });
    },
    *update(object, old, { isLarge, warn } = {}) {
      const correlation = schema && new Correlation({ value: asJson(object), old: asJson(old), schema });
      const errors = [
        ...(yield* valueErrors(asJson(object), schema, { isLarge, correlation })),
        ...scaleErrors(object),
        ...embeddedErrors(object),
        ...(yield* listErrors(object, old)),
      ];
      return withRules(errors, { object, correlation, warn });
    },
    *status(object, old, { isLarge, warn } = {}) {
      const { status } = object as unknown as JsonObject;
      const of = schema && propertyOf(schema, 'status');
      const whole = schema && new Correlation({ value: asJson(object), old: asJson(old), schema });
      const correlation = whole?.key('status');
      const errors = [
        ...(yield* valueErrors(status, of, { isLarge, base: 'status', correlation })),
        ...statusErrors(object, scale),
        ...(yield* listErrors(object, old)),
      ];
      return withRules(errors, { object, correlation: whole, warn });
    },
  };
}

function isBlocking({ type }: FieldError): boolean {
  return blocking.has(type);
}

/** What is wrong with the metadata is told elsewhere, and as good a reason to look no further. */
function validateMetadata({ metadata }: KubeObject): FieldError[] {
  const rules = { namespaced: metadata.namespace !== undefined, validateName: subdomainProblems };
  return collect(validateObjectMeta(metadata, rules));
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
    problem: `${path} accessor error: ${plain(value)} is of the type ${typeName(value)}, expected ${expected}`,
  });
  for (const name of path.replace(/^\./, '').split('.')) {
    if (value === undefined || value === null) return { value: undefined };
    if (!isObject(value)) return refuse('map[string]interface{}');
    value = value[name];
  }
  if (value === undefined) return { value };
  const fits = type === 'string' ? typeof value === 'string' : isNumber(value) && isInt64(value);
  return fits ? { value } : refuse(type);
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
