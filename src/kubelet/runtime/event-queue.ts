/** Events on their way to one reader: bounded, since the reader also lists anew. */
import type { RuntimeEvent } from './runtime.js';

/** Events beyond this many are dropped. */
export const eventQueueMax = 10_000;

export class EventQueue {
  #events: RuntimeEvent[] = [];
  #wake: () => void = () => {};

  push(event: RuntimeEvent): void {
    if (this.#events.length < eventQueueMax) this.#events.push(event);
    this.#wake();
  }

  /** Yields what was pushed, and returns once the signal aborts. */
  async *read(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake, { once: true });
    try {
      while (!signal.aborted) {
        const waiting = this.#events;
        this.#events = [];
        for (const event of waiting) {
          if (signal.aborted) return;
          yield event;
        }
        if (signal.aborted || this.#events.length > 0) continue;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }
}
