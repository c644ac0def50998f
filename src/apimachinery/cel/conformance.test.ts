/**
 * The conformance tests that the CEL project publishes (https://github.com/google/cel-spec/tree/master/tests), as far as
 * they are of what Kubernetes offers. What is left out is left out by name or rule, with its reason.
 */
import { tests as conformance } from '@bufbuild/cel-spec/testdata/conformance.js';
import { expect, test } from 'vitest';
import { check } from './check/checker.js';
import { equalValues } from './equality.js';
import { PlanError } from './evaluate/frame.js';
import { planExpression } from './evaluate/planner.js';
import { CelError, Double, kubernetesEnvironment, Program, type Type, type Value } from './index.js';
import { parse } from './syntax/parser.js';
import { SourceIssues } from './syntax/source.js';
import { type Expected, fromProto, type ProtoType, type ProtoValue, typeFromProto } from './test-conformance.js';
import { typeOfValue } from './values.js';

interface Suite {
  name: string;
  suites?: Suite[];
  tests?: { original: Original; error?: string }[];
}

interface Original extends Expected {
  name: string;
  expr: string;
  container?: string;
  disableCheck?: boolean;
  checkOnly?: boolean;
  typeEnv?: { name: string; ident?: { type: ProtoType }; function?: object }[];
  bindings?: Record<string, { value?: ProtoValue }>;
}

const suitesLeftOut: Record<string, string> = {
  bindings_ext: 'Kubernetes has no cel.bind',
  block_ext: 'Kubernetes has no cel.block',
  encoders_ext: 'Kubernetes has no encoders',
  enums: 'there are no messages of protobuf',
  math_ext: 'Kubernetes has no math extension',
  proto2: 'there are no messages of protobuf',
  proto2_ext: 'there are no messages of protobuf',
  proto3: 'there are no messages of protobuf',
  unknowns: 'all variables are known',
  wrappers: 'there are no messages of protobuf',
};

const messages = /TestAllTypes|google\.protobuf\.(?:\w*Value|Struct|Any)|"messageType"/;

function reasonToLeaveOut(suite: string, original: Original): string | undefined {
  if (suitesLeftOut[suite]) return suitesLeftOut[suite];
  if (original.disableCheck) return 'Kubernetes evaluates nothing unchecked';
  if (original.container) return 'Kubernetes has no containers of names';
  if (original.typeEnv?.some((declared) => declared.function)) return 'the test brings functions of its own';
  if (original.checkOnly) return 'nothing is evaluated';
  return messages.test(JSON.stringify(original)) ? 'there are no messages of protobuf' : undefined;
}

/** Where cel-go 0.26, which Kubernetes 1.36 uses, differs from the tests. */
const celGoDiffers: Record<string, string> = {
  map_value_repeat_key: 'the last of equal keys wins',
  map_value_repeat_key_heterogeneous: 'the last of equal keys wins',
  map_null_entry_no_such_key: 'what has no fields has no field behind `.?`',
  map_present_key_invalid_field: 'what has no fields has no field behind `.?`',
  indexof_out_of_range: 'a search from behind the end finds nothing',
  lastindexof_out_of_range: 'a search from behind the end finds nothing',
};

/** Kubernetes has the second version of the strings extension; the tests are of the fourth. */
const formatsOtherwise =
  /scientific|infinity|NaN support for decimal|(?:list|map) support (?:for string|\(all)|dyntype support for (?:lists|maps)/;

function* flat(suite: Suite, path: string[] = []): Generator<{ path: string[]; original: Original; error?: string }> {
  for (const one of suite.tests ?? []) yield { path, ...one };
  for (const inner of suite.suites ?? []) yield* flat(inner, [...path, inner.name]);
}

/** Without what Kubernetes demands beyond the language, which is that literals hold one type. */
function evaluate(original: Original): Value | CelError {
  const variables = (original.typeEnv ?? []).flatMap(({ name, ident }): [string, Type][] =>
    ident ? [[name, typeFromProto(ident.type)]] : [],
  );
  const environment = kubernetesEnvironment().extend({ variables });
  const issues = new SourceIssues(original.expr);
  const root = parse(original.expr, issues);
  if (root) check(root, environment, issues);
  if (!root || issues.count > 0) return new CelError(issues.toString());
  try {
    const plan = planExpression(root, environment);
    const program = new Program({ expression: original.expr, environment, root, plan });
    return program.evaluate((name) => {
      const bound = original.bindings?.[name]?.value;
      return bound && fromProto(bound);
    }).value;
  } catch (error) {
    if (error instanceof PlanError) return new CelError(error.message);
    throw error;
  }
}

function fits(value: Value | CelError, original: Original): boolean {
  if (original.evalError) return value instanceof CelError;
  if (value instanceof CelError) return false;
  const expected = original.value ?? original.typedResult?.result;
  if (!expected) return value === true || original.typedResult !== undefined;
  const wanted = fromProto(expected);
  if (wanted instanceof Double && Number.isNaN(wanted.value))
    return value instanceof Double && Number.isNaN(value.value);
  return equalValues(value, wanted) === true && typeOfValue(value).name === typeOfValue(wanted).name;
}

test('expressions evaluate as the conformance tests say', () => {
  const leftOut = new Map<string, number>();
  const wrong: string[] = [];
  let tried = 0;
  for (const { path, original } of flat(conformance as unknown as Suite)) {
    const isOtherVersion = path[0] === 'string_ext' && path[1] === 'format' && formatsOtherwise.test(original.name);
    const reason =
      reasonToLeaveOut(path[0]!, original) ??
      (path[1] === 'quoted_map_fields' ? 'Kubernetes reads no names in backquotes' : undefined) ??
      (isOtherVersion ? 'another version of the strings extension' : celGoDiffers[original.name]);
    if (reason) {
      leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1);
      continue;
    }
    tried++;
    const value = evaluate(original);
    if (!fits(value, original)) wrong.push(`${path.join('/')}/${original.name}: ${original.expr}: ${String(value)}`);
  }
  expect(wrong).toEqual([]);
  expect(tried).toBeGreaterThan(1000);
  expect([...leftOut.values()].reduce((sum, count) => sum + count, 0)).toBeLessThan(1500);
});
