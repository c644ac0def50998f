/**
 * DynamicResources: a pod goes where the devices that its claims ask for can be used, or given to it.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
 */
import { matchesNodeSelector } from '#api/core/node-selector.js';
import { isReservedFor } from '#api/devices/pod-claims.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { DynamicResourcesArgs } from '#api/gen/kubescheduler-v1.js';
import type { ResourceClaim } from '#api/gen/resource-v1.js';
import { parseMilliseconds } from '#apimachinery/codec/time.js';
import { equal } from '#base/json.js';
import { AllocationError } from '../devices/allocation-error.js';
import type { Allocated, Allocator } from '../devices/allocator.js';
import {
  extendedClaimFor,
  extendedResources,
  isUnwritten,
  requestsFor,
  resourcesByDevices,
} from '../devices/extended.js';
import { attachment, mayWantDevices, podClaims, uses } from '../devices/pod-claims.js';
import { alternativesOf } from '../devices/requests.js';
import type { Assignment, DeviceView } from '../devices/view.js';
import {
  type ClusterChange,
  definePlugin,
  type PluginSpec,
  type Rejection,
  type Remedy,
  SchedulerError,
} from '../framework.js';
import type { NodeInfo } from '../node-info.js';

interface State {
  /** The pod's own. */
  claims: readonly ResourceClaim[];
  /** Those of them that have no devices yet. */
  unallocated: readonly ResourceClaim[];
  /** For its extended resources: the claim that is to be made, or was made in an attempt before. */
  extended: { claim: ResourceClaim; resources: readonly string[] } | undefined;
  allocator: Allocator | undefined;
  /** Claims that were given devices which cannot be used where they were looked for. */
  unavailable: Set<ResourceClaim>;
  /** By node. What a filter has found out once holds for the attempt. */
  answers: Map<string, Answer>;
  bindingTimeoutMs: number;
}

type Answer = { rejected: Rejection } | { assignments: readonly Assignment[] };

/** Of the attempt under way. */
const states = new WeakMap<Pod, State>();

const filterTimeoutDefault = '10s';
const bindingTimeoutDefault = '10m';
/** The most alternatives of a request: the first is worth so much. */
const alternativesMax = 8;

const unresolvable = (reason: string): Rejection => ({ reasons: [reason], unresolvable: true });

export default definePlugin<State>({
  ...withArgs({}),
  configure: (args) => withArgs(args as DynamicResourcesArgs),
});

function withArgs(args: Omit<DynamicResourcesArgs, 'apiVersion' | 'kind'>): PluginSpec<State> {
  const filterTimeoutMs = parseMilliseconds(args.filterTimeout ?? filterTimeoutDefault);
  const bindingTimeoutMs = parseMilliseconds(args.bindingTimeout ?? bindingTimeoutDefault);
  return {
    name: 'DynamicResources',
    weight: 2,
    preEnqueue: (pod, { devices }) => {
      if (!pod.spec.resourceClaims?.length || !devices.isReady) return undefined;
      const claims = podClaims(pod, devices);
      return typeof claims === 'string' ? claims : undefined;
    },
    preFilter: (pod, { devices }) => {
      if (!mayWantDevices(pod)) return 'skip';
      states.delete(pod);
      const state = stateOf(pod, { view: devices, filterTimeoutMs, bindingTimeoutMs });
      if (typeof state === 'string') return { rejected: unresolvable(state) };
      if (!state) return 'skip';
      states.set(pod, state);
      return { state };
    },
    filter: ({ pod, state, snapshot }, node) => {
      let answer = state.answers.get(node.name);
      if (!answer) state.answers.set(node.name, (answer = answerOf(pod, { state, view: snapshot.devices, node })));
      return 'rejected' in answer ? answer.rejected : undefined;
    },
    // Upstream looks for what its preFilter leaves behind, and fails where there is nothing.
    postFilter: ({ pod, state, isReached }) =>
      isReached ? remedyFor(pod, state) : { message: 'not found', isFailed: true },
    preScore: (pod) => {
      const state = states.get(pod);
      const hasAlternatives = state?.unallocated.some(({ spec }) =>
        spec.devices?.requests?.some(({ firstAvailable }) => firstAvailable?.length),
      );
      return state && hasAlternatives ? { state } : 'skip';
    },
    score: ({ state }, { name }) => scoreOf((state as State).answers.get(name)),
    normalize: 'up',
    reserve: ({ pod }, { name }, { devices }) => {
      const state = states.get(pod);
      if (!state) return undefined;
      const answer = state.answers.get(name);
      devices.assume(pod, answer && 'assignments' in answer ? answer.assignments : []);
      return () => devices.release(pod, state.claims);
    },
    preBindPreFlight: (pod) => states.has(pod),
    preBind: async ({ pod, nodeName }, { devices }) => {
      await devices.bind(pod, states.get(pod)?.claims ?? []);
      await devices.attached(pod, { nodeName, timeoutMs: bindingTimeoutMs });
    },
    requeueOn: [
      'node added',
      'node labels',
      'resource claim changed',
      'resource slice changed',
      'device class changed',
      'pod updated',
    ],
    hint: mayHelp,
  };
}

