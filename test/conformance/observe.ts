/** Watches as tests need them: what came is kept, and the next event of a kind is waited for, with a limit. */
import type { KubeObject } from '#apimachinery/object.js';
import type { WatchEvent } from '#client/transport.js';

export interface Expected<T extends KubeObject> {
  type?: WatchEvent['type'];
  /** Default: any object. */
  where?: (object: T) => boolean;
  /** Default: 30 000, of real time. */
  limitMs?: number;
}

export class Observation<T extends KubeObject> {
  /** All that have come, bookmarks aside. */
  readonly events: WatchEvent<T>[] = [];
  readonly #stop = new AbortController();
  #taken = 0;
  #wake: (() => void) | undefined;
  #failure: unknown;
  #ended = false;

  /** Ended by `stop`, or with the signal. */
  constructor(watch: (signal: AbortSignal) => AsyncIterable<WatchEvent<T>>, signal: AbortSignal) {
    void this.#read(watch(AbortSignal.any([signal, this.#stop.signal])));
  }

  /** The first event after the one given last that is as expected; those between are passed over. */
  async next({ type, where = () => true, limitMs = 30_000 }: Expected<T> = {}): Promise<T> {
    const until = performance.now() + limitMs;
    for (;;) {
      while (this.#taken < this.events.length) {
        const event = this.events[this.#taken++]!;
        if ((type === undefined || event.type === type) && where(event.object)) return event.object;
      }
      if (this.#failure) throw this.#failure;
      const leftMs = until - performance.now();
      if (leftMs <= 0 || this.#ended) throw new Error(this.#lacking(type));
      await this.#more(leftMs);
    }
  }

  /** Throws when an event of this type comes within the time. */
  async none({ type, where, limitMs }: Expected<T> & { limitMs: number }): Promise<void> {
    const came = await this.next({ type, where, limitMs }).then(
      (object) => object,
      () => undefined,
    );
    if (came) throw new Error(`an event came that should not: ${type ?? 'any'} ${JSON.stringify(came).slice(0, 500)}`);
  }

  stop(): void {
    this.#stop.abort();
  }

  #lacking(type: string | undefined): string {
    const seen = this.events.map((event) => `${event.type} ${event.object.metadata.name}`).join(', ');
    return `the watch did not bring ${type ?? 'an event'} as expected; it brought: ${seen || 'nothing'}`;
  }

  #more(leftMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, leftMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #read(stream: AsyncIterable<WatchEvent<T>>): Promise<void> {
    try {
      for await (const event of stream) {
        if (event.type === 'BOOKMARK') continue;
        this.events.push(event);
        this.#wake?.();
      }
    } catch (error) {
      this.#failure = error;
    }
    this.#ended = true;
    this.#wake?.();
  }
}
