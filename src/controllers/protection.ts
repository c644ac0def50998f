/** What the controllers that protect storage in use have in common: a finalizer, there until nobody uses the object. */
import { isReason } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { ResourceClient } from '#client/client.js';

export async function keepWhileUsed<T extends KubeObject>(
  object: T,
  {
    finalizer,
    store,
    isUsed,
  }: { finalizer: string; store: ResourceClient<T>; isUsed: () => boolean | Promise<boolean> },
): Promise<void> {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  const isThere = finalizers.includes(finalizer);
  const isWanted = !deletionTimestamp || (isThere && (await isUsed()));
  if (isWanted === isThere || (deletionTimestamp && !isThere)) return;
  const kept = isWanted ? [...finalizers, finalizer] : finalizers.filter((one) => one !== finalizer);
  try {
    await store.update({ ...object, metadata: { ...object.metadata, finalizers: kept } });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
