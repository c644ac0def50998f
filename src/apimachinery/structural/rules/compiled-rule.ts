/** The rules of one schema, compiled: what they evaluate to, whether they compare with the old value, what they may cost. */
import {
  boolType,
  CompileError,
  cardinalityMax,
  compile,
  type DeclaredType,
  declareType,
  type Environment,
  estimateCost,
  kubernetesEnvironment,
  optionalType,
  type Program,
  refersTo,
  sizesOf,
  stringType,
  structsOf,
} from '../../cel/index.js';
import { schemaAtPath } from '../field-path.js';
import type { Rule, Schema } from '../schema.js';

export interface CompiledRule {
  rule: Rule;
  /** Undefined for a rule that says nothing, or does not compile. */
  program: Program | undefined;
  problem: string | undefined;
  usesOldSelf: boolean;
  /** What one evaluation can cost, by the sizes that the schema allows. */
  costMax: number;
  message: Program | undefined;
  messageProblem: string | undefined;
  messageCostMax: number;
  /** Of the field that the rule speaks of, as errors show it. */
  fieldPath: string | undefined;
}

export interface CompiledRules {
  rules: CompiledRule[];
  /** How often values of this schema can be in one object, when no list or map around them has a limit. */
  cardinalityMax: number;
}

/** Undefined for values that rules cannot see, since nothing is known of them. */
export function typeOfSelf(schema: Schema, { isResource }: { isResource: boolean }): DeclaredType | undefined {
  return declareType(schema, { name: 'selfType', isRoot: isResource });
}

/** `schema` is what fields are looked up in, `self` its type. */
export function compileRules(rules: readonly Rule[], schema: Schema, self: DeclaredType): CompiledRules {
  const structs = structsOf(self);
  const environmentOf = (oldSelf: DeclaredType['type']): Environment =>
    kubernetesEnvironment().extend({
      variables: [
        ['self', self.type],
        ['oldSelf', oldSelf],
      ],
      structs,
    });
  let plain: Environment | undefined;
  let optional: Environment | undefined;
  const compiled = rules.map((rule) => {
    const environment = rule.optionalOldSelf
      ? (optional ??= environmentOf(optionalType(self.type)))
      : (plain ??= environmentOf(self.type));
    return compileRule(rule, { schema, self, environment });
  });
  return { rules: compiled, cardinalityMax: cardinalityMax(self) };
}

function compileRule(
  rule: Rule,
  { schema, self, environment }: { schema: Schema; self: DeclaredType; environment: Environment },
): CompiledRule {
  const result: CompiledRule = {
    rule,
    program: undefined,
    problem: undefined,
    usesOldSelf: false,
    costMax: 0,
    message: undefined,
    messageProblem: undefined,
    messageCostMax: 0,
    fieldPath: undefined,
  };
  if (rule.rule.trim() === '') return result;
  try {
    result.program = compile(rule.rule, environment, [boolType]);
  } catch (error) {
    result.problem = problemOf(error, { Type: 'cel expression must evaluate to a bool', named: '' });
    return result;
  }
  const sizes = sizesOf(self);
  result.usesOldSelf = refersTo(result.program.root, 'oldSelf');
  result.costMax = estimateCost(result.program.root, sizes).max;
  if (rule.messageExpression) {
    try {
      result.message = compile(rule.messageExpression, environment, [stringType]);
      result.messageCostMax = estimateCost(result.message.root, sizes).max;
    } catch (error) {
      const named = 'messageExpression ';
      result.messageProblem = problemOf(error, { Type: 'messageExpression must evaluate to a string', named });
      return result;
    }
  }
  if (rule.fieldPath) {
    const found = schemaAtPath(rule.fieldPath, schema);
    if ('path' in found) result.fieldPath = found.path;
  }
  return result;
}

function problemOf(error: unknown, { Type, named }: { Type: string; named: string }): string {
  if (!(error instanceof CompileError)) throw error;
  if (error.reason === 'Type') return Type;
  const what = error.reason === 'Plan' ? (named ? 'instantiation' : 'program instantiation') : 'compilation';
  return `${named}${what} failed: ${error.message}`;
}
