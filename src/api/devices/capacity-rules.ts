/** How the capacity of a device may be shared out: which amounts can be asked for. */
import type { CapacityRequestPolicy, CapacityRequestPolicyRange, DeviceCapacity } from '#api/gen/resource-v1.js';
import { duplicate, forbiddenField, invalidValue, required, tooMany } from '#apimachinery/field-error.js';
import { Quantity } from '#apimachinery/quantity.js';
import { each, type FieldErrors } from '../meta/check.js';

const validValuesMax = 10;

export function* checkCapacity(
  path: string,
  { value, requestPolicy: policy }: DeviceCapacity,
  { isShared }: { isShared: boolean },
): FieldErrors {
  if (!policy) return;
  const at = `${path}.requestPolicy`;
  const { validValues, validRange } = policy;
  if (!isShared) yield forbiddenField(at, 'allowMultipleAllocations must be true');
  else if (validValues?.length && validRange) {
    const why = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time';
    yield forbiddenField(at, why);
  } else yield* checkPolicy(at, policy, Quantity.parse(value));
}

function* checkPolicy(path: string, policy: CapacityRequestPolicy, capacity: Quantity): FieldErrors {
  const { default: given, validValues, validRange } = policy;
  const form = validValues?.length ? 'validValues' : validRange ? 'validRange' : undefined;
  if (!form) return;
  if (given === undefined) yield required(`${path}.default`, `required when ${form} is defined`);
  else if (validValues?.length)
    yield* checkValues(`${path}.validValues`, validValues.map(Quantity.parse), {
      given: Quantity.parse(given),
      capacity,
    });
  else if (validRange) yield* checkRange(`${path}.validRange`, validRange, { given: Quantity.parse(given), capacity });
}

interface Amounts {
  /** The default. */
  given: Quantity;
  capacity: Quantity;
}

function* checkValues(path: string, values: readonly Quantity[], { given, capacity }: Amounts): FieldErrors {
  for (const { path: at, value } of each(path, values)) {
    const index = values.indexOf(value);
    if (index > 0 && values[index - 1]!.compare(value) > 0)
      yield invalidValue(at, value.toString(), 'values must be sorted in ascending order');
  }
  if (values.length > validValuesMax) yield tooMany(path, values.length, validValuesMax);
  else {
    const seen = new Set<bigint>();
    for (const { path: at, value } of each(path, values))
      if (value.compare(capacity) > 0)
        yield invalidValue(at, value.toString(), `option is larger than capacity value: ${capacity}`);
    for (const { path: at, value } of each(path, values)) {
      if (seen.has(value.units())) yield duplicate(at, String(value.units()));
      seen.add(value.units());
    }
  }
  if (!values.some((value) => value.equals(given)))
    yield invalidValue(path, given.toString(), 'default value is not valid according to the requestPolicy');
}

function* checkRange(path: string, range: CapacityRequestPolicyRange, { given, capacity }: Amounts): FieldErrors {
  if (range.min === undefined) {
    yield required(`${path}.min`, 'required when validRange is defined');
    return;
  }
  const min = Quantity.parse(range.min);
  const max = range.max === undefined ? undefined : Quantity.parse(range.max);
  if (min.compare(capacity) > 0)
    yield invalidValue(`${path}.min`, min.toString(), `min is larger than capacity value: ${capacity}`);
  if (given.compare(min) < 0)
    yield invalidValue(`${path}.default`, given.toString(), `default is less than min: ${min}`);
  if (max) {
    if (min.compare(max) > 0) yield invalidValue(`${path}.max`, min.toString(), `min is larger than max: ${max}`);
    if (max.compare(capacity) > 0)
      yield invalidValue(`${path}.max`, max.toString(), `max is larger than capacity value: ${capacity}`);
    if (given.compare(max) > 0)
      yield invalidValue(`${path}.default`, given.toString(), `default is more than max: ${max}`);
  }
  if (range.step === undefined) return;
  const step = Quantity.parse(range.step);
  const at = `${path}.step`;
  if (step.sign <= 0) {
    yield invalidValue(at, step.toString(), 'must be greater than zero');
    return;
  }
  const one = min.add(step);
  if (one.compare(capacity) > 0)
    yield invalidValue(at, step.toString(), `one step ${one} is larger than capacity value: ${capacity}`);
  for (const value of max ? [given, max] : [given])
    if ((value.units() - min.units()) % step.units() !== 0n)
      yield invalidValue(at, value.toString(), `value is not a multiple of a given step (${step}) from (${min})`);
}
