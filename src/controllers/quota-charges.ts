/**
 * What admission has charged to quotas just now. A charge is stored before the object that it is for, so a count in between
 * comes out too low: for a short while a charge counts beside what is there.
 */
import type { ResourceQuota } from '#api/gen/core-v1.js';
import { type Amounts, addAmounts, amountsOf } from '#apimachinery/amounts.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { Clock } from '#base/clock.js';
import { keyOf } from '#client/informer.js';

/** From the charge to the object in the store. */
export const chargeMs = 1000;

export class QuotaCharges {
  readonly #clock: Clock;
  readonly #recent = new Map<string, { amounts: Amounts; atMs: number }[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A change of a quota was seen. */
  observe(quota: ResourceQuota, old: ResourceQuota | undefined): void {
    const before = amountsOf(old?.status?.used);
    const increases = [...amountsOf(quota.status?.used)]
      .map(([name, amount]) => [name, amount.subtract(before.get(name) ?? Quantity.zero)] as const)
      .filter(([, amount]) => amount.sign > 0);
    if (increases.length === 0) return;
    const key = keyOf(quota);
    const charge = { amounts: new Map(increases), atMs: this.#clock.monotonic() };
    this.#recent.set(key, [...this.#within(key), charge]);
  }

  forget(key: string): void {
    this.#recent.delete(key);
  }

  /** To be asked before the count begins: however long that takes, what was charged right before it may be missed. */
  recent(quota: ResourceQuota): Amounts {
    return this.#within(keyOf(quota)).reduce<Amounts>((sum, one) => addAmounts(sum, one.amounts), new Map());
  }

  #within(key: string): { amounts: Amounts; atMs: number }[] {
    const sinceMs = this.#clock.monotonic() - chargeMs;
    const left = (this.#recent.get(key) ?? []).filter(({ atMs }) => atMs > sinceMs);
    if (left.length === 0) this.#recent.delete(key);
    return left;
  }
}

/** What a count comes to with charges under way; never more than admission has charged in all. */
export function withCharges(quota: ResourceQuota, { counted, recent }: { counted: Amounts; recent: Amounts }): Amounts {
  const charged = amountsOf(quota.status?.used);
  return new Map(
    [...counted].map(([name, count]) => {
      const most = charged.get(name) ?? count;
      const sum = count.add(recent.get(name) ?? Quantity.zero);
      if (count.compare(most) >= 0) return [name, count];
      return [name, sum.compare(most) < 0 ? sum : most];
    }),
  );
}
