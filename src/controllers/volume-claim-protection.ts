/**
 * Lets a claim that is being deleted go once no pod uses it.
 * https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
 */
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { PersistentVolumeClaim, Pod } from '#api/gen/core-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import { claimNames, ephemeralClaimName } from './pod-volumes.js';
import { keepWhileUsed } from './protection.js';
import { defineController, watch } from './runtime.js';

const finalizer = 'kubernetes.io/pvc-protection';

export default defineController<PersistentVolumeClaim, undefined>({
  name: 'pvc-protection-controller',
  for: claims,
  watches: () => [watch(pods, (pod) => claimNames(pod).map((name) => `${pod.metadata.namespace}/${name}`))],
  async reconcile({ key, namespace }, { client, informers }) {
    const claim = informers.of(claims).get(key);
    if (!claim) return undefined;
    const uses = (pod: Pod) => isUser(pod, claim);
    await keepWhileUsed(claim, {
      finalizer,
      store: client.of(claims),
      isUsed: async () => {
        if (informers.of(pods).inNamespace(namespace).some(uses)) return true;
        // The copy may lag behind: what is about to go for good is looked for once more.
        return (await client.of(pods).list({ namespace })).items.some(uses);
      },
    });
    return undefined;
  },
});

/** Before a pod has a node nobody has begun to use its volumes, and nobody will when the claim is going. */
function isUser(pod: Pod, { metadata }: PersistentVolumeClaim): boolean {
  if (!pod.spec?.nodeName) return false;
  const isStopped = pod.metadata.deletionTimestamp !== undefined && pod.metadata.deletionGracePeriodSeconds === 0;
  return (pod.spec.volumes ?? []).some((volume) => {
    if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim.claimName === metadata.name;
    if (!volume.ephemeral || isStopped || ephemeralClaimName(pod, volume) !== metadata.name) return false;
    return controllerOf({ apiVersion: '', kind: '', metadata })?.uid === pod.metadata.uid;
  });
}
