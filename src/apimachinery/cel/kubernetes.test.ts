/**
 * Expressions with what the environment of Kubernetes 1.36 makes of them: their complaints to the letter, types, values,
 * costs, and estimates of costs. `kubernetes.golden.jsonl` was recorded from it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  ArrayList,
  boolType,
  CelError,
  CompileError,
  compile,
  Double,
  dynType,
  EntryMap,
  estimateCost,
  intType,
  kubernetesEnvironment,
  listType,
  mapType,
  stringType,
  Uint,
  type Value,
} from './index.js';

interface Golden {
  expression: string;
  /** It does not compile. */
  error?: string;
  type?: string;
  /** Scalars, as Go prints them. */
  value?: string;
  /** Its evaluation is an error. */
  fails?: string;
  cost?: number;
  least?: number;
  most?: number;
}

const texts = mapType(stringType, stringType);
const environment = kubernetesEnvironment().extend({
  variables: [
    ['x', intType],
    ['d', dynType],
    ['s', stringType],
    ['b', boolType],
    ['l', listType(intType)],
    ['m', mapType(stringType, intType)],
    ['ls', listType(stringType)],
    ['mm', mapType(stringType, texts)],
  ],
});
const variables = new Map<string, Value>([
  ['x', 5],
  ['d', 'str'],
  ['s', 'hello wörld'],
  ['b', true],
  ['l', new ArrayList([3, 1, 2])],
  [
    'm',
    EntryMap.of([
      ['a', 1],
      ['b', 2],
    ]),
  ],
  ['ls', new ArrayList(['ab', 'cd', 'hello wörld'])],
  ['mm', EntryMap.of([['k', EntryMap.of([['v', 'w']])]])],
]);

const infinities: Record<string, string> = { Infinity: '+Inf', '-Infinity': '-Inf' };

function shown(value: Value): string {
  if (value instanceof Double) return infinities[value.value] ?? String(value.value);
  return String(value instanceof Uint ? value.value : value);
}

function made(expression: string, golden: Golden): Golden {
  try {
    const program = compile(expression, environment);
    const { value, cost } = program.evaluate((name) => variables.get(name));
    const { min, max } = estimateCost(program.root);
    const outcome: Golden = { expression, type: program.type.toString(), cost, least: min, most: max };
    if (value instanceof CelError) outcome.fails = value.message;
    else if (golden.value !== undefined) outcome.value = shown(value);
    return outcome;
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    return { expression, error: error.reason === 'Plan' ? `PROGRAM ${error.message}` : error.message };
  }
}

const lines = readFileSync(join(import.meta.dirname, 'kubernetes.golden.jsonl'), 'utf8')
  .trim()
  .split('\n');

test('what is recorded is much', () => expect(lines.length).toBeGreaterThan(600));

test('expressions are compiled, evaluated and charged as Kubernetes does', () => {
  const goldens = lines.map((line) => JSON.parse(line) as Golden);
  expect(goldens.map((golden) => made(golden.expression, golden))).toEqual(goldens);
});
