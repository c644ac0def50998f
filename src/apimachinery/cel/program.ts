/** Compiles expressions and evaluates what comes of them. */
import { check } from './check/checker.js';
import { validate } from './check/validate.js';
import type { Environment } from './environment.js';
import { CostExceeded, type Frame, PlanError, type Variables } from './evaluate/frame.js';
import { type ExpressionPlan, planExpression } from './evaluate/planner.js';
import { PendingDecision } from './library/authorizer.js';
import type { Expr } from './syntax/ast.js';
import { parse } from './syntax/parser.js';
import { SourceIssues } from './syntax/source.js';
import type { Type } from './types.js';
import { CelError, type Result } from './values.js';

/** What one evaluation may cost. */
export const perCallCostMax = 1_000_000;
/** What all evaluations for one object, or one binding of a policy, may cost together. */
export const costBudget = 10_000_000;
/** What the match conditions of one webhook or policy may cost together. */
export const matchConditionsCostBudget = 2_500_000;

/** An expression that cannot be compiled. The message is what users are shown. */
export class CompileError extends Error {
  /** Whether it is no expression, has no sound types, has another type than is wanted, or can never be evaluated. */
  readonly reason: 'Syntax' | 'Check' | 'Type' | 'Plan';

  constructor(reason: CompileError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }

  /** As the API server words it behind the expression. */
  get detail(): string {
    if (this.reason === 'Type') return this.message;
    return `${this.reason === 'Plan' ? 'program instantiation' : 'compilation'} failed: ${this.message}`;
  }
}

export interface Evaluation {
  /** An error is a result. */
  value: Result;
  cost: number;
}

export interface EvaluateOptions {
  costMax?: number;
}

/** An expression ready to be evaluated, any number of times. */
export class Program {
  readonly expression: string;
  readonly environment: Environment;
  /** The checked tree, for who estimates its cost. */
  readonly root: Expr;
  readonly #plan: ExpressionPlan;

  constructor(parts: { expression: string; environment: Environment; root: Expr; plan: ExpressionPlan }) {
    this.expression = parts.expression;
    this.environment = parts.environment;
    this.root = parts.root;
    this.#plan = parts.plan;
  }

  get type(): Type {
    return this.root.type!;
  }

  /** Costs that go beyond the limit end the evaluation with an error. */
  evaluate(variables: Variables, { costMax = perCallCostMax }: EvaluateOptions = {}): Evaluation {
    const { rootCount, localCount, run } = this.#plan;
    const frame: Frame = {
      cost: 0,
      costMax,
      variables,
      roots: new Array(rootCount).fill(undefined),
      locals: new Array(localCount).fill(undefined),
    };
    try {
      return { value: run(frame), cost: frame.cost };
    } catch (error) {
      if (error instanceof CostExceeded) return { value: new CelError(error.message), cost: frame.cost };
      throw error;
    }
  }
}

/** The full name of a type, where complaints of the checker say it shorter. */
function declaredName({ name, parameters }: Type): string {
  return parameters.length === 0 ? name : `${name}(${parameters.map(declaredName).join(', ')})`;
}

/** As `Program.evaluate`, for variables with an authorizer that may take its time. */
export async function evaluateAsync(
  program: Program,
  variables: Variables,
  options?: EvaluateOptions,
): Promise<Evaluation> {
  for (;;) {
    try {
      return program.evaluate(variables, options);
    } catch (error) {
      if (!(error instanceof PendingDecision)) throw error;
      await error.decision;
    }
  }
}

/** Throws a CompileError. Where a type is expected, `dyn` is not enough. */
export function compile(expression: string, environment: Environment, expected: readonly Type[] = []): Program {
  const issues = new SourceIssues(expression);
  const root = parse(expression, issues);
  if (!root) throw new CompileError('Syntax', issues.toString());
  check(root, environment, issues);
  if (issues.count === 0) validate(root, issues);
  if (issues.count > 0) throw new CompileError('Check', issues.toString());
  if (expected.length > 0 && !expected.some((type) => type.equals(root.type!))) {
    const wanted = expected.map(declaredName);
    const listed = wanted.length === 1 ? wanted[0] : `one of [${wanted.join(' ')}]`;
    throw new CompileError('Type', `must evaluate to ${listed} but got ${declaredName(root.type!)}`);
  }
  try {
    return new Program({ expression, environment, root, plan: planExpression(root, environment) });
  } catch (error) {
    if (error instanceof PlanError) throw new CompileError('Plan', error.message);
    throw error;
  }
}
