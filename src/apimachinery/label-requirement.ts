/**
 * One condition of a label selector: a key, an operator and values. Checks and words are those of k8s.io/apimachinery's
 * `labels` package.
 */
import { type FieldError, invalidValue, notSupported } from './field-error.js';
import { labelValueProblems, qualifiedNameProblems } from './names.js';
import { ParseError } from './parse-error.js';

export type Labels = Readonly<Record<string, string>>;

export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  /** One for equality and comparison, none for existence. */
  readonly values: readonly string[];
}

/** Throws a ParseError that lists all that is wrong with the requirement. */
export function checkedRequirement(requirement: LabelRequirement): LabelRequirement {
  const problems = requirementErrors(requirement);
  if (problems.length === 0) return requirement;
  const texts = problems.map((problem) => problem.message);
  throw new ParseError('LabelSelector', texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`);
}

export function matchesRequirement({ key, operator, values }: LabelRequirement, labels: Labels | undefined): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return value !== undefined && values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
    case 'lt': {
      const [left, right] = [integer(value), integer(values[0])];
      if (left === undefined || right === undefined) return false;
      return operator === 'gt' ? left > right : left < right;
    }
  }
}

export function formatRequirement({ key, operator, values }: LabelRequirement): string {
  const list = [...values].sort().join(',');
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${list})`;
    case 'gt':
      return `${key}>${list}`;
    case 'lt':
      return `${key}<${list}`;
    default:
      return `${key}${operator}${list}`;
  }
}

function requirementErrors({ key, operator, values }: LabelRequirement): FieldError[] {
  const errors: FieldError[] = [];
  const keyProblems = qualifiedNameProblems(key);
  if (keyProblems.length > 0) errors.push(invalidValue('key', key, keyProblems.join('; ')));
  const refuse = (detail: string) => errors.push(invalidValue('values', values, detail));
  if (operator === 'in' || operator === 'notin') {
    if (values.length === 0) refuse("for 'in', 'notin' operators, values set can't be empty");
  } else if (operator === '=' || operator === '==' || operator === '!=') {
    if (values.length !== 1) refuse('exact-match compatibility requires one single value');
  } else if (operator === 'exists' || operator === '!') {
    if (values.length !== 0) refuse('values set must be empty for exists and does not exist');
  } else if (operator === 'gt' || operator === 'lt') {
    if (values.length !== 1) refuse("for 'Gt', 'Lt' operators, exactly one value is required");
    values.forEach((value, index) => {
      if (integer(value) === undefined)
        errors.push(invalidValue(`values[${index}]`, value, "for 'Gt', 'Lt' operators, the value must be an integer"));
    });
  } else {
    errors.push(notSupported('operator', operator, ['in', 'notin', '=', '==', '!=', 'gt', 'lt', 'exists', '!']));
  }
  values.forEach((value, index) => {
    const problems = labelValueProblems(value);
    if (problems.length > 0) errors.push(invalidValue(`values[${index}][${key}]`, value, problems.join('; ')));
  });
  return errors;
}

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

function integer(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^[+-]?\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return value >= int64Min && value <= int64Max ? value : undefined;
}
