/**
 * How much of a device a request takes, by the device's policy: devices that several may use at a time (KEP-5075).
 * https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#consumable-capacity
 */
import type { CapacityRequestPolicy, Device, DeviceCapacity } from '#api/gen/resource-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { Amounts } from './in-use.js';

/** undefined where the device does not have what is asked for, or does not give it in such amounts. */
export function consumption(asked: Record<string, string> | undefined, { capacity = {} }: Device): Amounts | undefined {
  if (Object.keys(asked ?? {}).some((name) => !(name in capacity))) return undefined;
  const amounts = new Map<string, Quantity>();
  for (const [name, one] of Object.entries(capacity)) {
    const amount = amountOf(asked?.[name], one);
    if (violates(amount, one.requestPolicy)) return undefined;
    amounts.set(name, amount);
  }
  return amounts;
}

/** Whether so much is left of the device. */
export function fits(
  wanted: Amounts,
  { device, taken }: { device: Device; taken: readonly (Amounts | undefined)[] },
): boolean {
  for (const [name, amount] of wanted) {
    let sum = amount;
    for (const amounts of taken) sum = sum.add(amounts?.get(name) ?? Quantity.zero);
    if (sum.compare(Quantity.parse(device.capacity![name]!.value!)) > 0) return false;
  }
  return true;
}

/** Without a request, the policy's default or all there is; else the next amount that the policy allows. */
function amountOf(asked: string | undefined, { value, requestPolicy: policy }: DeviceCapacity): Quantity {
  if (asked === undefined) return Quantity.parse(policy?.default ?? value!);
  const wanted = Quantity.parse(asked);
  if (policy?.validRange) return inRange(wanted, policy.validRange);
  const valid = policy?.validValues?.map((one) => Quantity.parse(one));
  return valid?.find((one) => wanted.compare(one) <= 0) ?? wanted;
}

function inRange(wanted: Quantity, { min, step }: NonNullable<CapacityRequestPolicy['validRange']>): Quantity {
  const least = Quantity.parse(min!);
  if (wanted.compare(least) < 0) return least;
  if (step === undefined) return wanted;
  const [base, unit] = [least.units(), Quantity.parse(step).units()];
  if (unit <= 0n) return wanted;
  const steps = (wanted.units() - base + unit - 1n) / unit;
  return Quantity.of(base + unit * steps, 'BinarySI');
}

function violates(amount: Quantity, policy: CapacityRequestPolicy | undefined): boolean {
  if (!policy || (policy.default !== undefined && amount.equals(Quantity.parse(policy.default)))) return false;
  if (policy.validRange) {
    const { min, max, step } = policy.validRange;
    if (max !== undefined && amount.compare(Quantity.parse(max)) > 0) return true;
    const unit = step === undefined ? 0n : Quantity.parse(step).units();
    return unit > 0n && (amount.units() - Quantity.parse(min!).units()) % unit !== 0n;
  }
  const { validValues = [] } = policy;
  return validValues.length > 0 && !validValues.some((one) => amount.equals(Quantity.parse(one)));
}
