/** Addresses of pods on simulated nodes: each is of its node's range, and one pod's at a time. */
import type { Clock } from '#base/clock.js';
import { RuntimeError } from '#kubelet/runtime/runtime.js';
import { addressOf, prefixLength } from '#network/cidr.js';

export interface SimulatedAddressesOptions {
  clock: Clock;
  /** Undefined while the node has none. */
  rangeOf: (nodeName: string) => string | undefined;
}

/** As a network plugin does that is not told its node's range yet. */
const waitMs = 5000;
const lookMs = 100;

export class SimulatedAddresses {
  readonly #options: SimulatedAddressesOptions;
  readonly #pools = new Map<string, AddressPool>();
  /** By address. */
  readonly #given = new Map<string, AddressPool>();

  constructor(options: SimulatedAddressesOptions) {
    this.#options = options;
  }

  /** Throws RuntimeError when the node has no range, or the range no address left. */
  async take(nodeName: string): Promise<string> {
    const pool = this.#poolOf(await this.#rangeOf(nodeName));
    const address = pool.take();
    this.#given.set(address, pool);
    return address;
  }

  give(address: string): void {
    this.#given.get(address)?.give(address);
    this.#given.delete(address);
  }

  async #rangeOf(nodeName: string): Promise<string> {
    const { clock, rangeOf } = this.#options;
    for (let waitedMs = 0; ; waitedMs += lookMs) {
      const range = rangeOf(nodeName);
      if (range) return range;
      if (waitedMs >= waitMs) throw new RuntimeError('failed', `node "${nodeName}" pod cidr not assigned`);
      await clock.sleep(lookMs);
    }
  }

  #poolOf(range: string): AddressPool {
    let pool = this.#pools.get(range);
    if (!pool) this.#pools.set(range, (pool = new AddressPool(range)));
    return pool;
  }
}

/** The range's own address, the gateway's and the last are nobody's. */
class AddressPool {
  readonly #range: string;
  readonly #returned: string[] = [];
  #next = 2;

  constructor(range: string) {
    this.#range = range;
  }

  take(): string {
    const returned = this.#returned.shift();
    if (returned !== undefined) return returned;
    if (this.#next >= 2 ** (32 - prefixLength(this.#range)) - 1)
      throw new RuntimeError('failed', `no IP addresses available in range set: ${this.#range}`);
    return addressOf(this.#range, this.#next++);
  }

  give(address: string): void {
    this.#returned.push(address);
  }
}
