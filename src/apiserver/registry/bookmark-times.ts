/**
 * When watches get their bookmarks: about once a minute, and a last time just before their end. Watches share the
 * times: a timer for each of them would be most of what an idle cluster does.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks
 */
import type { Clock, Timer } from '#base/clock.js';
import type { Nudge } from '#storage/watch-cache.js';

const periodMs = 60_000;
const lastBeforeEndMs = 2_000;
/** So that a server with thousands of watches does not tell all of them in one turn. */
const sharersMax = 64;

/** Calls its members once a period. */
interface Beat {
  members: Set<() => void>;
  timer: Timer;
}

/** The times of all watches of a server. */
export class BookmarkTimes {
  readonly #clock: Clock;
  readonly #beats = new Set<Beat>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Of one watch, which ends at `deadlineMs` on the clock's `monotonic`. */
  of(deadlineMs: number): Bookmarks {
    return new Bookmarks(this, { clock: this.#clock, deadlineMs });
  }

  /** Calls `due` once a period, for the first time within one, until the function that it gives is called. */
  join(due: () => void): () => void {
    const beat = [...this.#beats].find(({ members }) => members.size < sharersMax) ?? this.#begin();
    beat.members.add(due);
    return () => {
      if (!beat.members.delete(due) || beat.members.size > 0) return;
      beat.timer.cancel();
      this.#beats.delete(beat);
    };
  }

  #begin(): Beat {
    const members = new Set<() => void>();
    const arm = () =>
      this.#clock.setTimer(periodMs, () => {
        beat.timer = arm();
        for (const due of [...members]) due();
      });
    const beat: Beat = { members, timer: arm() };
    this.#beats.add(beat);
    return beat;
  }
}

/** The bookmarks of one watch. */
export class Bookmarks implements Nudge {
  isDue = false;
  wake: (() => void) | undefined;
  readonly #clock: Clock;
  readonly #last: Timer | undefined;
  readonly #leave: (() => void) | undefined;
  #takenMs: number;

  constructor(times: BookmarkTimes, { clock, deadlineMs }: { clock: Clock; deadlineMs: number }) {
    this.#clock = clock;
    this.#takenMs = clock.monotonic();
    const leftMs = deadlineMs - lastBeforeEndMs - this.#takenMs;
    if (leftMs > 0) this.#last = clock.setTimer(leftMs, () => this.#remind());
    // The shared times say nothing of when a watch began.
    if (leftMs > periodMs)
      this.#leave = times.join(() => {
        if (this.#clock.monotonic() - this.#takenMs >= periodMs / 2) this.#remind();
      });
  }

  /** Whether one is due; it then is no more. */
  take(): boolean {
    if (!this.isDue) return false;
    this.isDue = false;
    this.#takenMs = this.#clock.monotonic();
    return true;
  }

  close(): void {
    this.#last?.cancel();
    this.#leave?.();
  }

  #remind(): void {
    this.isDue = true;
    this.wake?.();
  }
}
