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
