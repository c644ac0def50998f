import { expect, it } from 'vitest';
import { stepFor } from './ttl.js';

it('goes to the next step above its most nodes, and back only below its fewest', () => {
  expect([stepFor(100, 0), stepFor(101, 0), stepFor(95, 1), stepFor(89, 1)]).toEqual([0, 1, 1, 0]);
  expect([stepFor(5000, 0), stepFor(1800, 4), stepFor(3, 4)]).toEqual([4, 4, 0]);
});
