import { expect, it } from 'vitest';
import type { ResourceQuota } from '#api/gen/core-v1.js';
import { amountsOf, amountsToJson } from '#apimachinery/amounts.js';
import { VirtualClock } from '#base/clock.js';
import { chargeMs, QuotaCharges, withCharges } from './quota-charges.js';

const quota = (pods: string): ResourceQuota => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name: 'q', namespace: 'default' },
  spec: { hard: { pods: '9' } },
  status: { used: { pods } },
});

async function count(found: string, { waitMs, listsTakeMs }: { waitMs: number; listsTakeMs: number }) {
  const clock = new VirtualClock();
  const charges = new QuotaCharges(clock);
  charges.observe(quota('1'), undefined);
  await clock.advance(chargeMs);
  charges.observe(quota('2'), quota('1'));
  await clock.advance(waitMs);
  const recent = charges.recent(quota('2'));
  await clock.advance(listsTakeMs);
  return amountsToJson(withCharges(quota('2'), { counted: amountsOf({ pods: found }), recent }))['pods'];
}

it('adds what was charged right before a count began, however long the count took', async () => {
  expect(await count('1', { waitMs: 10, listsTakeMs: 0 })).toBe('2');
  expect(await count('1', { waitMs: 10, listsTakeMs: 60_000 })).toBe('2');
});

it('lets go of what was charged and never came', async () => {
  expect(await count('1', { waitMs: chargeMs, listsTakeMs: 0 })).toBe('1');
});

it('never adds what is there already', async () => {
  expect(await count('2', { waitMs: 10, listsTakeMs: 0 })).toBe('2');
  expect(await count('3', { waitMs: 10, listsTakeMs: 0 })).toBe('3');
});
