/** Holds back what would be written when it may no longer be: nothing else tells a late write from one in time. */
import { type ApiRequest, type ApiResponse, type Transport, TransportError, type WatchEvent } from './transport.js';

export class FencedTransport implements Transport {
  readonly #inner: Transport;
  readonly #mayWrite: () => boolean;

  constructor(inner: Transport, mayWrite: () => boolean) {
    this.#inner = inner;
    this.#mayWrite = mayWrite;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    if (request.method !== 'GET' && !this.#mayWrite()) throw new TransportError('not sent: another may lead by now');
    return await this.#inner.request(request);
  }

  watch(request: ApiRequest): AsyncIterable<WatchEvent> {
    return this.#inner.watch(request);
  }
}
