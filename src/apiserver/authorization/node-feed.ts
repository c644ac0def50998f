/** Keeps a NodeAuthorizer's knowledge equal to what is stored, through informers. */
import persistentVolumeResource from '#api/core/persistentvolume/index.js';
import podResource from '#api/core/pod/index.js';
import type { ResourceSlice } from '#api/gen/resource-v1.js';
import type { ResourceRef } from '#api/resource.js';
import type { Scheme } from '#api/scheme.js';
import volumeAttachmentResource from '#api/storage/volumeattachment.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { InformerFactory } from '#client/informer.js';
import type { NodeAuthorizer } from './node.js';

/** Resolves when all that is there has been seen. */
export async function feedNodeAuthorizer(
  authorizer: NodeAuthorizer,
  { informers, scheme }: { informers: InformerFactory; scheme: Scheme },
): Promise<void> {
  const slices = scheme.byPlural({ group: 'resource.k8s.io', plural: 'resourceslices' });
  const follow = async <T extends KubeObject>(
    resource: ResourceRef<T> | undefined,
    set: (key: { namespace: string; name: string }, object: T | undefined) => void,
  ) => {
    if (!resource || !scheme.byPlural(resource)) return;
    const informer = informers.of(resource);
    const keyOf = ({ metadata: { namespace = '', name = '' } }: T) => ({ namespace, name });
    informer.onEvent({
      added: (object) => set(keyOf(object), object),
      updated: (object) => set(keyOf(object), object),
      deleted: (object) => set(keyOf(object), undefined),
    });
    await informer.synced;
  };
  await Promise.all([
    follow(podResource, authorizer.setPod.bind(authorizer)),
    follow(persistentVolumeResource, authorizer.setVolume.bind(authorizer)),
    follow(volumeAttachmentResource, authorizer.setAttachment.bind(authorizer)),
    follow(slices as ResourceRef<ResourceSlice> | undefined, authorizer.setSlice.bind(authorizer)),
  ]);
}
