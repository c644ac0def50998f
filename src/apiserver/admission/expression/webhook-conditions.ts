/** The match conditions of webhooks; loaded with the language they are written in when there are some. */
import { ExpressionCompiler } from './compile.js';
import { type CompiledCondition, compileConditions, type MatchCondition } from './conditions.js';

export { matchAll } from './conditions.js';

/** Webhooks have no parameters and no variables. */
export function compileWebhookConditions(conditions: readonly MatchCondition[]): CompiledCondition[] {
  return compileConditions(conditions, new ExpressionCompiler({ hasParams: false }));
}
