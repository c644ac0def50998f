/** What stands between the events and a backend: all of several, a limit of size, and batches sent behind the request. */
import type { Event } from '#api/gen/audit-v1.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { AuditSink } from './audit.js';

/** Takes several events at once. False when some could not be stored. */
export interface Backend {
  name: string;
  store(events: readonly Event[]): boolean | Promise<boolean>;
  close(): Promise<void>;
}

/**
 * `batch`: events are kept and stored later; when there are too many they are dropped. `blocking`: the request waits.
 * `blocking-strict`: and is refused when the event of its reception cannot be stored.
 */
export type Mode = 'batch' | 'blocking' | 'blocking-strict';

export interface BatchLimits {
  bufferSize: number;
  batchSizeMax: number;
  batchWaitMs: number;
  throttle?: { perSecond: number; burst: number };
}

export function all(sinks: readonly AuditSink[]): AuditSink {
  return {
    process(event) {
      const answers = sinks.map((sink) => sink.process(event));
      if (!answers.some((answer) => answer instanceof Promise)) return answers.every(Boolean);
      return Promise.all(answers).then((done) => done.every(Boolean));
    },
    async close() {
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}

/** Requests wait for the backend; with `strict`, its failures are theirs. */
export function blocking(backend: Backend, { strict }: { strict: boolean }): AuditSink {
  const judge = (stored: boolean) => stored || !strict;
  return {
    process(event) {
      const stored = backend.store([event]);
      return stored instanceof Promise ? stored.then(judge) : judge(stored);
    },
    close: () => backend.close(),
  };
}

/** Events that are too large lose their objects; those that still are, are dropped. */
export function truncating(sink: AuditSink, { eventBytesMax, log }: { eventBytesMax: number; log: Log }): AuditSink {
  const sizeOf = (event: Event) => Buffer.byteLength(JSON.stringify(event));
  return {
    process(event) {
      if (sizeOf(event) <= eventBytesMax) return sink.process(event);
      const { requestObject: _, responseObject: __, ...rest } = event;
      const short = { ...rest, annotations: { ...event.annotations, 'audit.k8s.io/truncated': 'true' } };
      if (sizeOf(short) <= eventBytesMax) return sink.process(short);
      log.error('audit event is too large even after truncating', { auditID: event.auditID });
      return false;
    },
    close: () => sink.close(),
  };
}

export class Batches implements AuditSink {
  readonly #backend: Backend;
  readonly #limits: BatchLimits;
  readonly #clock: Clock;
  readonly #log: Log;
  #waiting: Event[] = [];
  #dropped = 0;
  #timer: { cancel(): void } | undefined;
  #sending: Promise<void> = Promise.resolve();
  #tokens: number;
  #refilledMs: number;

  constructor(options: { backend: Backend; limits: BatchLimits; clock: Clock; log: Log }) {
    this.#backend = options.backend;
    this.#limits = options.limits;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#tokens = options.limits.throttle?.burst ?? 0;
    this.#refilledMs = options.clock.monotonic();
  }

  process(event: Event): boolean {
    const { bufferSize, batchSizeMax, batchWaitMs } = this.#limits;
    if (this.#waiting.length >= bufferSize) {
      if (this.#dropped++ === 0) this.#log.error('audit events are dropped: the backend does not keep up', {});
      return true;
    }
    this.#waiting.push(event);
    if (this.#waiting.length >= batchSizeMax) this.#flush();
    else this.#timer ??= this.#clock.setTimer(batchWaitMs, () => this.#flush());
    return true;
  }

  async close(): Promise<void> {
    while (this.#waiting.length > 0) {
      this.#flush();
      await this.#sending;
    }
    await this.#sending;
    await this.#backend.close();
  }

  /** One batch after the other, each when the throttle lets it. */
  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#sending = this.#sending.then(async () => {
      const events = this.#waiting.splice(0, this.#limits.batchSizeMax);
      if (events.length === 0) return;
      await this.#turn();
      if (this.#dropped > 0) this.#log.error('audit events were dropped', { count: this.#dropped });
      this.#dropped = 0;
      await this.#backend.store(events);
    });
  }

  async #turn(): Promise<void> {
    const { throttle } = this.#limits;
    if (!throttle) return;
    const { perSecond, burst } = throttle;
    const nowMs = this.#clock.monotonic();
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#refilledMs) / 1000) * perSecond);
    this.#refilledMs = nowMs;
    this.#tokens--;
    if (this.#tokens < 0) await this.#clock.sleep((-this.#tokens / perSecond) * 1000);
  }
}
