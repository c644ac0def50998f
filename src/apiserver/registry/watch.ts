/**
 * Watches: the objects that are there, where the client asks for them, then every change to what it selects. An object
 * that a change moves into the selection is ADDED, one that it moves out is DELETED.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import { StatusError } from '#apimachinery/errors.js';
import { StoreError } from '#storage/store.js';
import type { CacheEvent } from '#storage/watch-cache.js';
import { listCache, rangePrefix, reachVersion } from './list.js';
import { type ResourceContext, statusOfStoreError } from './resource-context.js';
import type { Selection } from './selection.js';
import type { Stored } from './stored.js';

export interface WatchRequest {
  namespace: string;
  selection: Selection;
  /** '' for from now on, 0 for from any state on, else after that version. */
  resourceVersion: string;
  /** undefined: for '' and 0 only, and without a mark at their end. */
  sendInitialEvents?: boolean;
  bookmarks: boolean;
  /** When the watch will be ended, on the clock's `monotonic`; a last bookmark comes just before. */
  deadlineMs: number;
  signal: AbortSignal;
}

export type ResourceEvent =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; stored: Stored }
  | { type: 'BOOKMARK'; revision: number; initialEventsEnd: boolean };

/** Initial events given at once. */
const initialEventsBatch = 256;

/** Ends without an error when the signal aborts. Throws StatusError, `Expired` for a version that is too old. */
export async function* watchObjects(context: ResourceContext, request: WatchRequest): AsyncIterable<ResourceEvent[]> {
  const { cache } = context;
  const { resourceVersion: version, sendInitialEvents: initial, signal } = request;
  try {
    let since = Number(version || 0);
    if (initial ?? since === 0) {
      await reachVersion(context, version);
      const { items, revision } = await listCache(context, request);
      since = revision;
      for (let index = 0; index < items.length; index += initialEventsBatch)
        yield items.slice(index, index + initialEventsBatch).map((stored) => ({ type: 'ADDED', stored }));
      if (initial && request.bookmarks) yield [{ type: 'BOOKMARK', revision, initialEventsEnd: true }];
    } else if (since === 0) {
      await reachVersion(context, version);
      since = cache.revision;
    }
    yield* follow(context, request, since);
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof StoreError ? watchError(error, version, cache.revision) : error;
  }
}

async function* follow(context: ResourceContext, request: WatchRequest, since: number): AsyncIterable<ResourceEvent[]> {
  const { cache } = context;
  const { selection, signal, deadlineMs } = request;
  const prefix = rangePrefix(context, request.namespace);
  const isAll = prefix === context.prefix;
  const bookmarks = request.bookmarks ? context.bookmarks.of(deadlineMs) : undefined;
  try {
    for await (const { events, revision } of cache.watch({ since, signal, nudge: bookmarks })) {
      const out: ResourceEvent[] = [];
      for (const event of context.view ? await context.view.events(events) : events) {
        // A version from the future is waited for in silence.
        if (event.revision <= since) continue;
        const selected = isAll || event.key.startsWith(prefix) ? select(event, selection) : undefined;
        if (selected) out.push(selected);
      }
      if (bookmarks?.take())
        out.push({ type: 'BOOKMARK', revision: Math.max(revision, since), initialEventsEnd: false });
      if (out.length > 0) yield out;
    }
  } finally {
    bookmarks?.close();
  }
}

/** What a change means to someone who sees only selected objects. */
function select(
  { type, value, previous, revision }: CacheEvent<Stored>,
  selection: Selection,
): ResourceEvent | undefined {
  if (type === 'delete') {
    const wanted = selection.isEverything || selection.matches(value.object);
    return wanted ? { type: 'DELETED', stored: value } : undefined;
  }
  if (selection.isEverything) return { type: previous ? 'MODIFIED' : 'ADDED', stored: value };
  const was = previous !== undefined && selection.matches(previous.object);
  const is = selection.matches(value.object);
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', stored: value };
  return was ? { type: 'DELETED', stored: previous.under(revision) } : undefined;
}

function watchError(error: StoreError, version: string, oldest: number): unknown {
  if (error.reason !== 'compacted') return statusOfStoreError(error);
  return new StatusError(
    { reason: 'Expired', message: `too old resource version: ${version} (${oldest})` },
    { cause: error },
  );
}
