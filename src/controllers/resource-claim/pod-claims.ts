/** Which ResourceClaims a pod uses, and which are made for it. https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/ */
import pods from '#api/core/pod/index.js';
import { claimNameOf, isReservedFor } from '#api/devices/pod-claims.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { ResourceClaim, ResourceClaimTemplate } from '#api/gen/resource-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import { controllerReference } from '../claim.js';
import { isTerminal } from '../pod-state.js';

/** On a claim made for a pod: by which name the pod calls it. */
const podClaimAnnotation = 'resource.kubernetes.io/pod-claim-name';
/** Room for a hyphen and five random characters in a name of 63. */
const baseLengthMax = 57;
const reservationsMax = 256;

/** Its own, or one that the scheduler made for its extended resources. */
export function usesClaims({ spec, status }: Pod): boolean {
  return (spec.resourceClaims?.length ?? 0) > 0 || status?.extendedResourceClaimStatus !== undefined;
}

/** Certain to run no more, or never to run. */
export function isDone(pod: Pod): boolean {
  return isTerminal(pod) || (!!pod.metadata.deletionTimestamp && !pod.spec.nodeName);
}

/** `namespace/name` of all claims that the pod is known to use. */
export function claimKeysOf(pod: Pod): string[] {
  const own = (pod.spec.resourceClaims ?? []).map((one) => claimNameOf(pod, one));
  const names = [...own, pod.status?.extendedResourceClaimStatus?.resourceClaimName];
  return names.flatMap((name) => (name ? [`${pod.metadata.namespace}/${name}`] : []));
}

/** One that was made for the pod, and for what it calls so. */
export function isMadeFor(pod: Pod, claim: ResourceClaim, podClaim?: string): boolean {
  const isOwn = controllerOf(claim)?.uid === pod.metadata.uid;
  return isOwn && (podClaim === undefined || claim.metadata.annotations?.[podClaimAnnotation] === podClaim);
}

export function claimFor(pod: Pod, podClaim: string, { spec }: ResourceClaimTemplate): ResourceClaim {
  const { name: podName = '', namespace } = pod.metadata;
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: {
      generateName: baseNameOf(podName, podClaim),
      namespace,
      labels: spec?.metadata?.labels,
      annotations: { ...spec?.metadata?.annotations, [podClaimAnnotation]: podClaim },
      // It does not keep the pod from going.
      ownerReferences: [{ ...controllerReference(pod, pods), blockOwnerDeletion: undefined }],
    },
    spec: spec?.spec ?? {},
  };
}

/** Of names too long together, each gives up its share. */
function baseNameOf(pod: string, podClaim: string): string {
  const whole = `${pod}-${podClaim}-`;
  if (whole.length <= baseLengthMax) return whole;
  const cut = (text: string) => text.slice(0, Math.trunc((text.length * baseLengthMax) / whole.length));
  return `${cut(pod)}-${cut(podClaim)}`;
}

/** Whether a pod that was bound past the scheduler may use an allocated claim, and does not yet. */
export function isToReserve(pod: Pod, claim: ResourceClaim): boolean {
  const { allocation, reservedFor = [] } = claim.status ?? {};
  return !!allocation && !isReservedFor(pod, claim) && reservedFor.length < reservationsMax;
}
