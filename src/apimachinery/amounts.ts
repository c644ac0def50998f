/** Lists of amounts by the name of what is counted (`cpu`, `requests.storage`, `count/pods`), and sums of them. */
import { Quantity } from './quantity.js';

export type Amounts = ReadonlyMap<string, Quantity>;

export const noAmounts: Amounts = new Map();

/** Of an object's map; what is no quantity is left out. */
export function amountsOf(list: Readonly<Record<string, string>> | undefined): Amounts {
  const amounts = new Map<string, Quantity>();
  for (const [name, text] of Object.entries(list ?? {})) {
    const quantity = Quantity.tryParse(text);
    if (quantity) amounts.set(name, quantity);
  }
  return amounts;
}

/** By name in order, as the API writes maps. */
export function amountsToJson(amounts: Amounts): Record<string, string> {
  return Object.fromEntries(
    [...amounts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, quantity]) => [name, quantity.toString()]),
  );
}

export function addAmounts(...lists: readonly Amounts[]): Map<string, Quantity> {
  const sum = new Map<string, Quantity>();
  for (const list of lists)
    for (const [name, quantity] of list) sum.set(name, sum.get(name)?.add(quantity) ?? quantity);
  return sum;
}

/** What only `b` has comes out negative. */
export function subtractAmounts(a: Amounts, b: Amounts): Map<string, Quantity> {
  const difference = new Map(a);
  for (const [name, quantity] of b) difference.set(name, (difference.get(name) ?? Quantity.zero).subtract(quantity));
  return difference;
}

/** The larger of each. */
export function maxAmounts(...lists: readonly Amounts[]): Map<string, Quantity> {
  const largest = new Map<string, Quantity>();
  for (const list of lists)
    for (const [name, quantity] of list) {
      const known = largest.get(name);
      if (!known || quantity.compare(known) > 0) largest.set(name, quantity);
    }
  return largest;
}

export function onlyAmounts(amounts: Amounts, wanted: (name: string) => boolean): Map<string, Quantity> {
  return new Map([...amounts].filter(([name]) => wanted(name)));
}

/** Equal in value: `1` and `1000m` are the same. */
export function equalAmounts(a: Amounts, b: Amounts): boolean {
  if (a.size !== b.size) return false;
  for (const [name, quantity] of a) if (!b.get(name)?.equals(quantity)) return false;
  return true;
}

/** `cpu=1,memory=2Gi`, in order of names, as messages show them. */
export function formatAmounts(amounts: Amounts): string {
  return [...amounts.keys()]
    .sort()
    .map((name) => `${name}=${amounts.get(name)}`)
    .join(',');
}
