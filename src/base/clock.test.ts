/** Clocks: the machine's holds the process while something waits, the virtual one moves when told and never back. */
import { describe, expect, test, vi } from 'vitest';
import { SystemClock, VirtualClock } from './clock.js';

/** Node leaves timers out that do not keep the process alive. */
const pendingTimers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('the machine clock', () => {
  test('keeps the process alive while a timer is pending, and no longer', () => {
    const clock = new SystemClock();
    const before = pendingTimers();
    const timer = clock.setTimer(60_000, () => {});
    expect(pendingTimers()).toBe(before + 1);
    timer.cancel();
    expect(pendingTimers()).toBe(before);
  });

  test('forgets a sleep that is aborted', async () => {
    const clock = new SystemClock();
    const before = pendingTimers();
    const end = new AbortController();
    const sleeping = clock.sleep(60_000, end.signal);
    end.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    expect(pendingTimers()).toBe(before);
  });

  test('waits longer than Node can at once', () => {
    vi.useFakeTimers();
    try {
      const fire = vi.fn();
      const fortyDaysMs = 40 * 86_400_000;
      new SystemClock().setTimer(fortyDaysMs, fire);
      vi.advanceTimersByTime(fortyDaysMs - 1);
      expect(fire).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(fire).toHaveBeenCalledOnce();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('the virtual clock', () => {
  test('stands still until told, and then fires in order of time, and of setting among equals', async () => {
    const clock = new VirtualClock(1000);
    const fired: [string, number][] = [];
    for (const [name, delayMs] of [
      ['late', 30],
      ['a', 20],
      ['b', 20],
      ['past', -5],
    ] as const)
      clock.setTimer(delayMs, () => fired.push([name, clock.now()]));
    expect([fired, clock.pending, clock.nextInMs]).toEqual([[], 4, 0]);
    await clock.advance(25);
    expect(fired).toEqual([
      ['past', 1000],
      ['a', 1020],
      ['b', 1020],
    ]);
    expect([clock.now(), clock.monotonic(), clock.nextInMs]).toEqual([1025, 25, 5]);
  });

  test('fires timers that others set on the way, at their time', async () => {
    const clock = new VirtualClock(0);
    const fired: number[] = [];
    const again = async () => {
      for (;;) {
        await clock.sleep(10);
        fired.push(clock.now());
      }
    };
    void again();
    await clock.advance(35);
    expect(fired).toEqual([10, 20, 30]);
  });

  test('a cancelled timer does not fire', async () => {
    const clock = new VirtualClock();
    const fire = vi.fn();
    clock.setTimer(10, fire).cancel();
    await clock.advance(20);
    expect([fire.mock.calls.length, clock.pending]).toEqual([0, 0]);
  });

  test('a jump moves wall time alone, forward or back', async () => {
    const clock = new VirtualClock(1000);
    const fire = vi.fn();
    clock.setTimer(10, fire);
    clock.jump(-500);
    expect([clock.now(), clock.monotonic(), fire.mock.calls.length]).toEqual([500, 0, 0]);
    clock.jump(2000);
    await clock.advance(10);
    expect([clock.now(), clock.monotonic(), fire.mock.calls.length]).toEqual([2510, 10, 1]);
  });

  test('two advances at once do not bring it back', async () => {
    const clock = new VirtualClock(0);
    clock.setTimer(10, () => {});
    await Promise.all([clock.advance(10), clock.advance(100)]);
    expect(clock.now()).toBe(100);
  });
});
