/**
 * ResourceClaims: makes those that pods ask for by a template, and takes back what no pod uses any more.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
 */

import pods from '#api/core/pod/index.js';
import { claimNameOf } from '#api/devices/pod-claims.js';
import resourceClaims from '#api/devices/resourceclaim.js';
import resourceClaimTemplates from '#api/devices/resourceclaimtemplate.js';
import type { Pod, PodResourceClaim } from '#api/gen/core-v1.js';
import type { ResourceClaim } from '#api/gen/resource-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { type Informer, keyOf } from '#client/informer.js';
import { type ControllerContext, defineController, type Requeue, watch } from '../runtime.js';
import { UnseenWrites } from '../unseen-writes.js';
import { claimFor, claimKeysOf, isDone, isMadeFor, isToReserve, usesClaims } from './pod-claims.js';
import { releaseClaim } from './release.js';

/** Keys are those of pods, and with this before it, of claims: no namespace has a space in its name. */
const claimPrefix = 'claim ';
const byClaim = 'resourceClaims';
const byPod = 'owner pod';

type Context = ControllerContext<UnseenWrites<ResourceClaim>>;

export default defineController<Pod, UnseenWrites<ResourceClaim>>({
  name: 'resource-claim-controller',
  eventSource: 'resource_claim',
  for: pods,
  concerns: usesClaims,
  state: ({ clock, informers }) => new UnseenWrites({ clock, informer: informers.of(resourceClaims) }),
  watches: ({ informers }) => {
    const all = informers.of(pods);
    const claims = informers.of(resourceClaims);
    all.addIndex(byClaim, claimKeysOf);
    return [
      watch(pods, (pod, { type }) => {
        if (!usesClaims(pod) || (type !== 'deleted' && !isDone(pod))) return [];
        // The pod may have ended before it was told what is made for it.
        const made = ownedBy(claims, pod.metadata.uid ?? '').map(keyOf);
        return [...claimKeysOf(pod), ...made].map((key) => claimPrefix + key);
      }),
      watch(resourceClaims, (claim) => {
        const key = keyOf(claim);
        return [claimPrefix + key, ...all.byIndex(byClaim, key).map(keyOf)];
      }),
      watch(resourceClaimTemplates, ({ metadata: { namespace = '', name } }, { type }) => {
        if (type !== 'added') return [];
        const asks = ({ resourceClaimTemplateName }: PodResourceClaim) => resourceClaimTemplateName === name;
        return all
          .inNamespace(namespace)
          .filter(({ spec }) => spec.resourceClaims?.some(asks))
          .map(keyOf);
      }),
    ];
  },
  reconcile: async ({ key }, context) => {
    if (key.startsWith(claimPrefix)) return await releaseClaim(key.slice(claimPrefix.length), context);
    return await serve(key, context);
  },
});

async function serve(key: string, context: Context): Promise<Requeue | undefined> {
  const { informers, state, recorder } = context;
  const pod = informers.of(pods).get(key);
  if (!pod || pod.metadata.deletionTimestamp || isDone(pod)) return undefined;
  const { namespace, uid = '' } = pod.metadata;
  await state.settle(uid, async () => {
    const { items } = await context.client.of(resourceClaims).list({ namespace });
    return items.filter((claim) => isMadeFor(pod, claim));
  });
  const pendingMs = state.pendingMs(uid);
  if (pendingMs !== undefined) return { afterMs: pendingMs };
  const made = new Map<string, string>();
  for (const podClaim of pod.spec.resourceClaims ?? []) {
    try {
      const name = await ensureClaim(pod, podClaim, context);
      if (name) made.set(podClaim.name, name);
    } catch (error) {
      const message = `PodResourceClaim ${podClaim.name}: ${(error as Error).message}`;
      recorder.event(pod, { type: 'Warning', reason: 'FailedResourceClaimCreation', message });
      throw error;
    }
  }
  if (made.size > 0) await tellPod(pod, made, context);
  // The scheduler reserves for the pods that it binds.
  if (pod.spec.nodeName) await reserve(pod, context);
  return undefined;
}

/** The name, where the pod is still to be told of it. */
async function ensureClaim(pod: Pod, podClaim: PodResourceClaim, context: Context): Promise<string | undefined> {
  const { informers, client, state } = context;
  const { namespace, uid = '' } = pod.metadata;
  const claims = informers.of(resourceClaims);
  const name = claimNameOf(pod, podClaim);
  if (name === null) return undefined;
  const known = name === undefined ? undefined : claims.get(`${namespace}/${name}`);
  const { resourceClaimTemplateName: template } = podClaim;
  if (!template || (known && isMadeFor(pod, known))) return undefined;
  const made = ownedBy(claims, uid).find((claim) => isMadeFor(pod, claim, podClaim.name));
  if (made) return made.metadata.name;
  const found = informers.of(resourceClaimTemplates).get(`${namespace}/${template}`);
  if (!found) {
    const why = `resourceclaimtemplate.resource.k8s.io ${JSON.stringify(template)} not found`;
    const message = `resource claim template ${JSON.stringify(template)}: ${why}`;
    throw new StatusError({ reason: 'NotFound', message });
  }
  const created = await state.attempt(uid, () => client.of(resourceClaims).create(claimFor(pod, podClaim.name, found)));
  state.wrote(uid, created);
  return created.metadata.name;
}

function ownedBy(claims: Informer<ResourceClaim>, podUid: string): ResourceClaim[] {
  claims.addIndex(byPod, ({ metadata }) => (metadata.ownerReferences ?? []).map(({ uid }) => uid));
  return claims.byIndex(byPod, podUid);
}

async function tellPod(pod: Pod, made: ReadonlyMap<string, string>, { client }: Context): Promise<void> {
  const { name = '', namespace } = pod.metadata;
  const asked = (pod.spec.resourceClaims ?? []).filter(({ resourceClaimTemplateName }) => resourceClaimTemplateName);
  // What was told before is told again: an apply takes back what it leaves out.
  const resourceClaimStatuses = asked.flatMap((podClaim) => {
    const claim = made.get(podClaim.name) ?? claimNameOf(pod, podClaim);
    return claim ? [{ name: podClaim.name, resourceClaimName: claim }] : [];
  });
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, status: { resourceClaimStatuses } };
  const fieldManager = 'ResourceClaimController';
  const options = { type: 'apply', namespace, subresource: 'status', fieldManager, force: true } as const;
  await client.of(pods).patch(name, body, options);
}

async function reserve(pod: Pod, { informers, client }: Context): Promise<void> {
  const { name = '', uid = '' } = pod.metadata;
  for (const key of claimKeysOf(pod)) {
    const claim = informers.of(resourceClaims).get(key);
    if (!claim || !isToReserve(pod, claim)) continue;
    const reservedFor = [...(claim.status?.reservedFor ?? []), { resource: 'pods', name, uid }];
    try {
      await client.of(resourceClaims).updateStatus({ ...claim, status: { ...claim.status, reservedFor } });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
}
