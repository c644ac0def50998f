import { expect, it } from 'vitest';
import { inTurns, Pace, SharedTurns, type Steps, turnsFor, withoutTurns } from './turns.js';

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
  expect(
    await turnsDuring(async () => expect(await inTurns(busy(4, 10), turnsFor(1 << 20))).toBe(4)),
  ).toBeGreaterThanOrEqual(3);
  expect(await turnsDuring(async () => expect(await inTurns(busy(4, 0), turnsFor(1 << 20))).toBe(4))).toBe(0);
  expect(await turnsDuring(async () => expect(await inTurns(busy(4, 10), turnsFor(1000))).toBe(4))).toBe(0);
});

it('shares a turn among many small pieces of work, each in the order of asking', async () => {
  const shared = new SharedTurns();
  const done: number[] = [];
  const work = async (index: number, stepMs: number) => {
    await shared.next();
    await Promise.resolve();
    for (const _ of busy(1, stepMs));
    done.push(index);
  };
  const all = (stepMs: number) => Promise.all(Array.from({ length: 6 }, (_, index) => work(index, stepMs)));
  expect(await turnsDuring(() => all(5))).toBeGreaterThanOrEqual(6);
  expect(done).toEqual([0, 1, 2, 3, 4, 5]);
  const timed = withoutTurns();
  expect(await turnsDuring(() => all(5))).toBe(0);
  timed();
});

it('lets a stream rest between writes where many are written to, and never where few are', async () => {
  const pace = new Pace();
  const alone = pace.begin();
  expect([alone.rest(), alone.rest()]).toEqual([undefined, undefined]);
  const many = Array.from({ length: 40 }, () => pace.begin());
  const [first] = many;
  expect(first!.rest()).toBe(undefined);
  const startMs = performance.now();
  await first!.rest();
  expect(performance.now() - startMs).toBeGreaterThan(3);
  const order: number[] = [];
  const twice = async (stream: ReturnType<Pace['begin']>, index: number) => {
    stream.rest(); // the first write, before which it was quiet
    await stream.rest();
    order.push(index);
  };
  await Promise.all(many.slice(1).map(twice));
  expect(order).toEqual(many.slice(1).map((_, index) => index));
  for (const stream of many) stream.end();
  expect(alone.rest()).toBe(undefined);
});
