/**
 * The signals of calls in work, all of which abort when the server closes. One controller a call, rather than
 * `AbortSignal.any` with a signal that lives as long as the server: Node 20 keeps a little of each such signal for ever.
 */
import { setMaxListeners } from 'node:events';

export interface CallSignal {
  readonly signal: AbortSignal;
  /** The call has been answered. */
  release(): void;
}

export class CallSignals {
  readonly #open = new Set<AbortController>();
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  /** A signal that aborts with `outer`, the caller's own, or when the server closes. */
  open(outer?: AbortSignal): CallSignal {
    const controller = new AbortController();
    const abort = () => controller.abort();
    if (this.#closed || outer?.aborted) controller.abort();
    this.#open.add(controller);
    // One caller may have many calls in work, each with a listener that goes when it is answered: no leak to warn of.
    if (outer) setMaxListeners(0, outer);
    outer?.addEventListener('abort', abort, { once: true });
    return {
      signal: controller.signal,
      release: () => {
        this.#open.delete(controller);
        outer?.removeEventListener('abort', abort);
      },
    };
  }

  close(): void {
    this.#closed = true;
    for (const controller of this.#open) controller.abort();
  }
}
