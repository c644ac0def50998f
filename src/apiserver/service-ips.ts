/**
 * Keeps IPAddresses and services of one mind: each address of a service has an IPAddress that names it, and none stays
 * behind for a service that has it not. Admission writes them; here is found what a crash or a person left undone.
 */
import serviceResource from '#api/core/service.js';
import type { Service } from '#api/gen/core-v1.js';
import ipAddressResource from '#api/networking/ipaddress.js';
import { addressOfService, serviceOfAddress } from '#api/networking/service-range.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Client } from '#client/client.js';
import type { InformerFactory } from '#client/informer.js';
import { TransportError } from '#client/transport.js';
import { WorkQueue } from '#client/workqueue.js';

/** An IPAddress is written before its service: so long it may be alone. */
const graceMs = 60_000;
const index = 'cluster address';

export interface ServiceIpOptions {
  client: Client;
  informers: InformerFactory;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}

/** Runs until the signal aborts. */
export async function keepServiceIps(options: ServiceIpOptions): Promise<void> {
  const { informers, clock, signal, log } = options;
  const services = informers.of(serviceResource);
  const addresses = informers.of(ipAddressResource);
  services.addIndex(index, addressesOf);
  const queue = new WorkQueue({ clock, name: 'service_ips' });
  /** Addresses that a service was seen to give up: nobody is about to write it. */
  const released = new Set<string>();
  const release = (service: Service) => {
    for (const address of addressesOf(service)) {
      released.add(address);
      queue.add(address);
    }
  };
  const add = (service: Service) => {
    for (const address of addressesOf(service)) queue.add(address);
  };
  const stops = [
    services.onEvent({
      added: add,
      updated: (service, old) => {
        release(old);
        add(service);
      },
      deleted: release,
    }),
    addresses.onEvent({
      added: ({ metadata }) => queue.add(metadata.name!),
      deleted: ({ metadata }) => queue.add(metadata.name!),
    }),
  ];
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  signal.addEventListener('abort', () => queue.close(), { once: true });
  await Promise.race([Promise.all([services.synced, addresses.synced]), stopped]);
  if (signal.aborted) queue.close();
  for (let address = await queue.next(); address !== undefined; address = await queue.next()) {
    try {
      const afterMs = await reconcile(address, { ...options, isReleased: released.has(address) });
      released.delete(address);
      queue.forget(address);
      if (afterMs > 0) queue.addAfter(address, afterMs);
    } catch (error) {
      if (!(error instanceof StatusError) && !(error instanceof TransportError)) throw error;
      log.debug('an address of a service could not be kept, trying again', { address, err: error });
      queue.addRateLimited(address);
    } finally {
      queue.done(address);
    }
  }
  for (const stop of stops) stop();
}

/** Gives when to look again, 0 for never. */
async function reconcile(
  address: string,
  { client, informers, clock, signal, isReleased }: ServiceIpOptions & { isReleased: boolean },
): Promise<number> {
  const [service] = informers.of(serviceResource).byIndex(index, address);
  const noted = informers.of(ipAddressResource).get(address);
  const parent = noted && serviceOfAddress(noted);
  const store = client.of(ipAddressResource);
  if (service) {
    const { namespace = '', name = '' } = service.metadata;
    if (noted && (!parent || (parent.namespace === namespace && parent.name === name))) return 0;
    if (noted) await remove(store, noted.metadata, signal);
    await store.create(addressOfService(address, { namespace, name }), { signal }).catch(unless('AlreadyExists'));
    return 0;
  }
  if (!noted || !parent) return 0;
  const remainingMs = graceMs - (clock.now() - Date.parse(noted.metadata.creationTimestamp ?? ''));
  if (!isReleased && remainingMs > 0) return remainingMs;
  await remove(store, noted.metadata, signal);
  return 0;
}

async function remove(
  store: ReturnType<typeof storeOf>,
  { name = '', uid }: { name?: string; uid?: string },
  signal: AbortSignal,
): Promise<void> {
  await store.delete(name, { signal, preconditions: { uid } }).catch(unless('NotFound', 'Conflict'));
}

function storeOf(client: Client) {
  return client.of(ipAddressResource);
}

function unless(...reasons: Parameters<typeof isReason>[1][]): (error: unknown) => void {
  return (error) => {
    if (!reasons.some((reason) => isReason(error, reason))) throw error;
  };
}

function addressesOf({ spec }: Service): string[] {
  return (spec?.clusterIPs ?? []).filter((address) => address !== 'None' && address !== '');
}
