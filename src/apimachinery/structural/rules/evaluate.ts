/** Evaluates the rules of one schema for one value, and says in upstream's words what comes of it. */
import { quote } from '#base/go-text.js';
import type { Json } from '#base/json.js';
import { CelError, Optional, type Program, perCallCostMax, type Reader, type Variables } from '../../cel/index.js';
import { FieldError, forbiddenField, invalidField, invalidValue, required } from '../../field-error.js';
import type { Rule, Schema } from '../schema.js';
import type { CompiledRule } from './compiled-rule.js';
import type { Ratchet } from './ratchet.js';

const messageBytesMax = 5 * 1024;
const costExceeded = 'operation cancelled: actual cost limit exceeded';

/** What was found in one object so far, and what may still be spent on it. */
export class RuleRun {
  readonly errors: FieldError[] = [];
  /** Of what was wrong before. */
  readonly warnings: string[] = [];
  #budget: number;

  constructor(budget: number) {
    this.#budget = budget;
  }

  get budget(): number {
    return this.#budget;
  }

  /** Nothing more is evaluated. */
  get isSpent(): boolean {
    return this.#budget < 0;
  }

  /** False when there was not as much left. */
  spend(cost: number): boolean {
    const isEnough = cost <= this.#budget;
    this.#budget = isEnough ? this.#budget - cost : -1;
    return isEnough;
  }

  stop(): void {
    this.#budget = -1;
  }
}

export interface RuleSubject {
  schema: Schema;
  read: Reader;
  path: string;
  value: Json;
  old: Json | undefined;
  ratchet: Ratchet;
}

export function runRules(rules: readonly CompiledRule[], subject: RuleSubject, run: RuleRun): void {
  const { path, schema, ratchet, read, value, old } = subject;
  const at = path || '<nil>';
  const refuse = (why: string) => run.errors.push(invalidValue(at, schema.type ?? '', why));
  if (run.budget === 0) {
    refuse(outOfBudget);
    run.stop();
    return;
  }
  const self = read(value);
  const before = old !== undefined && rules.some(({ usesOldSelf }) => usesOldSelf) ? read(old) : undefined;
  const oldOrNone = before === undefined ? Optional.none : before instanceof CelError ? before : Optional.of(before);
  const plain: Variables = (name) => (name === 'self' ? self : name === 'oldSelf' ? before : undefined);
  const optional: Variables = (name) => (name === 'self' ? self : name === 'oldSelf' ? oldOrNone : undefined);
  for (const compiled of rules) {
    const { rule, program, problem, usesOldSelf } = compiled;
    if (problem !== undefined) refuse(`rule compile error: ${problem}`);
    if (!program || (usesOldSelf && old === undefined && !rule.optionalOldSelf)) continue;
    const { value: result, cost } = program.evaluate(rule.optionalOldSelf ? optional : plain);
    if (!run.spend(cost)) {
      refuse(outOfBudget);
      return;
    }
    if (result instanceof CelError) {
      refuse(evaluationProblem(result.message, rule));
      if (!result.message.startsWith(costExceeded)) continue;
      run.stop();
      return;
    }
    if (result === true) continue;
    const add = (error: FieldError) => {
      if (!usesOldSelf && ratchet.isUnchanged) run.warnings.push(error.message);
      else run.errors.push(error);
    };
    const broken = compiled.fieldPath === undefined ? at : below(path, compiled.fieldPath);
    const told = compiled.message && evaluateMessage(compiled.message, plain, run);
    if (told && 'fatal' in told) {
      add(invalidValue(broken, schema.type ?? '', told.fatal));
      run.stop();
      return;
    }
    const detail = told && 'text' in told ? told.text : messageOf(rule);
    const isLarge = schema.type === 'object' || schema.type === 'array';
    add(errorFor(rule, { path: broken, value: isLarge ? undefined : value, detail }));
  }
}

const outOfBudget = 'validation failed due to running out of cost budget, no further validation rules will be run';

function below(path: string, inner: string): string {
  return path ? `${path}.${inner}` : inner;
}

function evaluationProblem(problem: string, rule: Rule): string {
  const name = rule.message ? rule.message.trim() : rule.rule.trim();
  if (problem.startsWith('no such overload'))
    return `'${problem}': call arguments did not match a supported operator, function or macro signature for rule: ${name}`;
  if (problem.startsWith(costExceeded))
    return `'${problem}': no further validation rules will be run due to call cost exceeds limit for rule: ${name}`;
  return `${problem} evaluating rule: ${name}`;
}

function messageOf({ rule, message }: Rule): string {
  return message ? message.trim() : `failed rule: ${rule.trim()}`;
}

/** Undefined where the expression gives nothing to show; the other message is shown then. */
function evaluateMessage(
  program: Program,
  variables: Variables,
  run: RuleRun,
): { text: string } | { fatal: string } | undefined {
  const { value, cost } = program.evaluate(variables, { costMax: perCallCostMax });
  if (cost > run.budget)
    return {
      fatal:
        'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run',
    };
  if (value instanceof CelError && value.message.startsWith(costExceeded)) {
    const source = quote(program.expression);
    return {
      fatal: `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${source}`,
    };
  }
  run.spend(cost);
  const text = typeof value === 'string' ? value.trim() : '';
  return text === '' || text.includes('\n') || Buffer.byteLength(text) > messageBytesMax ? undefined : { text };
}

function errorFor(
  { reason }: Rule,
  { path, value, detail }: { path: string; value: Json | undefined; detail: string },
): FieldError {
  switch (reason) {
    case 'FieldValueForbidden':
      return forbiddenField(path, detail);
    case 'FieldValueRequired':
      return required(path, detail);
    case 'FieldValueDuplicate': {
      const shown = value === undefined ? '' : `: ${JSON.stringify(value)}`;
      return new FieldError({ type: reason, path, body: `Duplicate value${shown}` });
    }
    default:
      return value === undefined ? invalidField(path, detail) : invalidValue(path, value, detail);
  }
}
