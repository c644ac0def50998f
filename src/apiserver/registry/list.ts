/**
 * Lists: of the newest state, of a given revision, or page by page. What `resourceVersion`, `resourceVersionMatch`,
 * `limit` and `continue` mean together: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
import { StatusError } from '#apimachinery/errors.js';
import { Turns } from '#base/turns.js';
import { type Entry, StoreError } from '#storage/store.js';
import { decodeToken, encodeToken, type PageStart } from './continue-token.js';
import { countList } from './read-counts.js';
import { type ResourceContext, readCurrent, statusOfStoreError } from './resource-context.js';
import type { Selection } from './selection.js';
import { openStored, type Stored } from './stored.js';

export interface ListRequest {
  /** '' for all. */
  namespace: string;
  selection: Selection;
  /** '' for the newest state, 0 for any, else by `match` (default: not older than it). */
  resourceVersion: string;
  match?: 'Exact' | 'NotOlderThan';
  /** 0 for no limit. */
  limit: number;
  /** The token of the page before, or ''. */
  continue: string;
}

export interface ListResult {
  items: Stored[];
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

/** Entries that one read of the store asks for when it is not known how many of them are wanted. */
const pageEntriesMin = 500;

export async function listObjects(context: ResourceContext, request: ListRequest): Promise<ListResult> {
  const { resourceVersion: version, limit, selection } = request;
  if (request.continue) {
    const start = decodeToken(request.continue, version);
    await context.cache.ready();
    const isUnchanged = selection.isEverything && context.cache.revision === start.revision;
    // Upstream's tokens end with the revision in the store, also where nothing has changed since.
    return isUnchanged && (await isKept(context))
      ? cachedPage(context, request, start.after)
      : listPage(context, request, start);
  }
  const exact = request.match === 'Exact' || (limit > 0 && version !== '' && version !== '0' && !request.match);
  if (exact) return listPage(context, request, { revision: Number(version), after: undefined });
  const reaching = reachVersion(context, version);
  if (reaching) await reaching;
  if (limit > 0 && version !== '0' && selection.isEverything && (await isKept(context)))
    return cachedPage(context, request, undefined);
  const { items, revision } = await listCache(context, request);
  if (limit === 0 || version === '0' || items.length <= limit) return { items, resourceVersion: String(revision) };
  return listPage(context, request, { revision: undefined, after: undefined });
}

/**
 * Waits until the cache is fresh enough for a read not older than `version`; undefined where it is. Throws 504 for one from
 * the future.
 */
export function reachVersion(context: ResourceContext, version: string): Promise<void> | undefined {
  const { cache, written } = context;
  const needed = version === '0' ? 0 : Math.max(written.revision, Number(version));
  return cache.has(needed) ? undefined : waitForVersion(context, version);
}

async function waitForVersion({ cache, store, written }: ResourceContext, version: string): Promise<void> {
  if (version === '0') {
    await cache.ready();
    return;
  }
  await cache.reach(written.revision);
  const wanted = Number(version || 0);
  if (wanted <= cache.revision) return;
  const current = await store.revision();
  if (wanted > current) throw tooLargeVersion(wanted, { current, retryAfterSeconds: 1 });
}

/** `retryAfterSeconds`: only for a version that may yet come. */
export function tooLargeVersion(
  wanted: number,
  { current, retryAfterSeconds }: { current: number; retryAfterSeconds?: number },
): StatusError {
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  return new StatusError({
    reason: 'Timeout',
    message: `Timeout: Too large resource version: ${wanted}, current: ${current}`,
    details: { causes, retryAfterSeconds },
  });
}

/** From the cache, with the revision that the answer is of. */
export async function listCache(
  context: ResourceContext,
  { namespace, selection }: Pick<ListRequest, 'namespace' | 'selection'>,
): Promise<{ items: Stored[]; revision: number }> {
  const { cache, resource, view, reads } = context;
  const revision = cache.revision;
  const name = selection.fields.exactValue('metadata.name');
  if (name !== undefined && (namespace !== '' || !resource.namespaced)) {
    const one = await readCurrent(context, { namespace, name });
    const items = one && selection.matches(one.object) ? [one] : [];
    countList(reads.cache, { fetched: one ? 1 : 0, returned: items.length });
    return { items, revision: Math.max(revision, cache.revision) };
  }
  const all = cache.list(rangePrefix(context, namespace));
  const viewed = view ? await view.all(all) : all;
  const items = selection.isEverything ? viewed : await chosen(viewed, selection);
  countList(reads.cache, { fetched: all.length, returned: items.length });
  return { items, revision };
}

export function rangePrefix({ prefix, resource }: ResourceContext, namespace: string): string {
  return resource.namespaced && namespace !== '' ? `${prefix}${namespace}/` : prefix;
}

async function chosen(all: Stored[], selection: Selection): Promise<Stored[]> {
  const items: Stored[] = [];
  const turns = new Turns();
  for (const stored of all) {
    if (selection.matches(stored.object)) items.push(stored);
    if (turns.isOver) await turns.next();
  }
  return items;
}

/**
 * A page of what the cache has. Its token is of the cache's revision: as long as nothing of the resource changes, the next
 * pages come from the cache too, and else from the store, which remembers.
 */
async function cachedPage(
  context: ResourceContext,
  { namespace, limit }: ListRequest,
  after: string | undefined,
): Promise<ListResult> {
  const { cache, view, reads } = context;
  const { revision } = cache;
  const prefix = rangePrefix(context, namespace);
  const { values: page, remaining } = cache.page(prefix, {
    after: after === undefined ? undefined : `${prefix}${after}`,
    limit: limit > 0 ? limit : undefined,
  });
  const items = view ? await view.all(page) : page;
  countList(reads.cache, { fetched: page.length, returned: items.length });
  const result = { items, resourceVersion: String(revision) };
  if (remaining === 0) return result;
  const token = encodeToken({ revision, after: page.at(-1)!.key.slice(prefix.length) });
  return { ...result, continue: token, remainingItemCount: remaining };
}

/** Whether the store still remembers the cache's revision, for pages that are asked for after a change. */
async function isKept({ store, cache, prefix }: ResourceContext): Promise<boolean> {
  try {
    await store.get(prefix, { revision: cache.revision });
    return true;
  } catch (error) {
    if (error instanceof StoreError && error.reason === 'compacted') return false;
    throw statusOfStoreError(error);
  }
}

/** From the store, which remembers the revision that the first page was of. */
async function listPage(context: ResourceContext, request: ListRequest, start: PageStart): Promise<ListResult> {
  const counts = { fetched: 0 };
  const result = await storedPage(context, request, { ...start, counts });
  countList(context.reads.store, { ...counts, returned: result.items.length });
  return result;
}

async function storedPage(
  context: ResourceContext,
  request: ListRequest,
  start: PageStart & { counts: { fetched: number } },
): Promise<ListResult> {
  const { namespace, selection, limit } = request;
  const prefix = rangePrefix(context, namespace);
  const items: Stored[] = [];
  const turns = new Turns();
  let { revision } = start;
  let after = start.after === undefined ? undefined : `${prefix}${start.after}`;
  for (;;) {
    const wanted = limit === 0 ? undefined : limit - items.length;
    const pageLimit = wanted && (selection.isEverything ? wanted : Math.max(wanted, pageEntriesMin));
    const page = await readPage(context, { prefix, after, limit: pageLimit, revision, token: request.continue });
    revision = page.revision;
    start.counts.fetched += page.entries.length;
    const result = { items, resourceVersion: String(revision) };
    const opened = await openPage(context, page.entries);
    for (const [index, entry] of page.entries.entries()) {
      const stored = opened[index]!;
      if (selection.isEverything || selection.matches(stored.object)) items.push(stored);
      after = entry.key;
      if (turns.isOver) await turns.next();
      const remaining = page.remaining + page.entries.length - index - 1;
      if (limit === 0 || items.length !== limit || remaining === 0) continue;
      const token = encodeToken({ revision, after: after.slice(prefix.length) });
      return { ...result, continue: token, remainingItemCount: selection.isEverything ? remaining : undefined };
    }
    if (page.remaining === 0) return result;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** The entries of a page; what the cache has of the same revision is not decoded again. */
async function openPage({ cache, form, view }: ResourceContext, entries: readonly Entry[]): Promise<Stored[]> {
  const opened = entries.map((entry) => {
    const cached = cache.get(entry.key);
    return cached?.modified === entry.modified ? cached : openStored(entry, form);
  });
  return view ? view.all(opened) : opened;
}

async function readPage(
  { store }: ResourceContext,
  page: { prefix: string; after?: string; limit?: number; revision?: number; token: string },
) {
  const { prefix, after, limit, revision, token } = page;
  try {
    return await store.range(prefix, { after, limit, revision });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.reason === 'compacted' && token) throw expiredToken(after!.slice(prefix.length));
    if (error.reason === 'future') throw tooLargeVersion(revision!, { current: await store.revision() });
    throw statusOfStoreError(error);
  }
}

/** Clients that can live with an inconsistent list go on with the token that the error carries. */
function expiredToken(after: string): StatusError {
  return new StatusError({
    reason: 'Expired',
    metadata: { continue: encodeToken({ revision: -1, after }) },
    message:
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
      'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
      'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
      'deleted between the time the first chunk was returned and now may show up in the list.',
  });
}
