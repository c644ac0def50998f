/** That the defaults of a schema satisfy it, and have nothing that would be pruned. */
import type { JSONSchemaProps } from '#api/gen/apiextensions-v1.js';
import { SchemaError } from '#apimachinery/codec/schema-error.js';
import { type FieldError, invalidValue } from '#apimachinery/field-error.js';
import { isObject, type JsonObject } from '#apimachinery/patch.js';
import { coerceEmbedded, metadataPlan, validateEmbedded } from '#apimachinery/structural/embedded.js';
import { recentPatterns } from '#apimachinery/structural/patterns.js';
import { prune } from '#apimachinery/structural/prune.js';
import type { RuleRun } from '#apimachinery/structural/rules/evaluate.js';
import { hasRules, loadedRules } from '#apimachinery/structural/rules-loader.js';
import { itemsOf, metaFields, type Schema, visitSchemas } from '#apimachinery/structural/schema.js';
import { validateValue } from '#apimachinery/structural/validate.js';
import { copy, type Json } from '#base/json.js';
import { endsStep } from '#base/turns.js';
import type { FieldErrors } from '../meta/check.js';
import { builtinSchemas } from '../schema-table.js';

export function* defaultErrors(schema: Schema, { path, pruned }: { path: string; pruned: boolean }): FieldErrors {
  let hasDefaults = false;
  visitSchemas(schema, ({ default: value }) => {
    hasDefaults ||= value !== undefined && value !== null;
  });
  if (!hasDefaults) return;
  const root = { ...schema, 'x-kubernetes-embedded-resource': true };
  const run = hasRules(schema) ? new (loadedRules().RuleRun)(loadedRules().costBudget) : undefined;
  yield* errorsBelow(root, { path, pruned, insideMeta: false, root, around: whole, run });
}

const unknownFields = 'must not have unknown fields';

/** Builds the object that has a value where a default stands; `root` is its schema. */
type Around = (value: Json) => Json;

const whole: Around = (value) => value;

interface Walk {
  path: string;
  pruned: boolean;
  /** Within apiVersion, kind and metadata of an object. */
  insideMeta: boolean;
  root: Schema;
  around: Around;
  /** Where some schema has rules: what may still be spent on them. */
  run: RuleRun | undefined;
}

/** Defaults of the values of maps are not followed: they are not allowed. */
function* errorsBelow(schema: Schema, walk: Walk): FieldErrors {
  const { path, pruned, run } = walk;
  if (endsStep()) yield;
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  const { insideMeta, root, around } = isEmbedded ? { insideMeta: false, root: schema, around: whole } : walk;
  if (schema.default !== undefined && schema.default !== null) {
    const at = `${path}.default`;
    const found = insideMeta
      ? metadataErrors(schema.default, schema, { path: at, root, around })
      : errorsOf(schema.default, schema, { path: at, pruned });
    yield* found;
    const isSound = found.every(({ body }) => body.endsWith(unknownFields));
    if (run && isSound) yield* ruleErrors(schema.default, schema, { path: at, run });
    if (run?.isSpent) return;
  }
  const items = itemsOf(schema);
  const within = { pruned, insideMeta, root, run };
  if (items) yield* errorsBelow(items, { ...within, path: `${path}.items`, around: (value) => around([value]) });
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const isMeta = insideMeta || (isEmbedded && metaFields.has(name));
    const inner: Around = (value) => around({ [name]: value });
    yield* errorsBelow(property, {
      ...within,
      path: `${path}.properties[${name}]`,
      insideMeta: isMeta,
      around: inner,
    });
  }
}

/** A default of metadata must make an object that may be. */
function metadataErrors(
  value: Json,
  schema: Schema,
  { path, root, around }: { path: string; root: Schema; around: Around },
): FieldError[] {
  const object = { kind: 'Validation', apiVersion: 'validation/v1', ...(around(copy(value)) as JsonObject) };
  const refuse = (why: string) => [invalidValue(path, value, `must result in valid metadata: ${why}`)];
  try {
    coerceEmbedded(object, root, { plan: metadataPlan(builtinSchemas) });
  } catch (error) {
    if (error instanceof SchemaError) return refuse(error.message);
    throw error;
  }
  const errors = validateEmbedded(object, root).map(({ message }) => message.replace(/^\./, ''));
  if (errors.length > 0) return refuse(errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]`);
  return validateValue(value, schema, { patterns: recentPatterns, base: path });
}

function errorsOf(value: Json, schema: Schema, { path, pruned }: { path: string; pruned: boolean }): FieldError[] {
  const errors: FieldError[] = [];
  if (pruned && loses(value, schema)) errors.push(invalidValue(path, value, unknownFields));
  const embedded = validateEmbedded(value, schema, path);
  if (embedded.length > 0) return [...errors, ...embedded];
  return [...errors, ...validateValue(value, schema, { patterns: recentPatterns, base: path })];
}

/** A default is held against the rules as a value that stays, and as one that comes. */
function ruleErrors(value: Json, schema: Schema, { path, run }: { path: string; run: RuleRun }): FieldError[] {
  const { RuleRun, RuleTree, Ratchet } = loadedRules();
  const tree = RuleTree.of(schema, { isResource: schema['x-kubernetes-embedded-resource'] === true });
  if (!tree) return [];
  const check = (old: Json | undefined) => {
    const one = new RuleRun(run.budget);
    tree.check({ path, value, old, ratchet: Ratchet.none }, one);
    return one;
  };
  let worst = check(value);
  const errors = [...worst.errors];
  if (errors.length === 0) {
    const fresh = check(undefined);
    errors.push(...fresh.errors);
    if (fresh.budget < worst.budget) worst = fresh;
  }
  if (worst.isSpent) run.stop();
  else run.spend(run.budget - worst.budget);
  return errors;
}

function loses(value: Json, schema: Schema): boolean {
  if (isObject(value) && schema['x-kubernetes-embedded-resource']) return prune(copy(value), schema).length > 0;
  // Within a list, so that apiVersion, kind and metadata are fields like others.
  const wrapper: Schema = { type: 'object', properties: { value: schema } };
  return prune({ value: copy(value) }, wrapper).length > 0;
}

/** Whether some default has what would be pruned. */
export function hasUnprunedDefault(whole: JSONSchemaProps): boolean {
  let found = false;
  visitSchemas(whole as Schema, (schema) => {
    if (schema.default !== undefined && schema.default !== null) found ||= loses(schema.default, schema);
  });
  return found;
}
