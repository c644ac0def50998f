/** Which devices claims have been given, and how much of those that several may share. */
import type { DeviceRequestAllocationResult } from '#api/gen/resource-v1.js';
import { Quantity } from '#apimachinery/quantity.js';

export type Amounts = ReadonlyMap<string, Quantity>;

export interface InUse {
  /** By `driver/pool/device`; whole. */
  devices: { has(id: string): boolean };
  /** Of shared devices, what is taken of their capacity. */
  shares: { has(id: string): boolean; get(id: string): Amounts | undefined };
}

type Results = readonly DeviceRequestAllocationResult[];

/** Kept up as claims change, so that what a decision costs does not grow with the number of claims. */
export class Ledger implements InUse {
  /** By device, how many claims say that they have it; more than one by a fault elsewhere. */
  readonly devices = new Map<string, number>();
  readonly shares = new Map<string, Amounts>();
  readonly #shareCounts = new Map<string, number>();
  /** By the claim's uid. */
  readonly #entries = new Map<string, Results>();

  /** undefined: the claim has no devices (any more). */
  set(uid: string, results: Results | undefined): void {
    const before = this.#entries.get(uid);
    if (before === results) return;
    for (const result of before ?? []) this.#change(result, -1);
    for (const result of results ?? []) this.#change(result, 1);
    if (results) this.#entries.set(uid, results);
    else this.#entries.delete(uid);
  }

  /** Access for administrators takes nothing from anybody. */
  #change(result: DeviceRequestAllocationResult, by: 1 | -1): void {
    if (result.adminAccess) return;
    const id = `${result.driver}/${result.pool}/${result.device}`;
    if (result.shareID === undefined) {
      count(this.devices, id, by);
      return;
    }
    const consumed = amountsFrom(result.consumedCapacity);
    if (count(this.#shareCounts, id, by) === 0) this.shares.delete(id);
    else this.shares.set(id, plus(this.shares.get(id), by === 1 ? consumed : negated(consumed)));
  }
}

function count(counts: Map<string, number>, id: string, by: 1 | -1): number {
  const now = (counts.get(id) ?? 0) + by;
  if (now === 0) counts.delete(id);
  else counts.set(id, now);
  return now;
}

function amountsFrom(given: Record<string, string> | undefined): Amounts {
  return new Map(Object.entries(given ?? {}).map(([name, amount]) => [name, Quantity.parse(amount)]));
}

function negated(amounts: Amounts): Amounts {
  return new Map([...amounts].map(([name, amount]) => [name, amount.negate()]));
}

export function plus(a: Amounts | undefined, b: Amounts): Amounts {
  const sum = new Map(a);
  for (const [name, amount] of b) sum.set(name, amount.add(sum.get(name) ?? Quantity.zero));
  return sum;
}
