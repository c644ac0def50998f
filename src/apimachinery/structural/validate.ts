/**
 * Checks a value against a schema, with the findings, their words and their order of kube-openapi, which clients and
 * people know. Rules in CEL are checked elsewhere.
 */
import { isNumber } from '#base/exact-json.js';
import { isInt64 } from '#base/go-text.js';
import { equal, type Json } from '#base/json.js';
import type { Steps } from '#base/turns.js';
import type { FieldError } from '../field-error.js';
import { isObject, type JsonObject } from '../patch.js';
import type { Correlation } from './correlation.js';
import { isKnownFormat, isOfFormat } from './formats.js';
import { findNumberFaults } from './numbers.js';
import type { Patterns } from './patterns.js';
import { general, longer, missing, more, notListed, type Place, Result, unfit, wrongType } from './result.js';
import { itemsOf, metaFields, type Schema, valuesOf } from './schema.js';

export interface Validation {
  /** Compiled beforehand: what compiles them is loaded when a schema has one. */
  patterns: Patterns;
  /** The path of the value; '' is the object. Default: ''. */
  base?: string;
  /** With the value as it was: what has not changed need not satisfy the schema. */
  correlation?: Correlation;
}

export function validateValue(
  value: Json,
  schema: Schema,
  { patterns, base = '', correlation }: Validation,
): FieldError[] {
  const validator = new Validator(patterns, base);
  return validator.value({ value, schema, name: '', correlation }).errors;
}

/** `validateValue` of what may be large. */
export function* validateLarge(
  value: Json,
  schema: Schema,
  { patterns, base = '', correlation }: Validation,
): Steps<FieldError[]> {
  const validator = new Validator(patterns, base);
  const whole = { value, schema, name: '', correlation };
  yield* validator.prepare(whole);
  return validator.value(whole).errors;
}

interface Checked {
  value: Json;
  schema: Schema;
  name: string;
  correlation?: Correlation | undefined;
}

class Validator {
  readonly #patterns: Patterns;
  readonly #base: string;
  /** Of what is in a list or map, by the schema that it was prepared for. */
  readonly #prepared = new Map<Json, { schema: Schema; inner: Result }>();

  constructor(patterns: Patterns, base: string) {
    this.#patterns = patterns;
    this.#base = base;
  }

  /** A value that has not changed is as valid as it was. */
  value(checked: Checked): Result {
    const result = this.#all(checked);
    if (!result.isValid && checked.correlation?.isUnchanged) result.clear();
    return result;
  }

  /** Checks what is in the value, so that the value itself is soon checked. */
  *prepare({ value, schema, name, correlation }: Checked): Steps<void> {
    if (typeof value !== 'object' || value === null) return;
    const inner = new Result();
    const children: Checked[] = [];
    this.#visit(value, { schema, name, correlation }, (child) => children.push(child));
    for (const child of children) {
      yield* this.prepare(child);
      inner.merge(this.value(child));
      yield;
    }
    this.#prepared.set(value, { schema, inner });
  }

