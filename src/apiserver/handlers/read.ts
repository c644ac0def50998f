/** GET of one object, of a collection, and of a collection's changes. */
import type { Answer } from '../call.js';
import type { ResourceEvent } from '../registry/watch.js';
import { apiVersionOf, type HandlerContext, keyOf } from './context.js';
import { checkVersion, readList } from './options.js';

/** A watch without timeoutSeconds lasts this long, and up to as long again (upstream's --min-request-timeout). */
const watchSecondsMin = 1800;

export async function getOne(context: HandlerContext): Promise<Answer> {
  const { store, resource, info } = context;
  const version = info.query.get('resourceVersion') ?? '';
  checkVersion(version, { list: false });
  return { type: 'stored', code: 200, resource, stored: await store.read(keyOf(context), version) };
}

export async function list(context: HandlerContext): Promise<Answer> {
  const { store, resource } = context;
  const { items, ...metadata } = await store.page(readList(context, { watch: false }));
  return { type: 'list', resource, version: apiVersionOf(context), items, metadata };
}

export async function watch(context: HandlerContext): Promise<Answer> {
  const { store, resource, clock, prng } = context;
  const { timeoutSeconds, allowWatchBookmarks, ...request } = readList(context, { watch: true });
  const seconds = timeoutSeconds || watchSecondsMin * (1 + prng.uint32() / 2 ** 32);
  const end = new AbortController();
  const timer = clock.setTimer(seconds * 1000, () => end.abort());
  const { signal } = context.call;
  signal.addEventListener('abort', () => end.abort(), { once: true });
  if (signal.aborted) end.abort();
  const events = store.watch({
    ...request,
    bookmarks: allowWatchBookmarks,
    deadlineMs: clock.monotonic() + seconds * 1000,
    signal: end.signal,
  });
  return { type: 'watch', resource, version: apiVersionOf(context), events: finishing(events, () => timer.cancel()) };
}

async function* finishing(events: AsyncIterable<ResourceEvent[]>, finish: () => void): AsyncIterable<ResourceEvent[]> {
  try {
    yield* events;
  } finally {
    finish();
  }
}
