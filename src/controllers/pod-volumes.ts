/** The claims that a pod's volumes name, or own: a generic ephemeral volume has one of its own. */
import type { Pod, Volume } from '#api/gen/core-v1.js';

export function claimNames(pod: Pod): string[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    const name = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral && ephemeralClaimName(pod, volume));
    return name ? [name] : [];
  });
}

/** As keys of claims. */
export function claimKeysOf(pod: Pod): string[] {
  return claimNames(pod).map((name) => `${pod.metadata.namespace}/${name}`);
}

/** https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#persistentvolumeclaim-naming */
export function ephemeralClaimName({ metadata }: Pod, { name }: Volume): string {
  return `${metadata.name}-${name}`;
}
