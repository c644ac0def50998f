/**
 * The rules in CEL of a schema and of all within it, held against values.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
 */
import type { Json } from '#base/json.js';
import { type Reader, readerOf, resourceReaderOf } from '../../cel/index.js';
import { isObject, type JsonObject } from '../../patch.js';
import { counterparts } from '../correlation.js';
import { itemsOf, propertyOf, type Schema, valuesOf } from '../schema.js';
import { type CompiledRule, compileRules, typeOfSelf } from './compiled-rule.js';
import { type RuleRun, runRules } from './evaluate.js';
import type { Ratchet } from './ratchet.js';

export interface Checked {
  /** The path of the value; '' is the object. */
  path: string;
  value: Json;
  old: Json | undefined;
  ratchet: Ratchet;
}

export class RuleTree {
  readonly schema: Schema;
  readonly #rules: readonly CompiledRule[];
  readonly #read: Reader;
  readonly #items: RuleTree | undefined;
  readonly #values: RuleTree | undefined;
  readonly #fields: ReadonlyMap<string, RuleTree>;
  readonly #allOf: readonly RuleTree[];

  private constructor(parts: {
    schema: Schema;
    rules: readonly CompiledRule[];
    read: Reader;
    items: RuleTree | undefined;
    values: RuleTree | undefined;
    fields: ReadonlyMap<string, RuleTree>;
    allOf: readonly RuleTree[];
  }) {
    this.schema = parts.schema;
    this.#rules = parts.rules;
    this.#read = parts.read;
    this.#items = parts.items;
    this.#values = parts.values;
    this.#fields = parts.fields;
    this.#allOf = parts.allOf;
  }

  /** Undefined for a schema without rules. Whatever does not compile is told of each value. */
  static of(schema: Schema, { isResource }: { isResource: boolean }): RuleTree | undefined {
    return RuleTree.#build({ rules: schema, schema, isResource });
  }

  /** `rules` is the schema itself, or a part of its allOf, of which only the rules count. */
  static #build({
    rules,
    schema,
    isResource,
  }: {
    rules: Schema;
    schema: Schema;
    isResource: boolean;
  }): RuleTree | undefined {
    const inner = (of: Schema | undefined, within: Schema | undefined) =>
      of && within && RuleTree.#build({ rules: of, schema: within, isResource: isEmbedded(within) });
    const fields = new Map<string, RuleTree>();
    for (const [name, property] of Object.entries(rules.properties ?? {})) {
      const field = inner(property, propertyOf(schema, name));
      if (field) fields.set(name, field);
    }
    const items = inner(itemsOf(rules), itemsOf(schema));
    const values = inner(valuesOf(rules), valuesOf(schema));
    const allOf = (rules.allOf ?? []).flatMap((one) => RuleTree.#build({ rules: one, schema, isResource }) ?? []);
    const own = rules['x-kubernetes-validations'] ?? [];
    const self = own.length > 0 ? typeOfSelf(schema, { isResource }) : undefined;
    if (!self && !items && !values && fields.size === 0 && allOf.length === 0) return undefined;
    return new RuleTree({
      schema,
      rules: self ? compileRules(own, schema, self).rules : [],
      read: isResource ? resourceReaderOf(schema) : readerOf(schema),
      items,
      values,
      fields,
      allOf,
    });
  }

  /** What is found goes to the run; nothing more is checked once its budget is spent. */
  check(checked: Checked, run: RuleRun): void {
    const { value, path, ratchet } = checked;
    if (value === null || run.isSpent) return;
    const old = checked.old ?? undefined;
    if (this.#rules.length > 0)
      runRules(this.#rules, { schema: this.schema, read: this.#read, path, value, old, ratchet }, run);
    for (const one of this.#allOf) one.check({ path, value, old, ratchet: ratchet.uncorrelated() }, run);
    if (Array.isArray(value)) this.#checkElements(value, { ...checked, old }, run);
    else if (isObject(value)) this.#checkFields(value, { ...checked, old }, run);
  }

  #checkElements(values: Json[], { path, old, ratchet }: Checked, run: RuleRun): void {
    const items = this.#items;
    if (!items) return;
    const oldOf = counterparts(old, this.schema);
    for (const [index, value] of values.entries()) {
      if (run.isSpent) return;
      items.check({ path: `${path}[${index}]`, value, old: oldOf(value), ratchet: ratchet.index(index) }, run);
    }
  }

  #checkFields(object: JsonObject, { path, old, ratchet }: Checked, run: RuleRun): void {
    const before = isObject(old) ? old : {};
    const oldOf = (name: string) => (Object.hasOwn(before, name) ? before[name] : undefined);
    for (const name of this.#values ? Object.keys(object) : []) {
      const inner = { path: `${path}[${name}]`, value: object[name]!, old: oldOf(name), ratchet: ratchet.key(name) };
      this.#values!.check(inner, run);
    }
    for (const [name, field] of this.#fields) {
      if (!Object.hasOwn(object, name)) continue;
      const at = path ? `${path}.${name}` : name;
      field.check({ path: at, value: object[name]!, old: oldOf(name), ratchet: ratchet.key(name) }, run);
    }
  }
}

function isEmbedded(schema: Schema): boolean {
  return schema['x-kubernetes-embedded-resource'] === true;
}
