/** What the claims of a search hold so far, on top of what others have been given: devices, shares of them, counters. */
import { Quantity } from '#apimachinery/quantity.js';
import { consumption, fits } from './capacity.js';
import { type Amounts, type InUse, plus } from './in-use.js';
import type { Pool, PoolDevice } from './pools.js';
import type { Request } from './requests.js';

export interface Taken {
  isShared: boolean;
  /** Of a shared device. */
  consumed: Amounts | undefined;
  undo(): void;
}

interface Scope {
  wanted: Request;
  /** The claim's place among those of the search. */
  claim: number;
}

export class Holdings {
  readonly #inUse: InUse;
  /** By device, the claims that are being given it whole. */
  readonly #devices = new Map<string, Set<number>>();
  /** By device, the sums of each share that is being given, the last behind. */
  readonly #shares = new Map<string, Amounts[]>();
  readonly #left = new Map<Pool, Map<string, Quantity>>();

  constructor(inUse: InUse) {
    this.#inUse = inUse;
  }

  /** An administrator's access takes no device from others, and is given once to each claim. */
  isFree({ id }: PoolDevice, { wanted, claim }: Scope): boolean {
    const holders = this.#devices.get(id);
    if (wanted.adminAccess) return !holders?.has(claim);
    return !this.#inUse.devices.has(id) && !holders?.size;
  }

  hasCapacity({ id, device }: PoolDevice, { capacity }: Pick<Request, 'capacity'>): boolean {
    if (!capacity && !device.allowMultipleAllocations) return true;
    const wanted = consumption(capacity, device);
    return wanted !== undefined && fits(wanted, { device, taken: [this.#inUse.shares.get(id), this.#sharesOf(id)] });
  }

  /** undefined where too little is left of the device, or of what it shares with others. */
  take(one: PoolDevice, { wanted, claim }: Scope): Taken | undefined {
    const { id, device } = one;
    if (!this.hasCapacity(one, wanted)) return undefined;
    const isShared = device.allowMultipleAllocations === true;
    const isPartlyUsed = isShared && (this.#inUse.shares.has(id) || this.#shares.has(id));
    const counted = isPartlyUsed ? () => {} : this.#count(one);
    if (!counted) return undefined;
    if (!isShared) {
      const holders = this.#devices.get(id) ?? new Set();
      holders.add(claim);
      this.#devices.set(id, holders);
      const undo = () => {
        holders.delete(claim);
        counted();
      };
      return { isShared, consumed: undefined, undo };
    }
    const consumed = consumption(wanted.capacity, device)!;
    const before = this.#shares.get(id) ?? [];
    this.#shares.set(id, [...before, plus(before.at(-1), consumed)]);
    const undo = () => {
      if (before.length > 0) this.#shares.set(id, before);
      else this.#shares.delete(id);
      counted();
    };
    return { isShared, consumed, undo };
  }

  #sharesOf(id: string): Amounts | undefined {
    return this.#shares.get(id)?.at(-1);
  }

  /** Takes what the device consumes of its pool's counters; gives the way back, or undefined where too little is left. */
  #count({ device, pool }: PoolDevice): (() => void) | undefined {
    const { consumesCounters = [] } = device;
    if (consumesCounters.length === 0) return () => {};
    const left = this.#countersOf(pool);
    const before = new Map<string, Quantity>();
    for (const { counterSet, counters } of consumesCounters) {
      for (const [name, { value }] of Object.entries(counters)) {
        const key = counterKey(counterSet, name);
        const had = left.get(key) ?? Quantity.zero;
        if (!before.has(key)) before.set(key, had);
        left.set(key, had.subtract(Quantity.parse(value!)));
      }
    }
    const undo = () => {
      for (const [key, had] of before) left.set(key, had);
    };
    // One that is overdrawn already, by what others have been given, gives nothing either.
    if ([...left.values()].every(({ sign }) => sign >= 0)) return undo;
    undo();
    return undefined;
  }

  /** What devices that were given before have left, wherever they are used. */
  #countersOf(pool: Pool): Map<string, Quantity> {
    const known = this.#left.get(pool);
    if (known) return known;
    const left = new Map<string, Quantity>();
    for (const [set, counters] of pool.counters)
      for (const [name, value] of counters) left.set(counterKey(set, name), value);
    for (const { spec } of pool.slices) {
      for (const { name, consumesCounters = [] } of spec.devices ?? []) {
        const id = `${pool.id}/${name}`;
        if (!this.#inUse.devices.has(id) && !this.#inUse.shares.has(id)) continue;
        for (const { counterSet, counters } of consumesCounters) {
          for (const [counter, { value }] of Object.entries(counters)) {
            const key = counterKey(counterSet, counter);
            left.set(key, (left.get(key) ?? Quantity.zero).subtract(Quantity.parse(value!)));
          }
        }
      }
    }
    this.#left.set(pool, left);
    return left;
  }
}

/** No name has a slash in it. */
function counterKey(set: string, counter: string): string {
  return `${set}/${counter}`;
}
