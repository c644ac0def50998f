/** The expressions of one ValidatingAdmissionPolicy, and what they say about an object. Loaded when there is a policy. */
import type { AuditAnnotation, ValidatingAdmissionPolicy, Validation } from '#api/gen/admissionregistration-v1.js';
import { costBudget } from '#apimachinery/cel/index.js';
import type { Clock } from '#base/clock.js';
import { Activation, type Subject } from '../expression/activation.js';
import { type Compiled, ExpressionCompiler } from '../expression/compile.js';
import { type CompiledCondition, compileConditions, evaluate, matchAll } from '../expression/conditions.js';

export interface Decision {
  denies: boolean;
  message: string;
  /** Absent when the expression could not be evaluated. */
  reason?: string;
  durationMs: number;
}

export interface Annotation {
  key: string;
  value?: string;
  problem?: string;
  durationMs: number;
}

export interface Evaluation {
  decisions: Decision[];
  annotations: Annotation[];
}

export interface CompiledValidatingPolicy {
  evaluate(subject: Omit<Subject, 'variables'>): Promise<Evaluation>;
}

interface CompiledValidation extends CompiledCondition {
  validation: Validation;
  messageExpression: CompiledCondition | undefined;
}

/** A message made by an expression that is longer, or has several lines, is not used. */
const messageBytesMax = 5 * 1024;

export function compileValidatingPolicy(
  { spec = {} }: ValidatingAdmissionPolicy,
  { clock }: { clock: Clock },
): CompiledValidatingPolicy {
  const { variables = [], matchConditions = [], validations = [], auditAnnotations = [] } = spec;
  const compiler = new ExpressionCompiler({ hasParams: spec.paramKind !== undefined, variables });
  return new PolicyEvaluator({
    clock,
    failsOpen: spec.failurePolicy === 'Ignore',
    variables: compiler.variables,
    conditions: compileConditions(matchConditions, compiler),
    validations: validations.map((validation) => compileValidation(validation, compiler)),
    annotations: auditAnnotations.map((annotation) => ({
      annotation,
      expression: annotation.valueExpression,
      compiled: compiler.compile(annotation.valueExpression, 'string or null'),
    })),
  });
}

function compileValidation(validation: Validation, compiler: ExpressionCompiler): CompiledValidation {
  const { expression, messageExpression } = validation;
  return {
    validation,
    expression,
    compiled: compiler.compile(expression, 'bool'),
    messageExpression: messageExpression
      ? {
          expression: messageExpression,
          compiled: compiler.compile(messageExpression, 'string', { hasAuthorizer: false }),
        }
      : undefined,
  };
}

interface Parts {
  clock: Clock;
  failsOpen: boolean;
  variables: ReadonlyMap<string, Compiled>;
  conditions: readonly CompiledCondition[];
  validations: readonly CompiledValidation[];
  annotations: readonly (CompiledCondition & { annotation: AuditAnnotation })[];
}

class PolicyEvaluator implements CompiledValidatingPolicy {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async evaluate(given: Omit<Subject, 'variables'>): Promise<Evaluation> {
    const { conditions, variables, validations, failsOpen, clock } = this.#parts;
    const subject = { ...given, variables };
    if (conditions.length > 0) {
      const { matches, problem } = await matchAll(conditions, subject, { failsOpen });
      if (problem !== undefined) return { decisions: [this.#failed(problem)], annotations: [] };
      if (!matches) return { decisions: [], annotations: [] };
    }
    const activation = new Activation(subject, costBudget);
    const decisions: Decision[] = [];
    for (const validation of validations) {
      const startMs = clock.monotonic();
      const { value, problem, isFinal } = await evaluate(validation, activation);
      const durationMs = clock.monotonic() - startMs;
      if (isFinal) return { decisions: [this.#failed(problem!, durationMs)], annotations: [] };
      if (problem !== undefined) decisions.push(this.#failed(problem, durationMs));
      else if (value === true) decisions.push({ denies: false, message: '', durationMs });
      else decisions.push({ ...(await this.#denied(validation, activation)), durationMs });
    }
    return { decisions, annotations: await this.#annotations(subject) };
  }

  #failed(message: string, durationMs = 0): Decision {
    return { denies: !this.#parts.failsOpen, message, durationMs };
  }

  async #denied({ validation, messageExpression }: CompiledValidation, activation: Activation): Promise<Decision> {
    const made = messageExpression && (await evaluate(messageExpression, activation));
    if (made?.isFinal) return this.#failed(`failed messageExpression: ${made.problem}`);
    const text = typeof made?.value === 'string' ? made.value.trim() : '';
    const isUsable = text !== '' && Buffer.byteLength(text) <= messageBytesMax && !text.includes('\n');
    const written = validation.message?.trim() || `failed expression: ${validation.expression.trim()}`;
    return { denies: true, message: isUsable ? text : written, reason: validation.reason || 'Invalid', durationMs: 0 };
  }

  async #annotations(subject: Subject): Promise<Annotation[]> {
    const activation = new Activation(subject, costBudget);
    const annotations: Annotation[] = [];
    for (const condition of this.#parts.annotations) {
      const { key } = condition.annotation;
      const startMs = this.#parts.clock.monotonic();
      const { value, problem, isFinal } = await evaluate(condition, activation);
      const durationMs = this.#parts.clock.monotonic() - startMs;
      if (problem !== undefined && !this.#parts.failsOpen) annotations.push({ key, problem, durationMs });
      if (isFinal) break;
      const text = typeof value === 'string' ? value.trim() : '';
      if (text !== '') annotations.push({ key, value: text, durationMs });
    }
    return annotations;
  }
}
