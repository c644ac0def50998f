/** Waiting until something holds of the cluster, which is looked at whenever something has changed. */
import type { Clock } from '#base/clock.js';
import { SchedulerError } from './framework.js';

export class Waits {
  readonly #clock: Clock;
  readonly #signal: () => AbortSignal;
  readonly #waiting = new Set<() => void>();

  constructor({ clock, signal }: { clock: Clock; signal: () => AbortSignal }) {
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Throws SchedulerError after the timeout, saying that it is `late`, or what `holds` throws. */
  async until(holds: () => boolean, { timeoutMs, late }: { timeoutMs: number; late: () => string }): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const end = (settle: () => void) => {
        timer.cancel();
        this.#waiting.delete(look);
        settle();
      };
      const look = () => {
        try {
          if (this.#signal().aborted) fail('context canceled');
          else if (holds()) end(resolve);
        } catch (error) {
          end(() => reject(error));
        }
      };
      const fail = (why: string) => end(() => reject(new SchedulerError(why)));
      const timer = this.#clock.setTimer(timeoutMs, () => fail(late()));
      this.#waiting.add(look);
      look();
    });
  }

  look(): void {
    for (const look of [...this.#waiting]) look();
  }
}
