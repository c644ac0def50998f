/** Numbers that may be a share: `3` or `25%`. */
import { invalidValue } from '#apimachinery/field-error.js';
import { formProblem } from '#apimachinery/names.js';
import { checkNonNegative, type FieldErrors } from './check.js';

const percentForm = '[0-9]+%';
const percentPattern = new RegExp(`^${percentForm}$`);

export function* checkIntOrPercent(path: string, value: number | string | undefined): FieldErrors {
  if (typeof value === 'number') yield* checkNonNegative(path, value);
  else if (value !== undefined && !percentPattern.test(value)) {
    const rule = "a valid percent string must be a numeric string followed by an ending '%'";
    yield invalidValue(path, value, formProblem(rule, percentForm, '1%', '93%'));
  }
}

export function* checkNotOver100Percent(path: string, value: number | string | undefined): FieldErrors {
  if (typeof value === 'string' && percentPattern.test(value) && Number.parseInt(value, 10) > 100)
    yield invalidValue(path, value, 'must not be greater than 100%');
}

/** Whether it is nothing, of however many: `0`, `0%`. What is no number counts as nothing, as upstream's does. */
export function isZeroIntOrPercent(value: number | string | undefined): boolean {
  return typeof value === 'string' ? !(Number.parseInt(value, 10) !== 0 && /^[+-]?[0-9]+%?$/.test(value)) : !value;
}
