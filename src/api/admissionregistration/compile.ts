/** Compiles the expressions of admission policies and match conditions; loaded with the first that is written. */
import type { Variable } from '#api/gen/admissionregistration-v1.js';
import {
  boolType,
  CompileError,
  compile,
  dynType,
  type Environment,
  jsonPatchType,
  listType,
  nullType,
  objectType,
  type PolicyEnvironmentOptions,
  policyEnvironment,
  stringType,
  type Type,
  variableType,
} from '#apimachinery/cel/index.js';
import { invalidValue } from '#apimachinery/field-error.js';
import type { FieldErrors } from '../meta/check.js';

export interface ExpressionRules {
  /** The sort of result: a condition is a bool, a message a string, an annotation's value a string or null. */
  gives: 'bool' | 'string' | 'string or null' | 'anything' | 'apply configuration' | 'JSON patch';
  /** Whether `params` may be named: the policy has a paramKind. */
  hasParams: boolean;
  /** Whether `authorizer` may be named. */
  hasAuthorizer: boolean;
  /** What `variables` holds. */
  variables: readonly Variable[];
  /** For the expression of a variable: how many are declared before it. Default: all of them. */
  variablesBefore?: number;
}

const resultTypes: Record<ExpressionRules['gives'], readonly Type[]> = {
  bool: [boolType],
  string: [stringType],
  'string or null': [stringType, nullType],
  anything: [],
  'apply configuration': [objectType],
  'JSON patch': [listType(jsonPatchType)],
};

export function* checkCompiles(path: string, expression: string, rules: ExpressionRules): FieldErrors {
  try {
    const environment = yield* environmentOf(rules);
    yield;
    compile(expression, environment, resultTypes[rules.gives]);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    yield invalidValue(path, expression, error.detail);
  }
}

/** Made once for all expressions that may name the same. */
function* environmentOf({
  gives,
  hasParams,
  hasAuthorizer,
  variables,
  variablesBefore,
}: ExpressionRules): FieldErrors<Environment> {
  const hasPatchTypes = gives === 'apply configuration' || gives === 'JSON patch';
  const count = variablesBefore ?? variables.length;
  // Without variables, not even the name `variables` is known to conditions and texts.
  const isKnown = count > 0 || gives === 'anything' || hasPatchTypes;
  const types = isKnown ? yield* typesOf(variables, { count, hasParams }) : undefined;
  let environments = types ? environmentsByTypes.get(types) : plainEnvironments;
  if (!environments) environmentsByTypes.set(types!, (environments = new Map()));
  const key = [hasParams, hasAuthorizer, hasPatchTypes].join();
  let environment = environments.get(key);
  if (!environment) {
    const options: PolicyEnvironmentOptions = { hasParams, hasAuthorizer, hasPatchTypes };
    environments.set(key, (environment = policyEnvironment(types ? { ...options, variables: types } : options)));
  }
  return environment;
}

type Types = ReadonlyMap<string, Type>;

const plainEnvironments = new Map<string, Environment>();
const environmentsByTypes = new WeakMap<Types, Map<string, Environment>>();

interface Known {
  types: Map<string, Type>;
  /** Of how many variables. */
  count: number;
  hasParams: boolean;
}

/** Expressions are checked in their order, so that what is known grows, and is not found out again for each of them. */
const knownByVariables = new WeakMap<readonly Variable[], Known>();

/** The types of the first variables, each of which may use those before it. One that does not compile may be anything. */
function* typesOf(
  variables: readonly Variable[],
  { count, hasParams }: Pick<Known, 'count' | 'hasParams'>,
): FieldErrors<Types> {
  let known = knownByVariables.get(variables);
  if (!known || known.count > count || known.hasParams !== hasParams)
    knownByVariables.set(variables, (known = { types: new Map(), count: 0, hasParams }));
  const { types } = known;
  if (known.count === count) return types;
  const environment = policyEnvironment({ hasParams, hasAuthorizer: true, variables: types });
  for (const { name = '', expression = '' } of variables.slice(known.count, count)) {
    yield;
    try {
      types.set(name, variableType(compile(expression, environment).type));
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      types.set(name, dynType);
    }
  }
  known.count = count;
  return types;
}
