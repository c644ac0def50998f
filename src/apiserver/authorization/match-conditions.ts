/** Compiles the match conditions of an AuthorizationConfiguration: expressions over `request`, the review's spec. */
import type { MatchCondition } from './webhook.js';

/** Throws Error that says why the expression does not compile. */
export function compileMatchCondition(_expression: string): MatchCondition {
  throw new Error('expressions are not supported yet');
}
