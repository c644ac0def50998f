/**
 * Keeps a local copy of one resource true: lists it, then watches from the list's revision, and lists again when the
 * server no longer knows that revision. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import { isReason, StatusError } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { fraction, type Prng } from '#base/prng.js';
import { Backoff } from './backoff.js';
import type { ResourceClient } from './client.js';
import { TransportError } from './transport.js';

/** Where the reflector puts what it learns; calls come one at a time, in the order of revisions. */
export interface ReflectorSink<T extends KubeObject> {
  /** All objects as of one revision: what is missing here is gone. */
  replace(objects: T[]): void;
  put(object: T): void;
  remove(object: T): void;
}

export interface ReflectorOptions<T extends KubeObject> {
  source: ResourceClient<T>;
  sink: ReflectorSink<T>;
  clock: Clock;
  prng: Prng;
  log: Log;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** `stream`: take the initial objects as watch events (KEP-3157), falling back to a list. Default: `list`. */
  initial?: 'list' | 'stream';
}

/** Objects asked for at once when the server does not answer a list from its cache. */
const pageObjectsMax = 500;
/** A watch is renewed after 5 to 10 minutes, so that one that died silently is noticed. */
const watchSecondsMin = 300;

const initialEventsEnd = 'k8s.io/initial-events-end';

export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #backoff: Backoff;
  #revision = '';
  #revisionGone = false;
  #streaming: boolean;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#streaming = options.initial === 'stream';
    const { clock, prng } = options;
    this.#backoff = new Backoff({
      clock,
      prng,
      initialMs: 800,
      maxMs: 30_000,
      factor: 2,
      jitter: 1,
      resetAfterMs: 120_000,
    });
  }

  /** The revision up to which the copy is known to be complete. */
  get resourceVersion(): string {
    return this.#revision;
  }

  /** Runs until the signal aborts; operating errors are logged and retried for ever. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (!(this.#streaming && (await this.#stream(signal)))) await this.#list(signal);
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof StatusError) && !(error instanceof TransportError)) throw error;
        this.#options.log.warn('list and watch failed', { resource: this.#options.source.ref.plural, err: error });
        await this.#pause(signal);
      }
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(this.#backoff.nextMs(), signal).catch(() => {});
  }

  /** The revision to list from: any the first time, then at least the last one seen, or the newest if that is gone. */
  #listRevision(): string | undefined {
    if (this.#revisionGone) return undefined;
    return this.#revision || '0';
  }

  async #list(signal: AbortSignal): Promise<void> {
    try {
      await this.#listFrom(this.#listRevision(), signal);
    } catch (error) {
      if (!revisionUnavailable(error)) throw error;
      this.#revisionGone = true;
      await this.#listFrom(undefined, signal);
    }
    this.#revisionGone = false;
  }

  async #listFrom(resourceVersion: string | undefined, signal: AbortSignal): Promise<void> {
    const { source, namespace, labelSelector, fieldSelector, sink } = this.#options;
    const selection = { namespace, labelSelector, fieldSelector, signal };
    const cached = resourceVersion !== undefined && resourceVersion !== '0';
    let page = await source.list({ ...selection, resourceVersion, limit: cached ? undefined : pageObjectsMax });
    // All pages are of the first one's revision. One that expires on the way is caught by the caller.
    const revision = page.metadata.resourceVersion ?? '';
    const objects = page.items;
    const all = page.metadata.continue ? [...objects] : objects;
    while (page.metadata.continue) {
      page = await source.list({ ...selection, limit: pageObjectsMax, continue: page.metadata.continue });
      for (const object of page.items) all.push(object);
    }
    sink.replace(all);
    this.#revision = revision;
  }

  /** Gives false when the server cannot stream; the caller then lists. */
  async #stream(signal: AbortSignal): Promise<boolean> {
    const { source, namespace, labelSelector, fieldSelector, sink } = this.#options;
    const stop = new AbortController();
    const objects = new Map<string, T>();
    const events = source.watch({
      namespace,
      labelSelector,
      fieldSelector,
      resourceVersion: this.#revisionGone ? '' : this.#revision,
      resourceVersionMatch: 'NotOlderThan',
      sendInitialEvents: true,
      allowWatchBookmarks: true,
      signal: AbortSignal.any([signal, stop.signal]),
    });
    try {
      for await (const { type, object } of events) {
        if (type === 'DELETED') objects.delete(object.metadata.uid ?? '');
        else if (type !== 'BOOKMARK') objects.set(object.metadata.uid ?? '', object);
        else if (object.metadata.annotations?.[initialEventsEnd] === 'true') {
          sink.replace([...objects.values()]);
          this.#revision = object.metadata.resourceVersion ?? '';
          this.#revisionGone = false;
          return true;
        }
      }
    } catch (error) {
      if (!isReason(error, 'Invalid', 'BadRequest', 'Forbidden', 'Expired', 'Gone')) throw error;
      this.#streaming = isReason(error, 'Expired', 'Gone');
      this.#revisionGone ||= this.#streaming;
    } finally {
      stop.abort();
    }
    return false;
  }

  /** Watches from the last revision, again and again, until it must be listed anew (returns) or fails (throws). */
  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, log, source } = this.#options;
    while (!signal.aborted) {
      const startMs = clock.monotonic();
      try {
        const count = await this.#watchOnce(signal);
        // A server that ends every watch at once would otherwise be asked in a tight loop.
        if (count === 0 && clock.monotonic() - startMs < 1000) await this.#pause(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isReason(error, 'Expired', 'Gone')) {
          log.debug('watch expired, listing again', { resource: source.ref.plural });
          return;
        }
        const retriable = error instanceof TransportError || isReason(error, 'TooManyRequests', 'InternalError');
        if (!retriable) throw error;
        log.debug('watch failed', { resource: source.ref.plural, err: error });
        await this.#pause(signal);
      }
    }
  }

  async #watchOnce(signal: AbortSignal): Promise<number> {
    const { source, namespace, labelSelector, fieldSelector, sink, prng } = this.#options;
    const timeoutSeconds = Math.floor(watchSecondsMin * (1 + fraction(prng)));
    const resourceVersion = this.#revision;
    const selection = { namespace, labelSelector, fieldSelector, resourceVersion, signal };
    let count = 0;
    for await (const event of source.watch({ ...selection, timeoutSeconds, allowWatchBookmarks: true })) {
      if (signal.aborted) break;
      if (event.type === 'DELETED') sink.remove(event.object);
      else if (event.type !== 'BOOKMARK') sink.put(event.object);
      this.#revision = event.object.metadata.resourceVersion ?? this.#revision;
      count++;
    }
    return count;
  }
}

/** The server has forgotten the revision, or has not reached it (it was restored from an older state). */
function revisionUnavailable(error: unknown): boolean {
  if (isReason(error, 'Expired', 'Gone')) return true;
  return (
    isReason(error, 'Timeout') &&
    (error.status.details?.causes ?? []).some((cause) => cause.reason === 'ResourceVersionTooLarge')
  );
}
