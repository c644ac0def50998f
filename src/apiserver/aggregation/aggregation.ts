/** The aggregation layer, put together: who serves what, whether they are there, and what they say of themselves. */
import type { Scheme } from '#api/scheme.js';
import type { Client } from '#client/client.js';
import type { InformerFactory } from '#client/informer.js';
import { Aggregator, type AggregatorOptions } from './aggregator.js';
import { Availability, type AvailabilityOptions } from './availability.js';
import { keepLocalServices } from './local-services.js';
import { RemoteDiscovery } from './remote-discovery.js';
import { RemoteOpenApi } from './remote-openapi.js';

interface AggregationOptions extends Pick<AvailabilityOptions, 'clock' | 'log' | 'onUnavailable'> {
  scheme: Scheme;
}

export class Aggregation {
  readonly aggregator: Aggregator;
  readonly discovery: RemoteDiscovery;
  readonly openApi: RemoteOpenApi;
  readonly #options: AggregationOptions;

  constructor(options: AggregatorOptions & AggregationOptions) {
    this.#options = options;
    this.aggregator = new Aggregator(options);
    const shared = { aggregator: this.aggregator, clock: options.clock, log: options.log };
    this.discovery = new RemoteDiscovery(shared);
    this.openApi = new RemoteOpenApi(shared);
  }

  /** Resolves when what there is has been read; the rest goes on until the signal aborts, which `run` tells. */
  async start(
    { client, informers }: { client: Client; informers: InformerFactory },
    signal: AbortSignal,
  ): Promise<{ run: Promise<void> }> {
    const shared = { ...this.#options, aggregator: this.aggregator, client, informers };
    const availability = new Availability(shared);
    await this.aggregator.follow(informers);
    const work = [
      availability.run(signal),
      this.discovery.run(signal),
      this.openApi.run(signal),
      keepLocalServices(shared, signal),
    ];
    return { run: Promise.all(work).then(() => this.aggregator.close()) };
  }
}
