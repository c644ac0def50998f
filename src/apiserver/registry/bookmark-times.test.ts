import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.js';
import { BookmarkTimes } from './bookmark-times.js';

const minuteMs = 60_000;

function setUp() {
  const clock = new VirtualClock();
  const times = new BookmarkTimes(clock);
  /** A watch that takes each bookmark at once, and notes when. */
  const watch = (lengthMs: number) => {
    const bookmarks = times.of(clock.monotonic() + lengthMs);
    const taken: number[] = [];
    bookmarks.wake = () => {
      if (bookmarks.take()) taken.push(clock.monotonic() / 1000);
    };
    return { bookmarks, taken };
  };
  return { clock, watch };
}

test('a watch has a bookmark a minute, and one two seconds before its end', async () => {
  const { clock, watch } = setUp();
  const { taken } = watch(2.5 * minuteMs);
  await clock.advance(2.5 * minuteMs);
  expect(taken).toEqual([60, 120, 148]);
});

test('a short watch has one only, and one of a moment none', async () => {
  const { clock, watch } = setUp();
  watch(10 * minuteMs);
  await clock.advance(55_000);
  const [short, moment] = [watch(minuteMs), watch(2000)];
  await clock.advance(minuteMs);
  expect([short.taken, moment.taken]).toEqual([[113], []]);
});

test('watches share their times, and none is told when it has just begun', async () => {
  const { clock, watch } = setUp();
  const first = watch(10 * minuteMs);
  await clock.advance(20_000);
  const second = watch(10 * minuteMs);
  await clock.advance(35_000);
  const third = watch(10 * minuteMs);
  await clock.advance(70_000);
  expect([first.taken, second.taken, third.taken]).toEqual([[60, 120], [60, 120], [120]]);
});

test('sixty-four share a time, and the last of them to leave takes it away', async () => {
  const { clock, watch } = setUp();
  const watches = Array.from({ length: 65 }, () => watch(10 * minuteMs));
  // One for the end of each, and two times.
  expect(clock.pending).toBe(65 + 2);
  for (const { bookmarks } of watches) bookmarks.close();
  expect(clock.pending).toBe(0);
});
