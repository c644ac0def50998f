import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.js';
import { WorkQueue } from './workqueue.js';

test('a key waits once, and one added during work comes again after it', async () => {
  const queue = new WorkQueue({ clock: new VirtualClock(), name: 'test' });
  queue.add('a');
  queue.add('a');
  queue.add('b');
  expect(queue.depth).toBe(2);
  expect(await queue.next()).toBe('a');
  queue.add('a');
  expect(await queue.next()).toBe('b');
  expect(queue.depth).toBe(0);
  queue.done('a');
  expect(await queue.next()).toBe('a');
  queue.done('a');
  queue.done('b');
  expect(queue.idle).toBe(true);
});

test('failures double the delay of their key from 5 ms, and forget starts afresh', async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue({ clock, name: 'test' });
  for (const delayMs of [5, 10, 20, 40]) {
    queue.addRateLimited('a');
    await clock.advance(delayMs - 1);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(await queue.next()).toBe('a');
    queue.done('a');
  }
  expect(queue.failures('a')).toBe(4);
  queue.forget('a');
  queue.addRateLimited('a');
  expect(clock.nextInMs).toBe(5);
});

test('beyond a burst of 100, failures of all keys together pass at 10 a second', async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue({ clock, name: 'test' });
  for (let key = 0; key < 120; key++) queue.addRateLimited(`k${key}`);
  await clock.advance(5);
  expect(queue.depth).toBe(100);
  await clock.advance(1000);
  expect(queue.depth).toBe(110);
  await clock.advance(1000);
  expect(queue.depth).toBe(120);
});

test('of two delays the shorter counts', async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue({ clock, name: 'test' });
  queue.addAfter('a', 1000);
  queue.addAfter('a', 10);
  queue.addAfter('a', 500);
  await clock.advance(10);
  expect(await queue.next()).toBe('a');
  queue.done('a');
  await clock.advance(2000);
  expect(queue.idle).toBe(true);
});

test('a full queue refuses keys and asks for all of them once it has drained to half', async () => {
  const all = ['a', 'b', 'c', 'd', 'e'];
  const refused: string[] = [];
  const queue = new WorkQueue({
    clock: new VirtualClock(),
    name: 'test',
    keysMax: 2,
    metrics: { refused: () => refused.push('one') },
    refill: () => {
      for (const key of all) if (!seen.has(key)) queue.add(key);
    },
  });
  const seen = new Set<string>();
  for (const key of all) queue.add(key);
  expect(refused).toHaveLength(3);
  while (!queue.idle) {
    const key = (await queue.next())!;
    seen.add(key);
    queue.done(key);
  }
  expect([...seen].sort()).toEqual(all);
});

test('closing frees those who wait and cancels delays', async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue({ clock, name: 'test' });
  const next = queue.next();
  queue.addAfter('a', 10);
  queue.close();
  expect(await next).toBeUndefined();
  expect(clock.pending).toBe(0);
});
