/**
 * Brings objects that a cluster begins with to what they should be, at each start: what is there already costs one list
 * of its kind. Safe to run twice, and beside another API server doing the same.
 */
import type { ResourceRef } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import type { Client } from '#client/client.js';

/** Writes under way at once. */
const writesMax = 32;
/** How often one object is tried again after somebody else wrote it first. */
const attemptsMax = 5;

export interface StartObjects<T extends KubeObject> {
  ref: ResourceRef<T>;
  wanted: readonly T[];
  /** The object as it should be; undefined when it is so; `replace` when it must be made anew. */
  merge: (existing: T, wanted: T) => T | 'replace' | undefined;
  /** Whether an object that is there and not wanted goes. Default: none does. */
  isStale?: (existing: T) => boolean;
  /** Whose fields these are. Default: the user's. */
  fieldManager?: string;
  signal?: AbortSignal;
}

export type StartTask = () => Promise<void>;

/** Writes the objects of a kind; `planObjects` and `runTogether` do the same for several at once. */
export async function bringObjects<T extends KubeObject>(client: Client, kind: StartObjects<T>): Promise<void> {
  await runTogether(await planObjects(client, kind));
}

/** What has to be written. One list tells what is current already, which after the first start is everything. */
export async function planObjects<T extends KubeObject>(client: Client, kind: StartObjects<T>): Promise<StartTask[]> {
  const { items } = await client.of(kind.ref).list({ signal: kind.signal });
  const existing = new Map(items.map((item) => [idOf(item), item]));
  const wanted = new Set(kind.wanted.map(idOf));
  const stale = items.filter((item) => kind.isStale?.(item) && !wanted.has(idOf(item)));
  return [
    ...stale.map((item) => () => remove(client, kind, item)),
    ...kind.wanted.flatMap((one) => {
      const found = existing.get(idOf(one));
      if (found && kind.merge(found, one) === undefined) return [];
      return [() => bring(client, { ...kind, wanted: one, found })];
    }),
  ];
}

export async function runTogether(tasks: readonly StartTask[]): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let task = tasks[next++]; task; task = tasks[next++]) await task();
  };
  await Promise.all(Array.from({ length: Math.min(writesMax, tasks.length) }, worker));
}

async function bring<T extends KubeObject>(
  client: Client,
  {
    ref,
    wanted,
    found,
    merge,
    ...options
  }: Omit<StartObjects<T>, 'wanted' | 'isStale'> & { wanted: T; found: T | undefined },
): Promise<void> {
  const { name = '', namespace } = wanted.metadata;
  const { signal } = options;
  const resource = client.of(ref);
  let current = found;
  for (let attempt = 1; ; attempt++) {
    try {
      const merged = current && merge(current, wanted);
      if (!current) await resource.create(copy(wanted), options);
      else if (merged === 'replace') {
        await resource.delete(name, { namespace, signal });
        await resource.create(copy(wanted), options);
      } else if (merged) await resource.update(merged, options);
      return;
    } catch (error) {
      if (attempt === attemptsMax || !isReason(error, 'AlreadyExists', 'Conflict', 'NotFound')) throw error;
      current = await resource.get(name, { namespace, signal }).catch((missing: unknown) => {
        if (isReason(missing, 'NotFound')) return undefined;
        throw missing;
      });
    }
  }
}

async function remove<T extends KubeObject>(
  client: Client,
  { ref, signal }: Pick<StartObjects<T>, 'ref' | 'signal'>,
  { metadata: { name = '', namespace } }: T,
): Promise<void> {
  await client
    .of(ref)
    .delete(name, { namespace, signal })
    .catch((error: unknown) => {
      if (!isReason(error, 'NotFound')) throw error;
    });
}

function idOf({ metadata: { namespace = '', name = '' } }: KubeObject): string {
  return `${namespace}/${name}`;
}
