import { beforeAll, expect, test } from 'vitest';
import { collect } from '#apimachinery/field-error.js';
import { loadRules } from '#apimachinery/structural/rules-loader.js';
import type { Rule, Schema } from '#apimachinery/structural/schema.js';
import { rulesErrors } from './validate-rules.js';

beforeAll(loadRules);

const rules = (...list: (string | Rule)[]): Schema => ({
  'x-kubernetes-validations': list.map((rule) => (typeof rule === 'string' ? { rule } : rule)),
});

function errorsOf(spec: Schema, suppressed = false): string[] {
  const schema = { type: 'object', properties: { spec } };
  return collect(rulesErrors(schema, { path: 's', suppressed, isBroken: () => false })).map(({ message }) => message);
}

const goRule = (rule: string, optionalOldSelf = 'null') =>
  `{"Rule":${JSON.stringify(rule).replace(/>/g, '\\u003e').replace(/</g, '\\u003c')},"Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":${optionalOldSelf}}`;
const text = { type: 'string' };
const nested = (maxItems: number, inner: object): Schema => ({
  type: 'array',
  maxItems,
  items: { type: 'array', ...inner, ...rules('self.all(x, self.exists(y, y == x))') },
});
const limits =
  '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';

// As the API server of Kubernetes 1.36 answers.
test.each<[string, Schema, string[]]>([
  ['a sound rule', { type: 'object', properties: { a: { type: 'integer' } }, ...rules('self.a > 1') }, []],
  [
    'a rule of no field',
    { type: 'integer', ...rules('self.b > 1') },
    [
      `s.properties[spec].x-kubernetes-validations[0].rule: Invalid value: ${goRule('self.b > 1')}: compilation failed: ERROR: <input>:1:5: type 'int' does not support field selection\n | self.b > 1\n | ....^`,
    ],
  ],
  [
    'no condition',
    { type: 'integer', ...rules('self') },
    [
      `s.properties[spec].x-kubernetes-validations[0].rule: Invalid value: ${goRule('self')}: cel expression must evaluate to a bool`,
    ],
  ],
  [
    'a message that is none',
    { type: 'integer', ...rules({ rule: 'true', messageExpression: 'self' }) },
    [
      's.properties[spec].x-kubernetes-validations[0].messageExpression: Invalid value: {"Rule":"true","Message":"","MessageExpression":"self","Reason":null,"FieldPath":"","OptionalOldSelf":null}: messageExpression must evaluate to a string',
    ],
  ],
  [
    'elements that have no counterpart',
    { type: 'array', maxItems: 5, items: { type: 'integer', ...rules('self == oldSelf') } },
    [
      's.properties[spec].items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within s.properties[spec]',
    ],
  ],
  [
    'an optional old value that nobody asks for',
    { type: 'integer', ...rules({ rule: 'self > 1', optionalOldSelf: false }) },
    [
      's.properties[spec].x-kubernetes-validations[0].optionalOldSelf: Invalid value: false: may not be set if oldSelf is not used in rule',
    ],
  ],
  ['lists with limits', nested(10, { maxItems: 100, items: { ...text, maxLength: 10 } }), []],
  [
    'lists without limits',
    { type: 'array', items: { type: 'array', items: text, ...rules('self.all(x, self.exists(y, y == x))') } },
    [
      `s.properties[spec].items.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${limits}`,
      's.properties[spec].items.x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
      `s: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${limits}`,
    ],
  ],
])('%s', (_, spec, messages) => {
  expect(errorsOf(spec)).toEqual(messages);
});

test('what a schema costs that is as it was is not held against its rules one by one', () => {
  const costly: Schema = nested(1000, { maxItems: 56, items: { ...text, maxLength: 10 } });
  expect(errorsOf(costly)).toEqual([expect.stringContaining('exceeds budget by factor of')]);
  expect(errorsOf(costly, true)).toEqual([]);
});
