/**
 * Trouble between a client and the API server, by chance that a seed repeats: requests refused, answers lost, watches cut,
 * late and doubled. A program that survives it here survives it in a cluster.
 */
import { StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import { fnv1a32 } from '#base/fnv.js';
import { below, fraction, type Prng, SeededPrng } from '#base/prng.js';
import {
  type ApiRequest,
  type ApiResponse,
  type Transport,
  TransportError,
  type WatchEvent,
} from '#client/transport.js';

/** Chances, from 0 to 1, and sizes. What is left out does not happen. */
export interface FaultPlan {
  /** That a write is refused with 409 Conflict, undone. */
  conflict?: number;
  /** That a request is refused with 500, 503 or 429, or gets no answer; undone in any case. */
  refused?: number;
  /** That a write is done, and its answer lost. */
  lost?: number;
  /** That a request takes up to `slowMsMax` before it reaches the server. */
  slow?: number;
  /** Default: 2000. */
  slowMsMax?: number;
  /** That a watch ends after an event. */
  cut?: number;
  /** That a watch which goes on from a revision is answered 410 Expired, so that all is listed again. */
  expired?: number;
  /** That an event of a watch, with all that follow it, comes up to `lateMsMax` late. */
  late?: number;
  /** Default: 3000. */
  lateMsMax?: number;
  /** That an event comes twice. */
  doubled?: number;
}

/** A request that the server has carried out, whether or not its answer arrived. */
export interface DoneRequest {
  /** As `between` was told. */
  client: string;
  request: ApiRequest;
  response: ApiResponse;
}

export interface FaultsOptions {
  plan: FaultPlan;
  clock: Clock;
  /** Default: 1. */
  seed?: number;
  onDone?: (done: DoneRequest) => void;
}

export class Faults {
  readonly #options: FaultsOptions;
  readonly #chances = new Map<string, Prng>();
  #isCalm = false;

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  /** From now on all goes well; watches that were cut go on. */
  calm(): void {
    this.#isCalm = true;
  }

  /**
   * A transport with the faults before it. Each name has a chance of its own, so that one client's luck is not another's,
   * and goes on with it where there was a transport of that name before.
   */
  between(client: string, inner: Transport): Transport {
    const { seed = 1, plan, ...options } = this.#options;
    const prng = this.#chances.get(client) ?? new SeededPrng(seed ^ fnv1a32(client));
    this.#chances.set(client, prng);
    const happens = (chance: number | undefined) => fraction(prng) < (chance ?? 0) && !this.#isCalm;
    return new FaultyTransport({ ...options, inner, client, plan, prng, happens });
  }
}

interface FaultyTransportOptions extends FaultsOptions {
  inner: Transport;
  client: string;
  prng: Prng;
  happens: (chance: number | undefined) => boolean;
}

class FaultyTransport implements Transport {
  readonly #options: FaultyTransportOptions;

  constructor(options: FaultyTransportOptions) {
    this.#options = options;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const { inner, client, plan, happens, onDone } = this.#options;
    const isWrite = request.method !== 'GET';
    if (happens(plan.slow)) await this.#pause(plan.slowMsMax ?? 2000, request.signal);
    if (isWrite && happens(plan.conflict)) throw conflict();
    if (happens(plan.refused)) throw this.#refusal();
    const isLost = isWrite && happens(plan.lost);
    const response = await inner.request(request);
    onDone?.({ client, request, response });
    if (isLost) throw new TransportError('the answer was lost');
    return response;
  }

  async *watch(request: ApiRequest): AsyncIterable<WatchEvent> {
    const { inner, plan, happens } = this.#options;
    if (happens(plan.refused)) throw this.#refusal();
    const { resourceVersion = '0' } = request.query ?? {};
    if (resourceVersion !== '0' && happens(plan.expired)) throw expired();
    for await (const event of inner.watch(request)) {
      if (happens(plan.late)) await this.#pause(plan.lateMsMax ?? 3000, request.signal);
      if (request.signal?.aborted) return;
      yield event;
      if (happens(plan.doubled)) yield event;
      if (happens(plan.cut)) return;
    }
  }

  async #pause(msMax: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, prng } = this.#options;
    await clock.sleep(fraction(prng) * msMax, signal).catch(() => {});
  }

  #refusal(): Error {
    const { prng } = this.#options;
    return [
      () => new TransportError('no answer came'),
      () => new StatusError({ reason: 'InternalError', message: 'Internal error occurred: refused by a fault' }),
      () => new StatusError({ reason: 'ServiceUnavailable', message: 'refused by a fault' }),
      () => new StatusError({ reason: 'TooManyRequests', message: 'refused by a fault' }),
    ][below(prng, 4)]!();
  }
}

function conflict(): StatusError {
  const message = 'Operation cannot be fulfilled: the object has been modified by a fault';
  return new StatusError({ reason: 'Conflict', message });
}

function expired(): StatusError {
  return new StatusError({ reason: 'Expired', message: 'too old resource version: forgotten by a fault' });
}
