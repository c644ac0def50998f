/**
 * matchConditions of webhooks and policies: whether an expression of a user's narrows a request out.
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions
 */

import { CelError, matchConditionsCostBudget } from '#apimachinery/cel/index.js';
import { Activation, BudgetError, type Subject } from './activation.js';
import type { Compiled, ExpressionCompiler } from './compile.js';

export interface MatchCondition {
  name: string;
  expression: string;
}

export interface CompiledCondition {
  expression: string;
  compiled: Compiled;
}

export type Matched = { matches: boolean; problem?: undefined } | { matches?: undefined; problem: string };

export function compileConditions(
  conditions: readonly MatchCondition[],
  compiler: ExpressionCompiler,
): CompiledCondition[] {
  return conditions.map(({ expression }) => ({ expression, compiled: compiler.compile(expression, 'bool') }));
}

/** One that is false decides, whatever became of others; otherwise what fails is as the failure policy says. */
export async function matchAll(
  conditions: readonly CompiledCondition[],
  subject: Subject,
  { failsOpen }: { failsOpen: boolean },
): Promise<Matched> {
  const activation = new Activation(subject, matchConditionsCostBudget);
  const problems: string[] = [];
  for (const condition of conditions) {
    const result = await evaluate(condition, activation);
    if (result.problem === undefined && result.value === false) return { matches: false };
    if (result.isFinal) return failsOpen ? { matches: false } : { problem: result.problem ?? '' };
    if (result.problem !== undefined) problems.push(result.problem);
  }
  if (problems.length === 0) return { matches: true };
  if (failsOpen) return { matches: false };
  const unique = [...new Set(problems)];
  return { problem: unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]` };
}

export interface Evaluated {
  value?: unknown;
  problem?: string;
  /** The budget is spent. */
  isFinal?: boolean;
}

/** The result of an expression, or what is wrong with it, in upstream's words. */
export async function evaluate(
  { expression, compiled }: CompiledCondition,
  activation: Activation,
): Promise<Evaluated> {
  if (!compiled.program) return { problem: `compilation error: ${compiled.problem}` };
  try {
    const value = await activation.evaluate(compiled.program);
    if (value instanceof CelError) return { problem: `expression '${expression}' resulted in error: ${value.message}` };
    return { value };
  } catch (error) {
    if (error instanceof BudgetError) return { problem: error.message, isFinal: true };
    throw error;
  }
}