  #all(checked: Checked): Result {
    const { value, schema } = checked;
    const place = { name: checked.name, base: this.#base };
    const result = new Result();
    const run = (check: Result | undefined) => {
      if (!check) return;
      result.merge(check);
      result.matches++;
    };
    run(typeFaults(value, schema, place));
    if (value === null) {
      run(enumFaults(value, schema, place));
      return result;
    }
    run(this.#logic(checked, place));
    if (typeof value === 'string') {
      run(this.#text(value, schema, place));
      run(formatFaults(value, schema, place));
    }
    if (isNumber(value)) run(findNumberFaults(value, schema, place));
    if (Array.isArray(value)) run(this.#list(value, checked, place));
    run(enumFaults(value, schema, place));
    if (isObject(value)) run(this.#fields(value, checked, place));
    return result;
  }

  #logic(checked: Checked, place: Place): Result {
    const { allOf = [], anyOf = [], oneOf = [], not } = checked.schema;
    const result = new Result();
    result.matches++;
    if (!not && allOf.length + anyOf.length + oneOf.length === 0) return result;
    const branch = (schema: Schema) => this.#all({ ...checked, schema });
    if (anyOf.length > 0)
      result.merge(
        anyOfFaults(
          anyOf.map((one) => () => branch(one)),
          place,
        ),
      );
    if (oneOf.length > 0) result.merge(oneOfFaults(oneOf.map(branch), place));
    if (allOf.length > 0) result.merge(allOfFaults(allOf.map(branch), place));
    if (not && branch(not).isValid) result.add(general(place, `${quoted(place)} must not validate the schema (not)`));
    return result;
  }

  #text(value: string, { maxLength, minLength, pattern }: Schema, place: Place): Result {
    if (maxLength === undefined && minLength === undefined && !pattern) return Result.fine;
    const result = new Result();
    const length = maxLength === undefined && minLength === undefined ? 0 : [...value].length;
    if (maxLength !== undefined && length > maxLength) result.add(longer(place, maxLength));
    else if (minLength !== undefined && length < minLength)
      result.add(unfit(place, value, `should be at least ${minLength} chars long`));
    else if (pattern && !this.#patterns.matches(pattern, value))
      result.add(unfit(place, value, `should match '${pattern}'`));
    return result;
  }

  #list(values: Json[], checked: Checked, place: Place): Result {
    const result = new Result();
    this.#inner(values, checked, result);
    const { minItems, maxItems, uniqueItems } = checked.schema;
    const size = values.length;
    if (minItems !== undefined && size < minItems)
      result.add(unfit(place, size, `should have at least ${minItems} items`));
    if (maxItems !== undefined && size > maxItems) result.add(more(place, size, maxItems));
    if (uniqueItems && new Set(values.map((value) => JSON.stringify(value))).size < size)
      result.add(unfit(place, undefined, "shouldn't contain duplicates"));
    return result;
  }

  #fields(object: JsonObject, checked: Checked, place: Place): Result {
    const result = new Result();
    const { minProperties, maxProperties, properties = {}, required = [], additionalProperties } = checked.schema;
    const names = Object.keys(object);
    if (minProperties !== undefined && names.length < minProperties)
      result.add(unfit(place, names.length, `should have at least ${minProperties} properties`));
    if (maxProperties !== undefined && names.length > maxProperties)
      result.add(more(place, names.length, maxProperties));
    if (additionalProperties === false)
      for (const name of names)
        if (!Object.hasOwn(properties, name))
          result.add(general(place, `${place.name}.${name} in body is a forbidden property`));
    this.#inner(object, checked, result);
    for (const name of required)
      if (!Object.hasOwn(object, name)) result.add(missing({ ...place, name: `${place.name}.${name}` }));
    return result;
  }

  #inner(value: Json[] | JsonObject, checked: Checked, result: Result): void {
    const prepared = this.#prepared.get(value);
    if (prepared?.schema === checked.schema) result.merge(prepared.inner);
    else this.#visit(value, checked, (child) => result.merge(this.value(child)));
  }

  /**
   * In the order in which what is wrong with them is told: fields that are not declared come first. A callback, since
   * this is done for every value of every custom resource: a generator takes twice as long as the checks.
   */
  #visit(value: Json[] | JsonObject, within: Omit<Checked, 'value'>, visit: (child: Checked) => void): void {
    const { schema, name: path, correlation } = within;
    if (Array.isArray(value)) {
      const items = itemsOf(schema);
      if (!items) return;
      for (const [index, one] of value.entries())
        visit({ value: one, schema: items, name: `${path}[${index}]`, correlation: correlation?.index(index) });
      return;
    }
    const { properties = {} } = schema;
    const values = valuesOf(schema);
    if (values)
      for (const name of Object.keys(value))
        if (!Object.hasOwn(properties, name)) visit(this.#field(value, within, { key: name, schema: values }));
    for (const name of Object.keys(properties))
      if (Object.hasOwn(value, name)) visit(this.#field(value, within, { key: name, schema: properties[name]! }));
  }

  #field(
    object: JsonObject,
    { name, correlation }: Omit<Checked, 'value'>,
    { key, schema }: { key: string; schema: Schema },
  ): Checked {
    // apiVersion and kind are never what they were: both objects are of the version that is asked for.
    const isIdentity = name === '' && this.#base === '' && key !== 'metadata' && metaFields.has(key);
    const inner = isIdentity ? undefined : correlation?.key(key);
    return { value: object[key]!, schema, name: name ? `${name}.${key}` : key, correlation: inner };
  }
}

