import { describe, expect, it, test } from 'vitest';
import type { Json } from '#base/json.js';
import { Correlation } from '../correlation.js';
import type { Rule, Schema } from '../schema.js';
import { costBudget, Ratchet, RuleRun, RuleTree } from './index.js';

const rules = (...list: (string | Rule)[]): Schema => ({
  'x-kubernetes-validations': list.map((rule) => (typeof rule === 'string' ? { rule } : rule)),
});

const within = (spec: Record<string, Schema>, own: Schema = {}): Schema => ({
  type: 'object',
  properties: { spec: { type: 'object', properties: spec, ...own } },
});

function check(schema: Schema, value: Json, old?: Json, budget = costBudget) {
  const tree = RuleTree.of(schema, { isResource: true })!;
  const run = new RuleRun(budget);
  const ratchet = old === undefined ? Ratchet.none : Ratchet.of(new Correlation({ value, old, schema }));
  tree.check({ path: '', value, old, ratchet }, run);
  return { errors: run.errors.map(({ message }) => message), warnings: run.warnings, isSpent: run.isSpent };
}

const integer = { type: 'integer' };

// As the API server of Kubernetes 1.36 answers.
test.each<[rule: string | Rule, value: Json, message: string]>([
  ['self > 1', 1, 'spec.a: Invalid value: 1: failed rule: self > 1'],
  [{ rule: 'self > 1', message: ' too small ' }, 1, 'spec.a: Invalid value: 1: too small'],
  [{ rule: 'self > 1', messageExpression: '"was " + string(self)' }, 1, 'spec.a: Invalid value: 1: was 1'],
  [{ rule: 'self > 1', messageExpression: '""', message: 'else' }, 1, 'spec.a: Invalid value: 1: else'],
  [{ rule: 'self > 1', messageExpression: '"a\\nb"' }, 1, 'spec.a: Invalid value: 1: failed rule: self > 1'],
  [{ rule: 'self > 1', messageExpression: '["x"][self]' }, 1, 'spec.a: Invalid value: 1: failed rule: self > 1'],
  [{ rule: 'self > 1', reason: 'FieldValueForbidden' }, 1, 'spec.a: Forbidden: failed rule: self > 1'],
  [{ rule: 'self > 1', reason: 'FieldValueRequired', message: 'm' }, 1, 'spec.a: Required value: m'],
  [{ rule: 'self > 1', reason: 'FieldValueDuplicate' }, 1, 'spec.a: Duplicate value: 1'],
  [{ rule: 'self > 1', reason: 'FieldValueInvalid' }, 1, 'spec.a: Invalid value: 1: failed rule: self > 1'],
  ['10 / self > 1', 0, 'spec.a: Invalid value: "integer": division by zero evaluating rule: 10 / self > 1'],
])('%j of %j: %s', (rule, a, message) => {
  expect(check(within({ a: { ...integer, ...rules(rule) } }), { spec: { a } }).errors).toEqual([message]);
});

