/**
 * Evicts pods whose devices have got a NoExecute taint that their claims do not tolerate, or not for so long.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#device-taints-and-tolerations
 */
import pods from '#api/core/pod/index.js';
import { isReservedFor } from '#api/devices/pod-claims.js';
import resourceClaims from '#api/devices/resourceclaim.js';
import resourceSlices from '#api/devices/resourceslice.js';
import { toleratesDeviceTaint } from '#api/devices/tolerations.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { DeviceRequestAllocationResult, DeviceTaint, ResourceClaim } from '#api/gen/resource-v1.js';
import { equal } from '#base/json.js';
import type { InformerFactory } from '#client/informer.js';
import { disrupt } from './pod-disruption.js';
import { claimKeysOf, usesClaims } from './resource-claim/pod-claims.js';
import { type ControllerContext, defineController, type Requeue, watch } from './runtime.js';

const byPool = 'pool';
const reason = 'DeviceTaintManagerEviction';

export default defineController<Pod, Set<string>>({
  name: 'device-taint-eviction-controller',
  for: pods,
  concerns: (pod, old) => usesClaims(pod) && (!old || changesClaims(pod, old)),
  /** Uids of pods that have been told their time. */
  state: () => new Set(),
  watches: ({ informers, state }) => {
    const claims = informers.of(resourceClaims);
    claims.addIndex(byPool, (claim) => [...new Set(resultsOf(claim).map(poolOf))]);
    informers.of(resourceSlices).addIndex(byPool, ({ spec }) => [poolOf({ ...spec, pool: spec.pool.name })]);
    return [
      watch(resourceClaims, usersOf),
      watch(resourceSlices, ({ spec }, { old }) =>
        old && equal(old.spec, spec)
          ? []
          : claims.byIndex(byPool, poolOf({ ...spec, pool: spec.pool.name })).flatMap(usersOf),
      ),
      watch(pods, ({ metadata }, { type }) => {
        if (type === 'deleted') state.delete(metadata.uid!);
        return [];
      }),
    ];
  },
  reconcile: ({ key }, context) => reconcile(key, context),
});

function changesClaims(pod: Pod, old: Pod): boolean {
  return (
    pod.spec.nodeName !== old.spec.nodeName ||
    !equal(pod.status?.resourceClaimStatuses, old.status?.resourceClaimStatuses)
  );
}

function resultsOf({ status }: ResourceClaim): readonly DeviceRequestAllocationResult[] {
  return status?.allocation?.devices?.results ?? [];
}

function poolOf({ driver, pool }: { driver: string; pool: string }): string {
  return `${driver}/${pool}`;
}

function usersOf({ metadata: { namespace }, status }: ResourceClaim): string[] {
  return (status?.reservedFor ?? []).flatMap(({ apiGroup, resource, name }) =>
    !apiGroup && resource === 'pods' ? [`${namespace}/${name}`] : [],
  );
}

async function reconcile(key: string, context: ControllerContext<Set<string>>): Promise<Requeue | undefined> {
  const { informers, recorder, client, clock, state } = context;
  const pod = informers.of(pods).get(key);
  if (!pod || pod.metadata.deletionTimestamp) return undefined;
  const { uid = '' } = pod.metadata;
  const atMs = pod.spec.nodeName ? evictionMs(pod, informers) : undefined;
  if (atMs === undefined) {
    if (state.delete(uid)) recorder.event(pod, { type: 'Normal', reason, message: 'Cancelling deletion' });
    return undefined;
  }
  state.add(uid);
  const nowMs = clock.now();
  if (atMs > nowMs) return { afterMs: atMs - nowMs };
  recorder.event(pod, { type: 'Normal', reason, message: 'Marking for deletion' });
  const message = 'Device Taint manager: deleting due to NoExecute taint';
  await disrupt(pod, { reason: 'DeletionByDeviceTaintManager', message }, { client, nowMs });
  return undefined;
}

/** undefined: the pod may stay. */
function evictionMs(pod: Pod, informers: InformerFactory): number | undefined {
  let earliestMs: number | undefined;
  for (const key of claimKeysOf(pod)) {
    const claim = informers.of(resourceClaims).get(key);
    if (!claim || !isReservedFor(pod, claim)) continue;
    for (const result of resultsOf(claim)) {
      for (const taint of taintsOf(result, informers)) {
        const atMs = endOfToleration(taint, result);
        if (atMs !== undefined && (earliestMs === undefined || atMs < earliestMs)) earliestMs = atMs;
      }
    }
  }
  return earliestMs;
}

/** As the newest generation of the pool has it. */
function taintsOf(result: DeviceRequestAllocationResult, informers: InformerFactory): DeviceTaint[] {
  const slices = informers.of(resourceSlices).byIndex(byPool, poolOf(result));
  const newest = Math.max(...slices.map(({ spec }) => spec.pool.generation));
  return slices
    .filter(({ spec }) => spec.pool.generation === newest)
    .flatMap(({ spec }) => spec.devices?.find(({ name }) => name === result.device)?.taints ?? [])
    .filter(({ effect }) => effect === 'NoExecute');
}

/** The least patient toleration counts; one without an end is for ever. */
function endOfToleration(taint: DeviceTaint, { tolerations = [] }: DeviceRequestAllocationResult): number | undefined {
  const addedMs = Date.parse(taint.timeAdded ?? '') || 0;
  const matching = tolerations.filter((one) => one.effect === 'NoExecute' && toleratesDeviceTaint(one, taint));
  if (matching.some(({ tolerationSeconds }) => tolerationSeconds === undefined)) return undefined;
  const seconds = matching.map(({ tolerationSeconds = 0 }) => Math.max(tolerationSeconds, 0));
  return addedMs + (seconds.length > 0 ? Math.min(...seconds) * 1000 : 0);
}
