/**
 * One copy of controllers and scheduler that can be put to sleep, as a process that is stopped for a while: meanwhile no
 * timer of its fires, and no answer and no event reaches it. When it wakes it goes on where it was, and time has passed.
 */
import { type Clock, SleepingClock, type Timer } from '#base/clock.js';
import type { ApiRequest, ApiResponse, Transport, WatchEvent } from '#client/transport.js';

export class ComponentCopy {
  readonly clock: Clock;
  #isAsleep = false;
  #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.clock = new CopyClock(clock, (act) => this.#whenAwake(act));
  }

  get isAsleep(): boolean {
    return this.#isAsleep;
  }

  sleep(): void {
    this.#isAsleep = true;
  }

  wake(): void {
    this.#isAsleep = false;
    for (const act of this.#waiting.splice(0)) act();
  }

  between(inner: Transport): Transport {
    return new CopyTransport(inner, () => new Promise((resolve) => this.#whenAwake(resolve)));
  }

  #whenAwake(act: () => void): void {
    if (this.#isAsleep) this.#waiting.push(act);
    else act();
  }
}

class CopyClock extends SleepingClock implements Clock {
  readonly #inner: Clock;
  readonly #whenAwake: (act: () => void) => void;

  constructor(inner: Clock, whenAwake: (act: () => void) => void) {
    super();
    this.#inner = inner;
    this.#whenAwake = whenAwake;
  }

  now(): number {
    return this.#inner.now();
  }

  monotonic(): number {
    return this.#inner.monotonic();
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    let isCancelled = false;
    const act = () => {
      if (!isCancelled) fire();
    };
    const timer = this.#inner.setTimer(delayMs, () => this.#whenAwake(act));
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }
}

class CopyTransport implements Transport {
  readonly #inner: Transport;
  readonly #awake: () => Promise<void>;

  constructor(inner: Transport, awake: () => Promise<void>) {
    this.#inner = inner;
    this.#awake = awake;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    await this.#awake();
    try {
      return await this.#inner.request(request);
    } finally {
      await this.#awake();
    }
  }

  async *watch(request: ApiRequest): AsyncIterable<WatchEvent> {
    for await (const event of this.#inner.watch(request)) {
      await this.#awake();
      yield event;
    }
  }
}
