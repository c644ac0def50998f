/** The order and timing of the scheduling queue. */
import { expect, test } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { VirtualClock } from '#base/clock.js';
import { defaultPlugins } from './profile.js';
import { SchedulingQueue } from './queue.js';

function setUp() {
  const plugins = defaultPlugins();
  const clock = new VirtualClock();
  return { clock, queue: new SchedulingQueue({ clock, pluginsFor: () => plugins }) };
}

function pod(name: string, spec: Partial<Pod['spec']> = {}): Pod {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, uid: name }, spec: { containers: [], ...spec } };
}

test('gives the highest priority first, and the older of equals', async () => {
  const { clock, queue } = setUp();
  queue.add(pod('first'));
  await clock.advance(1);
  queue.add(pod('second'));
  queue.add(pod('urgent', { priority: 10 }));
  const order = [await queue.pop(), await queue.pop(), await queue.pop()];
  expect(order.map((queued) => queued?.pod.metadata.name)).toEqual(['urgent', 'first', 'second']);
});

test('brings a rejected pod back when an event may help it, after 1, 2, 4, 8 and at most 10 seconds', async () => {
  const { clock, queue } = setUp();
  queue.add(pod('stuck'));
  for (const waitMs of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
    const queued = (await queue.pop())!;
    queue.putBack(queued, new Set(['NodeResourcesFit']));
    queue.moveOn({ event: 'node labels' });
    expect(queue.sizes).toMatchObject({ unschedulable: 1, backoff: 0 });
    queue.moveOn({ event: 'node allocatable' });
    expect(queue.sizes).toMatchObject({ unschedulable: 0, backoff: 1 });
    await clock.advance(waitMs - 1);
    expect(queue.sizes.active).toBe(0);
    await clock.advance(1);
    expect(queue.sizes.active).toBe(1);
  }
});

test('tries an unschedulable pod again after five minutes without any event', async () => {
  const { clock, queue } = setUp();
  queue.add(pod('stuck'));
  queue.putBack((await queue.pop())!, new Set(['NodeResourcesFit']));
  await clock.advance(4 * 60_000);
  expect(queue.sizes.unschedulable).toBe(1);
  await clock.advance(60_000 + 30_000);
  expect(queue.sizes.active).toBe(1);
});

test('keeps a gated pod out until its gates are gone', async () => {
  const { queue } = setUp();
  queue.add(pod('gated', { schedulingGates: [{ name: 'example.com/wait' }] }));
  expect(queue.sizes).toEqual({ active: 0, backoff: 0, unschedulable: 0, gated: 1 });
  queue.add(pod('gated'));
  expect(queue.sizes).toEqual({ active: 1, backoff: 0, unschedulable: 0, gated: 0 });
});

test('forgets a removed pod wherever it waits, and lets go of poppers when closed', async () => {
  const { queue } = setUp();
  queue.add(pod('a'));
  queue.remove('a');
  const popped = queue.pop();
  queue.close();
  expect(await popped).toBeUndefined();
});

test('does not let a pod wait for its back-off while nobody else is ready, unless an error began it', async () => {
  const { clock, queue } = setUp();
  queue.add(pod('stuck'));
  queue.putBack((await queue.pop())!, new Set(['NodeResourcesFit']));
  const next = queue.pop();
  queue.moveOn({ event: 'node allocatable' });
  expect((await next)?.pod.metadata.name).toBe('stuck');
  queue.add(pod('failed'));
  queue.putBack((await queue.pop())!, new Set());
  const later = queue.pop();
  await clock.advance(999);
  expect(queue.sizes.backoff).toBe(1);
  await clock.advance(1);
  expect((await later)?.pod.metadata.name).toBe('failed');
});

test('keeps a pod whose victims are being evicted until that is done, though something has helped it', async () => {
  const { clock, queue } = setUp();
  queue.add(pod('preemptor'));
  queue.putBack((await queue.pop())!, new Set(['NodeResourcesFit']));
  queue.hold('preemptor');
  queue.moveOn({ event: 'assigned pod removed' });
  expect(queue.sizes).toMatchObject({ unschedulable: 1 });
  queue.release('preemptor', { failed: false });
  expect(queue.sizes).toMatchObject({ unschedulable: 0, backoff: 1 });
  await clock.advance(1000);
  expect(queue.sizes.active).toBe(1);
});
