/**
 * Cluster addresses of services: taken from the range of the API server and those of ServiceCIDRs, each noted in an
 * IPAddress before the service is written. What is left behind by a write that comes to nothing, `service-ips.ts` finds.
 */
import serviceResource from '#api/core/service.js';
import type { Service } from '#api/gen/core-v1.js';
import type { IPAddress, ServiceCIDR } from '#api/gen/networking-v1.js';
import ipAddressResource from '#api/networking/ipaddress.js';
import {
  addressOfService,
  defaultRangeName,
  isRangeReady,
  type ServiceName,
  serviceOfAddress,
} from '#api/networking/service-range.js';
import serviceCidrResource from '#api/networking/servicecidr.js';
import { parseAddress } from '#apimachinery/addresses.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import type { Prng } from '#base/prng.js';
import { ownWrite } from '../../registry/own-write.js';
import type { Registry } from '../../registry/registry.js';
import { Allocator } from './allocator.js';
import { type AddressRange, band, parseRange } from './range.js';

/** Draws that meet an address which another server, or a person, has noted meanwhile. */
const collisionsMax = 8;
/** After this time an address whose service is nowhere to be seen is nobody's. */
const graceMs = 60_000;
const smallestBits = 30;
/** Of those forgotten, the next owner has to wait until the IPAddress has gone. */
const freedMax = 10_000;

export interface ClusterAddressOptions {
  registry: () => Registry;
  clock: Clock;
  prng: Prng;
  serviceRange: string;
}

interface Pool {
  range: AddressRange;
  allocator: Allocator;
}

type Outcome = 'taken' | 'had' | 'refused' | 'outside';

export class ClusterAddresses {
  readonly #options: ClusterAddressOptions;
  /** By the text of the range. */
  readonly #pools = new Map<string, Pool>();
  /** Addresses of services that were deleted here, free again before their IPAddresses have gone. */
  readonly #freed = new Set<string>();

  /** Throws a TypeError for a range that is none. */
  constructor(options: ClusterAddressOptions) {
    this.#options = options;
    this.#poolOf(options.serviceRange);
  }

