/**
 * The expressions of admission policies and match conditions, all of which are checked here: what each may name, and of
 * which type its result must be (https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/).
 */
import { loading } from '#base/loading.js';
import type { FieldErrors } from '../meta/check.js';
import type { ExpressionRules } from './compile.js';

export type { ExpressionRules };

let compiler: typeof import('./compile.js') | undefined;

/** For `load` of each kind with expressions: the compiler is read when the first of them is written. */
export async function loadExpressions(): Promise<void> {
  compiler ??= await loading(import('./compile.js'));
}

/** The one place through which expressions of this group are checked when they are written. */
export function checkExpression(path: string, expression: string, rules: ExpressionRules): FieldErrors {
  if (!compiler) throw new TypeError('expressions are checked before their compiler is loaded');
  return compiler.checkCompiles(path, expression, rules);
}
