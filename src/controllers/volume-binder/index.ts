/** Brings claims and volumes together. https://kubernetes.io/docs/concepts/storage/persistent-volumes/#lifecycle-of-a-volume-and-claim */
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { PersistentVolumeClaim } from '#api/gen/core-v1.js';
import storageClasses from '#api/storage/storageclass.js';
import { keyOf } from '#client/informer.js';
import { defineController, watch } from '../runtime.js';
import { claimsOf, reconcileClaim } from './claim.js';
import { classOf, hasClass } from './match.js';

/** Upstream looks at everything again after so long; a claim that waits is told about again. */
const resyncMs = 15_000;

export default defineController<PersistentVolumeClaim, undefined>({
  name: 'persistent-volume-binder',
  eventSource: 'persistentvolume-controller',
  // One at a time: two claims that look for a volume must not find the same one.
  workers: 1,
  for: claims,
  watches: ({ informers }) => [
    watch(volumes, (volume) => claimsOf(volume, informers.of(claims).list()).map(keyOf)),
    watch(storageClasses, ({ metadata }) =>
      informers
        .of(claims)
        .list()
        .filter((claim) => !claim.spec?.volumeName && (!hasClass(claim) || classOf(claim) === metadata.name))
        .map(keyOf),
    ),
    watch(pods, ({ metadata, spec }, { type }) =>
      type === 'added' && !spec.nodeName
        ? (spec.volumes ?? []).flatMap(({ persistentVolumeClaim }) =>
            persistentVolumeClaim ? [`${metadata.namespace}/${persistentVolumeClaim.claimName}`] : [],
          )
        : [],
    ),
  ],
  async reconcile({ key }, context) {
    const claim = context.informers.of(claims).get(key);
    if (!claim) return undefined;
    await reconcileClaim(claim, context);
    const isSettled = claim.status?.phase === 'Bound' || claim.status?.phase === 'Lost';
    return isSettled ? undefined : { afterMs: resyncMs };
  },
});