/** undefined where the pod has nothing to do with devices; a text where it must wait. */
function stateOf(
  pod: Pod,
  { view, filterTimeoutMs, bindingTimeoutMs }: { view: DeviceView; filterTimeoutMs: number; bindingTimeoutMs: number },
): State | string | undefined {
  const claims = podClaims(pod, view);
  if (typeof claims === 'string') return claims;
  const resources = extendedResources(pod, view);
  const extended =
    resources.length > 0 ? { claim: view.extendedClaimOf(pod) ?? extendedClaimFor(pod), resources } : undefined;
  if (claims.length === 0 && !extended) return undefined;
  const unallocated = claims.filter(({ status }) => !status?.allocation);
  for (const claim of unallocated) {
    const problem = whyUnallocatable(claim, view);
    if (problem) return problem;
  }
  const isToAllocate = unallocated.length > 0 || extended;
  const allocator = isToAllocate ? view.allocator({ timeoutMs: filterTimeoutMs }) : undefined;
  return { claims, unallocated, extended, allocator, unavailable: new Set(), answers: new Map(), bindingTimeoutMs };
}

function whyUnallocatable(claim: ResourceClaim, view: DeviceView): string | undefined {
  const { namespace, name, uid = '' } = claim.metadata;
  if (view.isPending(uid)) return `resource claim ${namespace}/${name} is in the process of being allocated`;
  for (const request of claim.spec.devices?.requests ?? []) {
    const alternatives = alternativesOf(request);
    if (alternatives.length === 0)
      return `resource claim ${namespace}/${name}, request ${request.name}: unknown request type`;
    for (const { name: asked, deviceClassName } of alternatives) {
      if (!view.deviceClass(deviceClassName)) return `request ${asked}: device class ${deviceClassName} does not exist`;
    }
  }
  return undefined;
}

/** Throws SchedulerError when a claim or a class is wrong, whatever the node. */
function answerOf(pod: Pod, { state, view, node }: { state: State; view: DeviceView; node: NodeInfo }): Answer {
  const { claims, unallocated, unavailable } = state;
  const own = extendedOn(pod, { state, view, node });
  if (typeof own === 'string') return { rejected: unresolvable(own) };
  const isUnusable = claims.filter((claim) => claim.status?.allocation && !isUsable(claim, { state, view, node }));
  const wanted = own ? [...unallocated, own.claim] : unallocated;
  const allocated = wanted.length > 0 ? allocate(state.allocator!, { node, wanted }) : { results: [] };
  if ('why' in allocated) return { rejected: unresolvable(allocated.why) };
  if (isUnusable.length > 0) {
    for (const claim of isUnusable) unavailable.add(claim);
    return { rejected: unresolvable('resourceclaim not available on the node') };
  }
  const assignments = wanted.map((claim, at): Assignment => {
    const allocation = allocated.results[at]!;
    return claim === own?.claim ? { claim, allocation, mappings: own.mappings } : { claim, allocation };
  });
  return { assignments };
}

