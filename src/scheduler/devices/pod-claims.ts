/** Which claims a pod uses, and whether it may be scheduled with them. */
import { isExtendedResource } from '#api/core/pod/resources.js';
import { claimNameOf } from '#api/devices/pod-claims.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { AllocatedDeviceStatus, ResourceClaim } from '#api/gen/resource-v1.js';
import { controllerOf } from '#apimachinery/object.js';
import { podRequests } from '../resources.js';
import type { DeviceView } from './view.js';

/** By what a pod may ask for devices of a class without a claim: this, and the class's name. */
export const classResourcePrefix = 'deviceclass.resource.kubernetes.io/';

/** Whether anything about devices may concern the pod. */
export function mayWantDevices(pod: Pod): boolean {
  if (pod.spec.resourceClaims?.length) return true;
  for (const name of podRequests(pod).requested.scalars.keys()) if (isDeviceResource(name)) return true;
  return false;
}

export function isDeviceResource(name: string): boolean {
  return isExtendedResource(name) || name.startsWith(classResourcePrefix);
}

/** Gives a text when the pod has to wait. */
export function podClaims(pod: Pod, view: Pick<DeviceView, 'claim'>): ResourceClaim[] | string {
  const { namespace = '', name: podName } = pod.metadata;
  const claims: ResourceClaim[] = [];
  for (const podClaim of pod.spec.resourceClaims ?? []) {
    const name = claimNameOf(pod, podClaim);
    if (name === undefined) return `pod "${namespace}/${podName}": ResourceClaim not created yet`;
    if (name === null) continue;
    const claim = view.claim(namespace, name);
    if (!claim) return `resourceclaim.resource.k8s.io ${JSON.stringify(name)} not found`;
    if (claim.metadata.deletionTimestamp) return `resourceclaim ${JSON.stringify(name)} is being deleted`;
    if (podClaim.resourceClaimTemplateName && controllerOf(claim)?.uid !== pod.metadata.uid)
      return `ResourceClaim ${namespace}/${name} was not created for Pod ${namespace}/${podName} (Pod is not owner)`;
    claims.push(claim);
  }
  return claims;
}

export function uses(pod: Pod, { metadata: { namespace, name } }: ResourceClaim): boolean {
  if (namespace !== pod.metadata.namespace) return false;
  return (pod.spec.resourceClaims ?? []).some((podClaim) => claimNameOf(pod, podClaim) === name);
}

/** Whether drivers have attached all devices of the claim that must be. Gives a text when one cannot be. */
export function attachment({ metadata: { name }, status }: ResourceClaim): boolean | string {
  for (const result of status?.allocation?.devices?.results ?? []) {
    const { bindingConditions: wanted = [], bindingFailureConditions: failures = [] } = result;
    if (wanted.length === 0) continue;
    const isSame = (one: AllocatedDeviceStatus) =>
      one.driver === result.driver && one.pool === result.pool && one.device === result.device;
    const conditions = status?.devices?.find(isSame)?.conditions ?? [];
    const isTrue = (type: string) => conditions.find((one) => one.type === type && one.status === 'True');
    const failed = failures.map(isTrue).find((one) => one !== undefined);
    if (failed) {
      const why = `reason=${failed.reason}, message=${JSON.stringify(failed.message)}`;
      return `device binding failed: claim=${name}, ${why}`;
    }
    if (!wanted.every(isTrue)) return false;
  }
  return true;
}

export function needsAttachment({ status }: ResourceClaim): boolean {
  return (status?.allocation?.devices?.results ?? []).some(({ bindingConditions }) => bindingConditions?.length);
}