describe('rules', () => {
  it('show no objects and lists, and can speak of a field', () => {
    const schema = within({ a: integer }, rules({ rule: 'self.a > 1', fieldPath: '.a' }, 'self.a > 2'));
    expect(check(schema, { spec: { a: 1 } }).errors).toEqual([
      'spec.a: Invalid value: failed rule: self.a > 1',
      'spec: Invalid value: failed rule: self.a > 2',
    ]);
  });

  it('are held against elements, values of maps and the object itself', () => {
    const x = { type: 'string', ...rules("self.startsWith('x')") };
    const schema = within({ l: { type: 'array', items: x }, m: { type: 'object', additionalProperties: x } });
    const value = { metadata: { name: 'w' }, spec: { l: ['xa', 'a'], m: { k: 'b' } } };
    expect(check({ ...schema, ...rules('self.metadata.name != "w"') }, value).errors).toEqual([
      '<nil>: Invalid value: failed rule: self.metadata.name != "w"',
      'spec.l[1]: Invalid value: "a": failed rule: self.startsWith(\'x\')',
      'spec.m[k]: Invalid value: "b": failed rule: self.startsWith(\'x\')',
    ]);
  });

  it('are not held against null', () => {
    expect(
      check(within({ a: { ...integer, nullable: true, ...rules('false') } }), { spec: { a: null } }).errors,
    ).toEqual([]);
  });

  it('say which arguments did not fit', () => {
    const schema = within({ a: { 'x-kubernetes-int-or-string': true, ...rules('self > 1') } });
    expect(check(schema, { spec: { a: 'x' } }).errors).toEqual([
      'spec.a: Invalid value: "": \'no such overload\': call arguments did not match a supported operator, function or macro signature for rule: self > 1',
    ]);
  });

  it('that do not compile are told of each value', () => {
    const { errors } = check(within({ a: { ...integer, ...rules('self.b', 'self') } }), { spec: { a: 1 } });
    expect(errors[0]).toContain('spec.a: Invalid value: "integer": rule compile error: compilation failed: ERROR: ');
    expect(errors[1]).toBe(
      'spec.a: Invalid value: "integer": rule compile error: cel expression must evaluate to a bool',
    );
  });

  it('end when the budget does', () => {
    const schema = within({
      a: { ...integer, ...rules('self > 1', 'self > 2') },
      b: { ...integer, ...rules('false') },
    });
    const { errors, isSpent } = check(schema, { spec: { a: 5, b: 1 } }, undefined, 3);
    expect(errors).toEqual([
      'spec.a: Invalid value: "integer": validation failed due to running out of cost budget, no further validation rules will be run',
    ]);
    expect(isSpent).toBe(true);
  });

  it('end when one costs too much', () => {
    const rule = 'self.all(a, self.all(b, self.all(c, a + b + c > 0)))';
    const schema = within({ l: { type: 'array', items: integer, ...rules(rule, 'false') } });
    const { errors } = check(schema, { spec: { l: new Array(200).fill(1) } });
    expect(errors).toEqual([
      `spec.l: Invalid value: "array": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: ${rule}`,
    ]);
  });
});

describe('transitions', () => {
  const schema = within({ a: { ...integer, ...rules('self >= oldSelf') } });

  it('need an old value', () => {
    expect(check(schema, { spec: { a: 1 } }).errors).toEqual([]);
    expect(check(schema, { spec: { a: 1 } }, { spec: {} }).errors).toEqual([]);
    expect(check(schema, { spec: { a: 1 } }, { spec: { a: 2 } }).errors).toEqual([
      'spec.a: Invalid value: 1: failed rule: self >= oldSelf',
    ]);
  });

  it('may ask whether there is one', () => {
    const rule = { rule: 'oldSelf.hasValue() ? self > oldSelf.value() : self == 1', optionalOldSelf: true };
    const optional = within({ a: { ...integer, ...rules(rule) } });
    expect(check(optional, { spec: { a: 1 } }).errors).toEqual([]);
    expect(check(optional, { spec: { a: 2 } }).errors).toHaveLength(1);
    expect(check(optional, { spec: { a: 2 } }, { spec: { a: 1 } }).errors).toEqual([]);
  });

  it('find elements of lists that are maps by their keys', () => {
    const items = {
      type: 'object',
      properties: { n: { type: 'string' }, v: integer },
      ...rules('self.v >= oldSelf.v'),
    };
    const list = { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['n'], items };
    const old = [
      { n: 'a', v: 5 },
      { n: 'b', v: 6 },
    ];
    const value = [
      { n: 'b', v: 5 },
      { n: 'a', v: 6 },
      { n: 'c', v: 1 },
    ];
    expect(check(within({ l: list }), { spec: { l: value } }, { spec: { l: old } }).errors).toEqual([
      'spec.l[0]: Invalid value: failed rule: self.v >= oldSelf.v',
    ]);
  });
});

describe('what has not changed', () => {
  const schema = within({ a: { ...integer, ...rules('self > 50') }, b: integer }, rules('self.a > 50'));

  it('is warned of only', () => {
    expect(check(schema, { spec: { a: 5 } }, { spec: { a: 5 } })).toMatchObject({
      errors: [],
      warnings: ['spec: Invalid value: failed rule: self.a > 50', 'spec.a: Invalid value: 5: failed rule: self > 50'],
    });
    expect(check(schema, { spec: { a: 5, b: 1 } }, { spec: { a: 5 } })).toMatchObject({
      errors: ['spec: Invalid value: failed rule: self.a > 50'],
      warnings: ['spec.a: Invalid value: 5: failed rule: self > 50'],
    });
  });

  it('must still be a change that is allowed', () => {
    const transition = within({ a: { ...integer, ...rules('self > oldSelf') } });
    expect(check(transition, { spec: { a: 5 } }, { spec: { a: 5 } }).errors).toHaveLength(1);
  });
});
