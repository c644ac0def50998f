/**
 * Rules on data with schemas, with what Kubernetes 1.36 makes of them: complaints, estimated and actual costs, results.
 * `rules.golden.json` was recorded from its apiextensions server.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Schema } from '../../structural/schema.js';
import {
  boolType,
  CelError,
  CompileError,
  cardinalityMax,
  compile,
  declareType,
  estimateCost,
  kubernetesEnvironment,
  readerOf,
  resourceReaderOf,
  sizesOf,
  structsOf,
} from '../index.js';
import { escapeName, unescapeName } from './escape.js';

interface Golden {
  rule: string;
  error?: string;
  most?: number;
  cost?: number;
  /** Whether it holds, or its error. */
  result?: unknown;
}

interface Case {
  schema: Schema;
  isRoot: boolean;
  cardinality: number;
  object: unknown;
  rules: Golden[];
}

const cases = JSON.parse(readFileSync(join(import.meta.dirname, 'rules.golden.json'), 'utf8')) as Case[];

function made({ schema, isRoot, object }: Case, rule: string): Golden {
  const self = declareType(schema, { name: 'selfType', isRoot })!;
  const environment = kubernetesEnvironment().extend({
    variables: [
      ['self', self.type],
      ['oldSelf', self.type],
    ],
    structs: structsOf(self),
  });
  const read = isRoot ? resourceReaderOf(schema) : readerOf(schema);
  try {
    const program = compile(rule, environment, [boolType]);
    const { value, cost } = program.evaluate((name) =>
      name === 'self' || name === 'oldSelf' ? read(object) : undefined,
    );
    const most = estimateCost(program.root, sizesOf(self)).max;
    return { rule, most, cost, result: value instanceof CelError ? value.message : value };
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return { rule, error: error.reason === 'Type' ? 'cel expression must evaluate to a bool' : error.detail };
  }
}

test.each(cases)('rules on data of a schema, %#', (one) => {
  expect(one.rules.map(({ rule }) => made(one, rule))).toEqual(one.rules);
  expect(cardinalityMax(declareType(one.schema, { name: 'selfType', isRoot: one.isRoot })!)).toBe(one.cardinality);
});

describe('names are escaped', () => {
  test.each([
    ['a', 'a'],
    ['a.b-c/d', 'a__dot__b__dash__c__slash__d'],
    ['a__b', 'a__underscores__b'],
    ['namespace', '__namespace__'],
    ['_x', '_x'],
  ])('%s', (name, escaped) => {
    expect(escapeName(name)).toBe(escaped);
    expect(unescapeName(escaped)).toBe(name);
  });

  test.each(['', '1a', 'a b', 'ä', 'a$'])('but not %j', (name) => expect(escapeName(name)).toBeUndefined());

  test.each(['__x__', 'a__in__'])('%s is no escape', (name) => expect(unescapeName(name)).toBeUndefined());
});
