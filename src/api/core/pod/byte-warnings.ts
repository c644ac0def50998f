/** What to say of amounts of bytes that are none. */
import { Quantity } from '#apimachinery/quantity.js';

/** There is no half of a byte. */
export function* byteWarnings(
  path: string,
  name: string,
  amounts: Record<string, string> | undefined,
): Generator<string, void, undefined> {
  const quantity = Quantity.tryParse(amounts?.[name]);
  if (quantity && quantity.milli() % 1000n !== 0n)
    yield `${path}[${name}]: fractional byte value ${JSON.stringify(quantity.toString())} is invalid, must be an integer`;
}
