/** Which ResourceClaims stand behind the entries of a pod. https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/ */
import type { Pod, PodResourceClaim } from '#api/gen/core-v1.js';
import type { ResourceClaim } from '#api/gen/resource-v1.js';

/** null: it was found that no claim is needed; undefined: none is made yet. */
export function claimNameOf({ status }: Pod, { name, resourceClaimName }: PodResourceClaim): string | null | undefined {
  if (resourceClaimName) return resourceClaimName;
  const found = status?.resourceClaimStatuses?.find((one) => one.name === name);
  return found ? (found.resourceClaimName ?? null) : undefined;
}

export function isReservedFor({ metadata }: Pod, { status }: ResourceClaim): boolean {
  return status?.reservedFor?.some(({ uid }) => uid === metadata.uid) ?? false;
}
