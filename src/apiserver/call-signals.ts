/**
 * The signals of calls in work, all of which abort when the server closes. One a call, rather than `AbortSignal.any` with
 * a signal that lives as long as the server: Node 20 keeps a little of each such signal for ever.
 */
import { setMaxListeners } from 'node:events';
import { LazyAbort } from '#base/lazy-abort.js';

export interface CallSignal {
  readonly signal: AbortSignal;
  /** The call has been answered. */
  release(): void;
}

export class CallSignals {
  readonly #open = new Set<LazyAbort>();
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  /** A signal that aborts with `outer`, the caller's own, or when the server closes. */
  open(outer?: AbortSignal | LazyAbort): CallSignal {
    const call = new LazyAbort();
    if (this.#closed || outer?.aborted) call.abort();
    this.#open.add(call);
    const leave = outer && follow(outer, call);
    return {
      get signal() {
        return call.signal;
      },
      release: () => {
        this.#open.delete(call);
        leave?.();
      },
    };
  }

  close(): void {
    this.#closed = true;
    for (const call of this.#open) call.abort();
  }
}

function follow(outer: AbortSignal | LazyAbort, call: LazyAbort): () => void {
  if (outer instanceof LazyAbort) {
    outer.leads(call);
    return () => outer.leads(undefined);
  }
  const abort = () => call.abort();
  // One caller may have many calls in work, each with a listener that goes when it is answered: no leak to warn of.
  setMaxListeners(0, outer);
  outer.addEventListener('abort', abort, { once: true });
  return () => outer.removeEventListener('abort', abort);
}
