/** That the rules in CEL of a schema compile, and do not cost too much, however large an object is. */
import { forbiddenField, internalError, invalidValue } from '#apimachinery/field-error.js';
import type { CompiledRule } from '#apimachinery/structural/rules/compiled-rule.js';
import { loadedRules } from '#apimachinery/structural/rules-loader.js';
import { itemsOf, type Rule, type Schema, valuesOf } from '#apimachinery/structural/schema.js';
import { endsStep } from '#base/turns.js';
import type { FieldErrors } from '../meta/check.js';

/** Of one rule, for all values in an object together. */
const ruleCostMax = 10_000_000;
/** Of all rules of a schema. */
const totalCostMax = 100_000_000;
const expensiveMax = 4;
/** 2^64 - 1, as near as a number comes to it. */
const unlimited = 2 ** 64;

export interface RuleOptions {
  path: string;
  /** What single rules cost is not held against them. */
  suppressed: boolean;
  /** Whether something else is wrong at a path or below; rules are not looked at then. */
  isBroken(path: string): boolean;
}

/** For schemas with rules only: see `loadRules`. */
export function* rulesErrors(schema: Schema, options: RuleOptions): FieldErrors {
  const total = new TotalCost();
  yield* errorsIn(schema, { ...options, total, isRoot: true, count: 1, uncorrelated: undefined });
  yield* total.errors(options.path);
}

interface Walk extends RuleOptions {
  total: TotalCost;
  isRoot: boolean;
  /** How many values of the schema one object can have; undefined where nothing limits them. */
  count: number | undefined;
  /** The path of the list whose elements are not compared with what they were. */
  uncorrelated: string | undefined;
}

function* errorsIn(schema: Schema, at: Walk): FieldErrors {
  if (endsStep()) yield;
  const { path, uncorrelated } = at;
  const inner = { ...at, isRoot: false, count: at.count === undefined ? undefined : capped(at.count, limitOf(schema)) };
  const values = valuesOf(schema);
  if (values) yield* errorsIn(values, { ...inner, path: `${path}.additionalProperties` });
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    yield* errorsIn(property, { ...inner, path: `${path}.properties[${name}]` });
  const items = itemsOf(schema);
  const isMap = schema['x-kubernetes-list-type'] === 'map';
  if (items)
    yield* errorsIn(items, {
      ...inner,
      path: `${path}.items`,
      uncorrelated: isMap ? uncorrelated : (uncorrelated ?? path),
    });
  const rules = schema['x-kubernetes-validations'] ?? [];
  if (rules.length > 0 && !at.isBroken(path)) yield* ownErrors(rules, schema, at);
}

/** How many elements or entries there can be for one value. */
function limitOf({ type, additionalProperties, maxProperties, maxItems }: Schema): number | undefined {
  if (type === 'array') return maxItems === undefined ? undefined : Math.max(maxItems, 0);
  if (type !== 'object' || additionalProperties === undefined) return 1;
  return maxProperties === undefined ? undefined : Math.max(maxProperties, 0);
}

function capped(count: number, factor: number): number;
function capped(count: number, factor: number | undefined): number | undefined;
function capped(count: number, factor: number | undefined): number | undefined {
  return factor === undefined ? undefined : Math.min(count * factor, unlimited);
}

function* ownErrors(rules: readonly Rule[], schema: Schema, at: Walk): FieldErrors {
  const { path } = at;
  const all = `${path}.x-kubernetes-validations`;
  const { typeOfSelf, compileRules } = loadedRules();
  const isResource = at.isRoot || schema['x-kubernetes-embedded-resource'] === true;
  const self = typeOfSelf(schema, { isResource });
  if (!self) {
    const why =
      'failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations';
    yield internalError(all, `internal error: ${why}`);
    return;
  }
  const { rules: compiled, cardinalityMax } = compileRules(rules, schema, self);
  for (const [index, one] of compiled.entries())
    yield* errorsOf(one, { ...at, path: `${all}[${index}]`, count: at.count ?? cardinalityMax });
  yield;
}

function* errorsOf(compiled: CompiledRule, at: Walk & { count: number }): FieldErrors {
  const { path, total, suppressed, uncorrelated } = at;
  const { rule, problem, message, messageProblem, messageCostMax, usesOldSelf } = compiled;
  const cost = capped(compiled.costMax, at.count);
  if (!suppressed && cost > ruleCostMax)
    yield forbiddenField(`${path}.rule`, costText('estimated rule cost', cost / ruleCostMax));
  total.add(`${path}.rule`, cost);
  if (problem !== undefined) yield invalidValue(`${path}.rule`, inGo(rule), problem);
  if (messageProblem !== undefined) yield invalidValue(`${path}.messageExpression`, inGo(rule), messageProblem);
  else if (message) {
    if (!suppressed && messageCostMax > ruleCostMax)
      yield forbiddenField(
        `${path}.messageExpression`,
        costText('estimated messageExpression cost', messageCostMax / ruleCostMax),
      );
    total.add(`${path}.messageExpression`, messageCostMax);
  }
  if (usesOldSelf && uncorrelated !== undefined)
    yield invalidValue(
      `${path}.rule`,
      rule.rule,
      `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`,
    );
  if (!usesOldSelf && rule.optionalOldSelf !== undefined)
    yield invalidValue(
      `${path}.optionalOldSelf`,
      rule.optionalOldSelf,
      'may not be set if oldSelf is not used in rule',
    );
}

/** A rule as upstream's messages show it. */
function inGo(rule: Rule): object {
  return {
    Rule: rule.rule,
    Message: rule.message ?? '',
    MessageExpression: rule.messageExpression ?? '',
    Reason: rule.reason ?? null,
    FieldPath: rule.fieldPath ?? '',
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  };
}

function costText(what: string, factor: number): string {
  const shown = factor > 100 ? 'more than 100' : factor.toFixed(factor < 1.5 ? 6 : 1);
  return `${what} exceeds budget by factor of ${shown}x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

class TotalCost {
  #sum = 0;
  #expensive: { path: string; cost: number }[] = [];

  add(path: string, cost: number): void {
    this.#sum += cost;
    if (cost < totalCostMax / 100) return;
    this.#expensive.push({ path, cost });
    this.#expensive = this.#expensive.sort((a, b) => b.cost - a.cost).slice(0, expensiveMax);
  }

  *errors(path: string): FieldErrors {
    if (this.#sum <= totalCostMax) return;
    for (const one of this.#expensive)
      yield forbiddenField(
        one.path,
        'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
      );
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    yield forbiddenField(path, costText(what, this.#sum / totalCostMax));
  }
}
