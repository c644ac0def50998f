/** The rules for meta/v1 conditions, in specs and statuses. */
import { duplicate, type FieldError, invalidValue, notSupported, required, tooLong } from './field-error.js';
import { formProblem, qualifiedNameProblems } from './names.js';

export interface Condition {
  type: string;
  status: string;
  observedGeneration?: number;
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

const reasonBytesMax = 1024;
const messageBytesMax = 32 * 1024;
const reasonForm = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const reasonPattern = new RegExp(`^(?:${reasonForm})$`);
const reasonRule =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'";

export function validateConditions(conditions: readonly Condition[] | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, condition] of (conditions ?? []).entries()) {
    const at = `${path}[${index}]`;
    if (seen.has(condition.type)) errors.push(duplicate(`${at}.type`, condition.type));
    seen.add(condition.type);
    errors.push(...validateCondition(condition, at));
  }
  return errors;
}

function validateCondition(condition: Condition, at: string): FieldError[] {
  const { type = '', status = '', observedGeneration = 0, lastTransitionTime, reason, message = '' } = condition;
  const errors = qualifiedNameProblems(type).map((problem) => invalidValue(`${at}.type`, type, problem));
  if (!['False', 'True', 'Unknown'].includes(status))
    errors.push(notSupported(`${at}.status`, status, ['False', 'True', 'Unknown']));
  if (observedGeneration < 0)
    errors.push(invalidValue(`${at}.observedGeneration`, observedGeneration, 'must be greater than or equal to zero'));
  if (!lastTransitionTime) errors.push(required(`${at}.lastTransitionTime`));
  if (!reason) errors.push(required(`${at}.reason`));
  else {
    if (!reasonPattern.test(reason)) {
      const examples = ['my_name', 'MY_NAME', 'MyName', 'ReasonA,ReasonB', 'ReasonA:ReasonB'];
      errors.push(invalidValue(`${at}.reason`, reason, formProblem(reasonRule, reasonForm, ...examples)));
    }
    if (Buffer.byteLength(reason) > reasonBytesMax) errors.push(tooLong(`${at}.reason`, reasonBytesMax));
  }
  if (Buffer.byteLength(message) > messageBytesMax) errors.push(tooLong(`${at}.message`, messageBytesMax));
  return errors;
}
