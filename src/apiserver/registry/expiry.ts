/** Deletes what its definition lets live for a while only: events, as upstream's --event-ttl does by leases of etcd. */
import type { AnyResource } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Entry, Store } from '#storage/store.js';

const sweepPeriodMs = 60_000;
/** Objects looked at before other work gets a turn. */
const pageSize = 200;

export interface ExpiryOptions {
  /** Asked at each sweep: resources come and go. */
  resources: () => Iterable<AnyResource>;
  prefixOf: (resource: AnyResource) => string;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}

type StoreFor = (resource: AnyResource) => Store;

/** Runs until the signal aborts. */
export async function expirePeriodically(storeFor: StoreFor, options: ExpiryOptions): Promise<void> {
  const { clock, log, signal } = options;
  while (!signal.aborted) {
    try {
      await clock.sleep(sweepPeriodMs, signal);
      await sweep(storeFor, options);
    } catch (error) {
      if (!signal.aborted) log.warn('expired objects could not be removed', { err: error });
    }
  }
}

async function sweep(storeFor: StoreFor, { resources, prefixOf, clock, signal }: ExpiryOptions): Promise<void> {
  for (const resource of resources()) {
    const { lifeMs } = resource;
    if (!lifeMs || resource.storedAs) continue;
    const prefix = prefixOf(resource);
    const store = storeFor(resource);
    let after: string | undefined;
    do {
      const { entries, remaining } = await store.range(prefix, { after, limit: pageSize });
      for (const entry of entries) {
        // An update meanwhile gives it a new life: the deletion then does not apply.
        if (lastWrittenMs(entry) + lifeMs <= clock.now()) await store.delete(entry.key, entry.modified);
      }
      after = remaining > 0 ? entries.at(-1)!.key : undefined;
      await new Promise((resolve) => setImmediate(resolve));
    } while (after !== undefined && !signal.aborted);
  }
}

/** Every write that changes something leaves its time in managedFields. */
function lastWrittenMs({ value }: Entry): number {
  const { metadata } = JSON.parse(Buffer.from(value).toString()) as KubeObject;
  const times = (metadata.managedFields ?? []).map(({ time }) => time);
  return Math.max(...[metadata.creationTimestamp, ...times].map((time) => (time ? Date.parse(time) : 0)));
}