  /** An address that nobody has; undefined when all ranges are full. */
  async draw(owner: ServiceName, { dryRun }: { dryRun: boolean }): Promise<string | undefined> {
    for (const { range, allocator } of await this.#readyPools())
      for (let attempt = 0; attempt < collisionsMax; attempt++) {
        const number = await allocator.draw(keyOf(owner), { dryRun });
        if (number === undefined) break;
        const address = range.addressOf(number);
        // One that turns out to be somebody's stays held, so that the next draw gives another.
        if (dryRun || (await this.#note(address, owner))) return address;
      }
    return undefined;
  }

  async take(address: string, owner: ServiceName, { dryRun }: { dryRun: boolean }): Promise<Outcome> {
    for (const { range, allocator } of await this.#readyPools()) {
      const number = range.numberOf(address);
      if (number === undefined) continue;
      const outcome = await allocator.take(number, keyOf(owner), { dryRun });
      if (outcome !== 'taken' || dryRun || (await this.#note(address, owner))) return outcome;
      allocator.release(number, keyOf(owner));
      return 'refused';
    }
    return 'outside';
  }

  /** Gives back what was taken for a write that did not happen. */
  release(address: string, owner: ServiceName): void {
    for (const { range, allocator } of this.#pools.values()) {
      const number = range.numberOf(address);
      if (number !== undefined) allocator.release(number, keyOf(owner));
    }
    this.#free(address);
    this.#forget(address, owner).catch((error: unknown) => {
      // What stays is found later, as after a crash.
      if (!(error instanceof StatusError)) throw error;
    });
  }

  /** The address's owner is being deleted. */
  doubt(address: string): void {
    this.#free(address);
    for (const { range, allocator } of this.#pools.values()) {
      const number = range.numberOf(address);
      if (number !== undefined) allocator.doubt(number);
    }
  }

  /** The configured range first: it has a ServiceCIDR, but also serves before that is made. */
  async #readyPools(): Promise<Pool[]> {
    const { items } = await this.#options.registry().of<ServiceCIDR>(serviceCidrResource).list();
    const own = items.find(({ metadata }) => metadata.name === defaultRangeName);
    const texts = new Set(!own || isRangeReady(own) ? [parseRange(this.#options.serviceRange).text] : []);
    for (const item of items)
      if (isRangeReady(item)) for (const cidr of item.spec?.cidrs ?? []) if (isUsable(cidr)) texts.add(cidr);
    for (const text of this.#pools.keys()) if (!texts.has(text)) this.#pools.delete(text);
    return [...texts].map((text) => this.#poolOf(text));
  }

  #poolOf(text: string): Pool {
    const range = parseRange(text);
    const known = this.#pools.get(range.text);
    if (known) return known;
    const { size } = range;
    const { clock, prng } = this.#options;
    const staticBand = band(size, { least: 16, divisor: 16, most: 256 });
    const allocator = new Allocator({ size, staticBand, clock, prng, held: () => this.#held(range) });
    const pool = { range, allocator };
    this.#pools.set(range.text, pool);
    return pool;
  }

  /** What services have, and what others have noted. An address that was noted for a service which has it not, is free. */
  async #held(range: AddressRange): Promise<{ owner: string; number: number }[]> {
    const registry = this.#options.registry();
    const services = (await registry.of<Service>(serviceResource).list()).items;
    const addresses = (await registry.of<IPAddress>(ipAddressResource).list()).items;
    const held = services.flatMap(({ metadata: { namespace = '', name = '' }, spec }) =>
      (spec?.clusterIPs ?? []).map((address) => ({ owner: keyOf({ namespace, name }), address })),
    );
    for (const one of addresses)
      if (!serviceOfAddress(one)) held.push({ owner: `IPAddress ${one.metadata.name}`, address: one.metadata.name! });
    return held.flatMap(({ owner, address }) => {
      const number = range.numberOf(address);
      return number === undefined ? [] : [{ owner, number }];
    });
  }

  /** Writes the IPAddress; false when the address is somebody else's. */
  async #note(address: string, owner: ServiceName): Promise<boolean> {
    const store = this.#options.registry().of<IPAddress>(ipAddressResource);
    for (let attempt = 0; ; attempt++) {
      try {
        await store.create(addressOfService(address, owner), ownWrite);
        this.#freed.delete(address);
        return true;
      } catch (error) {
        if (!isReason(error, 'AlreadyExists')) throw error;
        if (attempt > 0 || !(await this.#isStale(address, owner))) return false;
        await this.#forget(address);
      }
    }
  }

  async #isStale(address: string, owner: ServiceName): Promise<boolean> {
    const registry = this.#options.registry();
    const noted = await unlessMissing(registry.of<IPAddress>(ipAddressResource).get({ namespace: '', name: address }));
    if (!noted) return true;
    const parent = serviceOfAddress(noted);
    if (!parent) return false;
    if (keyOf(parent) === keyOf(owner)) return true;
    const service = await unlessMissing(registry.of<Service>(serviceResource).get(parent));
    if (service?.spec?.clusterIPs?.includes(address)) return false;
    const ageMs = this.#options.clock.now() - Date.parse(noted.metadata.creationTimestamp ?? '');
    return this.#freed.has(address) || ageMs > graceMs;
  }

  /** Deletes the IPAddress, where it is this owner's; one that somebody makes meanwhile stays. */
  async #forget(address: string, owner?: ServiceName): Promise<void> {
    const key = { namespace: '', name: address };
    const store = this.#options.registry().of<IPAddress>(ipAddressResource);
    const noted = await unlessMissing(store.get(key));
    const parent = noted && serviceOfAddress(noted);
    if (!noted || (owner && (!parent || keyOf(parent) !== keyOf(owner)))) return;
    const { uid } = noted.metadata;
    await unlessMissing(store.delete(key, uid ? { preconditions: { uid } } : {}, ownWrite));
  }

  #free(address: string): void {
    this.#freed.add(address);
    if (this.#freed.size <= freedMax) return;
    const [oldest] = this.#freed;
    if (oldest) this.#freed.delete(oldest);
  }
}

function isUsable(cidr: string): boolean {
  const [address = '', length = ''] = cidr.split('/');
  return parseAddress(address)?.family === 4 && Number(length) <= smallestBits;
}

function keyOf({ namespace, name }: ServiceName): string {
  return `${namespace}/${name}`;
}

/** Undefined when it is not there, or another by its name is. */
async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isReason(error, 'NotFound', 'Conflict')) return undefined;
    throw error;
  }
}