function quoted({ name }: Place): string {
  return `"${name}"`;
}

function typesOf(schema: Schema): readonly string[] {
  if (schema['x-kubernetes-int-or-string']) return ['integer', 'string'];
  return schema.type ? [schema.type] : [];
}

/** What Go calls the value and its format. */
function describe(value: Json): [type: string, format: string] {
  if (isNumber(value)) return isInt64(value) ? ['integer', 'int64'] : ['number', 'float64'];
  if (Array.isArray(value)) return ['array', ''];
  return [typeof value, ''];
}

/** Undefined when the schema says nothing of the type. */
function typeFaults(value: Json, schema: Schema, place: Place): Result | undefined {
  const types = typesOf(schema);
  const format = schema.format && isKnownFormat(schema.format, schema.type) ? schema.format : '';
  if (types.length === 0 && !format) return undefined;
  if (value !== null && !format && types.length === 1 && types[0] === describe(value)[0]) return Result.fine;
  const result = new Result();
  if (value === null) {
    if (types.length > 0 && !schema.nullable) result.add(wrongType(place, types.join(','), 'null'));
    return result;
  }
  const [type, actual] = describe(value);
  const isWholeNumber = type === 'integer' && types.includes('number');
  const fits = types.includes(type) || isWholeNumber;
  const isText = type === 'string' || type === 'array';
  const isNumeric = types.includes('number') || types.includes('integer');
  if (!isText && format && !fits && actual !== format) result.add(wrongType(place, format, actual));
  else if (!isNumeric && format && isText) return result;
  else if (!fits) result.add(wrongType(place, types.join(','), type));
  return result;
}

function formatFaults(value: string, { format, type }: Schema, place: Place): Result | undefined {
  if (!format || (type && type !== 'string') || !isKnownFormat(format, type)) return undefined;
  const result = new Result();
  if (!isOfFormat(value, format)) result.add(wrongType(place, format, value));
  return result;
}

function enumFaults(value: Json, { enum: allowed = [] }: Schema, place: Place): Result {
  if (allowed.length === 0) return Result.fine;
  const result = new Result();
  if (!allowed.some((one) => equal(one, value))) result.add(notListed(place, value, allowed));
  return result;
}

/** The failures of the branch that was followed furthest are told with it. */
function anyOfFaults(branches: readonly (() => Result)[], place: Place): Result {
  const result = new Result();
  let best: Result | undefined;
  for (const branch of branches) {
    const one = branch();
    if (one.isValid) return result;
    if (!best || one.matches > best.matches) best = one;
  }
  result.add(general(place, `${quoted(place)} must validate at least one schema (anyOf)`));
  if (best) result.merge(best);
  return result;
}

function oneOfFaults(branches: readonly Result[], place: Place): Result {
  const result = new Result();
  const valid = branches.filter(({ isValid }) => isValid).length;
  if (valid === 1) return result;
  const found = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`;
  result.add(general(place, `${quoted(place)} must validate one and only one schema (oneOf). ${found}`));
  if (valid === 0) result.merge(branches.reduce((best, one) => (one.matches > best.matches ? one : best)));
  return result;
}

function allOfFaults(branches: readonly Result[], place: Place): Result {
  const result = new Result();
  for (const branch of branches) result.merge(branch);
  const valid = branches.filter(({ isValid }) => isValid).length;
  if (valid < branches.length) {
    const none = valid === 0 ? '. None validated' : '';
    result.add(general(place, `${quoted(place)} must validate all the schemas (allOf)${none}`));
  }
  return result;
}
