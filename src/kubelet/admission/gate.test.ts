import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.js';
import type { Client } from '#client/client.js';
import { AdmissionGate } from './gate.js';

test('a few refusals are told at once, and those that come in masses ten in a second', async () => {
  const clock = new VirtualClock();
  const unused = {} as Client;
  const gate = new AdmissionGate({
    client: unused,
    clock,
    nodeName: 'n1',
    operatingSystem: 'linux',
    node: () => undefined,
    pressure: () => [],
    allowedSysctls: [],
    admitted: () => [],
    evict: async () => {},
  });
  const delays = Array.from({ length: 24 }, () => gate.refusalDelayMs());
  expect(delays.filter((delayMs) => delayMs === 0)).toHaveLength(21);
  expect(delays.slice(-3)).toEqual([100, 200, 300]);
  await clock.advance(60_000);
  expect(gate.refusalDelayMs()).toBe(0);
});
