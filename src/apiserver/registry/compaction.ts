/** Forgets old revisions of the store, as upstream's API server does with etcd's (--etcd-compaction-interval). */
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Store } from '#storage/store.js';

const compactionPeriodMs = 5 * 60_000;

/** Keeps the history of one to two periods. Runs until the signal aborts. */
export async function compactPeriodically(
  store: Store,
  { clock, log, signal }: { clock: Clock; log: Log; signal: AbortSignal },
): Promise<void> {
  let forgettable: number | undefined;
  while (!signal.aborted) {
    try {
      await clock.sleep(compactionPeriodMs, signal);
      if (forgettable !== undefined) await store.compact(forgettable);
      forgettable = await store.revision();
    } catch (error) {
      if (!signal.aborted) log.warn('compaction failed', { err: error });
    }
  }
}
