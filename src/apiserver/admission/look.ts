/** How plugins look at the rest of the cluster: an object that may be missing, a list of a kind that may not be served. */
import { isReason } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { ObjectKey, Registry } from '../registry/registry.js';

interface Kind {
  group: string;
  plural: string;
}

/** Frozen; undefined when there is none. */
export async function find<T extends KubeObject>(
  registry: Registry,
  resource: Kind,
  key: ObjectKey,
): Promise<T | undefined> {
  try {
    return await registry.of<T>(resource).get(key);
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

export async function listAll<T extends KubeObject>(
  registry: Registry,
  resource: Kind,
  namespace = '',
): Promise<readonly T[]> {
  if (!registry.scheme.byPlural(resource)) return [];
  return (await registry.of<T>(resource).list({ namespace })).items;
}

/** The class that an annotation marks as the default: of several the newest, and among equals the first by name. */
export function defaultClass<T extends KubeObject>(
  classes: readonly T[],
  annotations: readonly string[],
): T | undefined {
  const marked = classes.filter(({ metadata }) => annotations.some((key) => metadata.annotations?.[key] === 'true'));
  const newestFirst = ({ metadata: a }: T, { metadata: b }: T) => {
    const [left = '', right = ''] = [a.creationTimestamp, b.creationTimestamp];
    if (left !== right) return left > right ? -1 : 1;
    return (a.name ?? '') < (b.name ?? '') ? -1 : 1;
  };
  return marked.sort(newestFirst)[0];
}
