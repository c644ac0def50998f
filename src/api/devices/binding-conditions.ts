/** Conditions that a driver sets before a pod is bound to a device, and those that say that it cannot be. */
import { duplicate, invalidValue } from '#apimachinery/field-error.js';
import { checkQualifiedName, checkUnique, each, type FieldErrors } from '../meta/check.js';
import { checkList } from './names.js';

const conditionsMax = 4;

interface BindingConditions {
  bindingConditions?: string[];
  bindingFailureConditions?: string[];
}

export function* checkBindingConditions(path: string, parameters: BindingConditions): FieldErrors {
  const { bindingConditions: wanted = [], bindingFailureConditions: failures = [] } = parameters;
  const [at, failuresAt] = [`${path}.bindingConditions`, `${path}.bindingFailureConditions`];
  yield* checkList(at, wanted, { max: conditionsMax }, checkQualifiedName);
  yield* checkList(failuresAt, failures, { max: conditionsMax }, checkQualifiedName);
  yield* checkUnique(at, wanted);
  for (const { path: place, value } of each(failuresAt, failures)) {
    if (place !== `${failuresAt}[${failures.indexOf(value)}]`) yield duplicate(place, value);
    if (wanted.includes(value))
      yield invalidValue(place, value, 'bindingFailureConditions must not overlap with bindingConditions');
  }
  if (wanted.length === 0 && failures.length > 0)
    yield invalidValue(at, wanted, 'bindingConditions are required to use bindingFailureConditions');
  if (failures.length === 0 && wanted.length > 0)
    yield invalidValue(failuresAt, failures, 'bindingFailureConditions are required to use bindingConditions');
}
