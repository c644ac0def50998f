import { expect, it } from 'vitest';
import { atOnce, inTurns, type Steps } from './turns.js';

function* busy(steps: number, stepMs: number): Steps<number> {
  for (let step = 0; step < steps; step++) {
    for (const endMs = performance.now() + stepMs; performance.now() < endMs; );
    yield;
  }
  return steps;
}

async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = () => {
    if (isOver) return;
    turns++;
    setImmediate(count);
  };
  setImmediate(count);
  await work();
  isOver = true;
  return turns;
}

it('gives turns to others while long work goes on, and none within short work', async () => {
  expect(await turnsDuring(async () => expect(await inTurns(busy(4, 10))).toBe(4))).toBeGreaterThanOrEqual(3);
  expect(await turnsDuring(async () => expect(await inTurns(busy(4, 0))).toBe(4))).toBe(0);
  expect(await turnsDuring(async () => expect(atOnce(busy(4, 10))).toBe(4))).toBe(0);
});
