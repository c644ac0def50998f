/**
 * The signals of calls in work, all of which abort when the server closes. One controller a call, rather than
 * `AbortSignal.any` with a signal that lives as long as the server: Node 20 keeps a little of each such signal for ever.
 */
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