function allocate(
  allocator: Allocator,
  { node, wanted }: { node: NodeInfo; wanted: readonly ResourceClaim[] },
): Allocated {
  try {
    return allocator.allocate(node.node, wanted);
  } catch (error) {
    if (!(error instanceof AllocationError)) throw error;
    throw new SchedulerError(`running "DynamicResources" filter plugin: ${error.message}`, { cause: error });
  }
}

/** The claim for extended resources as this node would have to serve it; undefined where it needs none. */
function extendedOn(pod: Pod, { state, view, node }: { state: State; view: DeviceView; node: NodeInfo }) {
  const { extended } = state;
  if (!extended) return undefined;
  // What an attempt before has left must go first.
  if (!isUnwritten(extended.claim)) return 'cannot schedule extended resource claim';
  const resources = resourcesByDevices(extended.resources, { node, view });
  if (typeof resources === 'string') return resources;
  if (resources.length === 0) return undefined;
  const { requests, mappings } = requestsFor(pod, { resources, view });
  return { claim: { ...extended.claim, spec: { devices: { requests } } }, mappings };
}

/** Whether the node can use the claim's devices; those that could not be attached are of no use to any. */
function isUsable(
  claim: ResourceClaim,
  { state, view, node }: { state: State; view: DeviceView; node: NodeInfo },
): boolean {
  const { nodeSelector, allocationTimestamp } = claim.status!.allocation!;
  if (nodeSelector && !matchesNodeSelector(nodeSelector.nodeSelectorTerms, node.node)) return false;
  const attached = attachment(claim);
  if (typeof attached === 'string') return false;
  if (attached || !allocationTimestamp) return true;
  return view.nowMs() <= Date.parse(allocationTimestamp) + state.bindingTimeoutMs;
}

function remedyFor(pod: Pod, state: State | undefined): Remedy {
  if (!state) return { message: 'no new claims to deallocate' };
  for (const claim of state.unavailable) {
    const { reservedFor = [] } = claim.status ?? {};
    if (reservedFor.length > 1 || (reservedFor.length === 1 && !isReservedFor(pod, claim))) continue;
    return {
      message: 'deallocation of ResourceClaim completed',
      effect: ({ devices }) => devices.deallocate(claim),
    };
  }
  const { extended } = state;
  if (extended && !isUnwritten(extended.claim)) {
    return { message: 'deletion of ResourceClaim completed', effect: ({ devices }) => devices.remove(extended.claim) };
  }
  return { message: 'still not schedulable' };
}

/** The earlier an alternative stands in its list, the better. */
function scoreOf(answer: Answer | undefined): number {
  if (!answer || 'rejected' in answer) return 0;
  let score = 0;
  for (const { claim, allocation } of answer.assignments) {
    const given = new Set(allocation.devices?.results?.map(({ request }) => request));
    for (const { name, firstAvailable = [] } of claim.spec.devices?.requests ?? []) {
      const at = firstAvailable.findIndex((one) => given.has(`${name}/${one.name}`));
      if (at >= 0) score += alternativesMax - at;
    }
  }
  return score;
}

/** A claim that gives up its devices may help every pod; other changes of claims, those that use it. */
function mayHelp(pod: Pod, { event, resourceClaim: now, oldResourceClaim: before }: ClusterChange): boolean {
  if (event !== 'resource claim changed') return true;
  if (before?.status?.allocation && !now?.status?.allocation) return true;
  return now !== undefined && uses(pod, now) && (!before || !equal(before.status, now.status));
}
