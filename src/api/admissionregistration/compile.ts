/** Compiles the expressions of admission policies and match conditions; loaded with the first that is written. */
import type { Variable } from '#api/gen/admissionregistration-v1.js';
import {
  boolType,
  CompileError,
  compile,
  dynType,
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
  /** What `variables` holds: those declared before. */
  variables: readonly Variable[];
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
  const { gives, hasParams, hasAuthorizer, variables } = rules;
  const hasPatchTypes = gives === 'apply configuration' || gives === 'JSON patch';
  // Without variables, not even the name `variables` is known.
  const known = variables.length > 0 || gives === 'anything' ? { variables: typesOf(variables, hasParams) } : {};
  const environment = policyEnvironment({ hasParams, hasAuthorizer, hasPatchTypes, ...known });
  try {
    compile(expression, environment, resultTypes[gives]);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    yield invalidValue(path, expression, error.detail);
  }
}

/** The types of variables, each of which may use those before it. One that does not compile may be anything. */
function typesOf(variables: readonly Variable[], hasParams: boolean): ReadonlyMap<string, Type> {
  const types = new Map<string, Type>();
  const options: PolicyEnvironmentOptions = { hasParams, hasAuthorizer: true, variables: types };
  for (const { name = '', expression = '' } of variables) {
    try {
      types.set(name, variableType(compile(expression, policyEnvironment(options)).type));
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      types.set(name, dynType);
    }
  }
  return types;
}
