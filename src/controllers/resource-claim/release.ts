/** Takes pods that are done with off a claim, and what was allocated with the last of them. */
import pods from '#api/core/pod/index.js';
import resourceClaims from '#api/devices/resourceclaim.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { ResourceClaim, ResourceClaimConsumerReference } from '#api/gen/resource-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { controllerOf } from '#apimachinery/object.js';
import type { ControllerContext } from '../runtime.js';
import { isDone } from './pod-claims.js';

/** Keeps an allocated claim until its devices are free. */
const finalizer = 'resource.kubernetes.io/delete-protection';

export async function releaseClaim<S>(key: string, context: ControllerContext<S>): Promise<undefined> {
  const claim = context.informers.of(resourceClaims).get(key);
  if (!claim) return;
  const { reservedFor = [] } = claim.status ?? {};
  const kept: ResourceClaimConsumerReference[] = [];
  for (const one of reservedFor) if (await isInUse(one, claim, context)) kept.push(one);
  const isLeft = isProtected(claim) && claim.metadata.deletionTimestamp && kept.length === 0;
  if (kept.length < reservedFor.length || isLeft) await unreserve(claim, kept, context);
  if (kept.length === 0) await deleteUnused(claim, context);
}

function isProtected({ metadata }: ResourceClaim): boolean {
  return metadata.finalizers?.includes(finalizer) ?? false;
}

async function isInUse<S>(
  { apiGroup, resource, name, uid }: ResourceClaimConsumerReference,
  { metadata: { namespace } }: ResourceClaim,
  { informers, client }: ControllerContext<S>,
): Promise<boolean> {
  // Of what is no pod nobody can tell here whether it is still there.
  if (apiGroup || resource !== 'pods') return true;
  const isUser = (pod: Pod) => pod.metadata.uid === uid && !isDone(pod);
  const known = informers.of(pods).get(`${namespace}/${name}`);
  if (known) return isUser(known);
  try {
    // The copy may lag behind, and a pod that is just being scheduled must not lose its devices.
    return isUser(await client.of(pods).get(name, { namespace }));
  } catch (error) {
    if (isReason(error, 'NotFound')) return false;
    throw error;
  }
}

/** With the last user goes the allocation, so that the next may have its devices on another node. */
async function unreserve<S>(
  claim: ResourceClaim,
  kept: ResourceClaimConsumerReference[],
  { client }: ControllerContext<S>,
): Promise<void> {
  const { allocation, ...status } = claim.status ?? {};
  const keepsAllocation = kept.length > 0 || !isProtected(claim);
  const source = client.of(resourceClaims);
  let now = claim;
  const isChanged = kept.length < (claim.status?.reservedFor?.length ?? 0) || (allocation && !keepsAllocation);
  if (isChanged) {
    const next = { ...status, reservedFor: kept, ...(keepsAllocation && allocation && { allocation }) };
    now = await source.updateStatus({ ...claim, status: next });
  }
  if (!isProtected(now) || now.status?.allocation) return;
  const finalizers = now.metadata.finalizers?.filter((one) => one !== finalizer);
  await source.update({ ...now, metadata: { ...now.metadata, finalizers } });
}

/** A claim made for a pod that will not run goes before the pod does. */
async function deleteUnused<S>(claim: ResourceClaim, { informers, client }: ControllerContext<S>): Promise<void> {
  const owner = controllerOf(claim);
  if (owner?.kind !== 'Pod' || claim.metadata.deletionTimestamp) return;
  const { namespace, name = '', uid } = claim.metadata;
  const pod = informers.of(pods).get(`${namespace}/${owner.name}`);
  // One that is gone is the garbage collector's.
  if (!pod || (pod.metadata.uid === owner.uid && !isDone(pod))) return;
  try {
    await client.of(resourceClaims).delete(name, { namespace, preconditions: { uid } });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
