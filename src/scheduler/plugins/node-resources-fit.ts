/** NodeResourcesFit: what a pod requests must be free; by default, emptier nodes score higher. */
import { isExtendedResource } from '#api/core/pod/resources.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { NodeResourcesFitArgs } from '#api/gen/kubescheduler-v1.js';
import { classResourcePrefix, isDeviceResource } from '../devices/pod-claims.js';
import { type ClusterChange, definePlugin, type PluginSpec } from '../framework.js';
import type { NodeInfo } from '../node-info.js';
import { amountOf, resourceScoreOf } from '../resource-scoring.js';
import { type PodRequests, podRequests, type Resources } from '../resources.js';

export default definePlugin<Resources>({
  ...withArgs({ scoringStrategy: { type: 'LeastAllocated' } }),
  configure: (args) => withArgs(args as NodeResourcesFitArgs),
});

function withArgs(args: Omit<NodeResourcesFitArgs, 'apiVersion' | 'kind'>): PluginSpec<Resources> {
  const score = resourceScoreOf(args.scoringStrategy ?? { type: 'LeastAllocated' });
  const wantedBy = (pod: Pod) => counted(podRequests(pod).requested, args);
  return {
    name: 'NodeResourcesFit',
    readsNodeAlone: true,
    scoresNodeAlone: true,
    weight: 1,
    preFilter: (pod) => ({ state: wantedBy(pod) }),
    filter: ({ state: wanted, snapshot }, node) => {
      if (fits(wanted, node)) return undefined;
      const { allocatable, requested, pods, podsMax } = node;
      const reasons: string[] = pods.length + 1 > podsMax ? ['Too many pods'] : [];
      let unresolvable = false;
      for (const [name, amount] of amountsOf(wanted)) {
        const total = amountOf(allocatable, name);
        if (amount === 0 || amount <= total - amountOf(requested, name)) continue;
        // DynamicResources sees to it.
        if (total === 0 && snapshot.devices.classFor(name)) continue;
        reasons.push(`Insufficient ${name}`);
        if (amount > total) unresolvable = true;
      }
      return reasons.length > 0 ? { reasons, unresolvable } : undefined;
    },
    preScore: (pod) => ({ state: podRequests(pod) }),
    score: ({ state }, node) => score(state as PodRequests, node),
    requeueOn: [
      'node added',
      'node allocatable',
      'assigned pod removed',
      'assigned pod changed',
      'pod updated',
      'device class changed',
    ],
    // Where it does not fit after the change, the change has not helped.
    hint: (pod, change) => {
      const wanted = wantedBy(pod);
      if (change.event === 'device class changed') return servesNow(wanted, change);
      return !change.place || fits(withoutDevices(wanted, change.place), change.place);
    },
  };
}

/** What the node does not have itself, devices may give. */
function withoutDevices(wanted: Resources, { allocatable }: NodeInfo): Resources {
  const scalars = [...wanted.scalars].filter(([name]) => !isDeviceResource(name) || allocatable.scalars.get(name));
  return { ...wanted, scalars: new Map(scalars) };
}

/** A class that has come serves the resource of its name, and one that says so another. */
function servesNow({ scalars }: Resources, { deviceClass, oldDeviceClass }: ClusterChange): boolean {
  const { metadata, spec } = deviceClass ?? {};
  const { extendedResourceName: named } = spec ?? {};
  if (!metadata || (oldDeviceClass && oldDeviceClass.spec.extendedResourceName === named)) return false;
  if (!oldDeviceClass && scalars.has(`${classResourcePrefix}${metadata.name}`)) return true;
  return named !== undefined && scalars.has(named);
}

/** Others see to what is ignored: a device plugin, or an extender. */
function counted(
  wanted: Resources,
  {
    ignoredResources = [],
    ignoredResourceGroups = [],
  }: Pick<NodeResourcesFitArgs, 'ignoredResources' | 'ignoredResourceGroups'>,
): Resources {
  if (ignoredResources.length + ignoredResourceGroups.length === 0 || wanted.scalars.size === 0) return wanted;
  const isIgnored = (name: string) =>
    isExtendedResource(name) &&
    (ignoredResources.includes(name) || ignoredResourceGroups.includes(name.slice(0, name.indexOf('/'))));
  const scalars = new Map([...wanted.scalars].filter(([name]) => !isIgnored(name)));
  return { ...wanted, scalars };
}

function fits(wanted: Resources, { allocatable, requested, pods, podsMax }: NodeInfo): boolean {
  if (
    pods.length + 1 > podsMax ||
    (wanted.milliCpu > 0 && wanted.milliCpu > allocatable.milliCpu - requested.milliCpu) ||
    (wanted.memoryBytes > 0 && wanted.memoryBytes > allocatable.memoryBytes - requested.memoryBytes) ||
    (wanted.ephemeralStorageBytes > 0 &&
      wanted.ephemeralStorageBytes > allocatable.ephemeralStorageBytes - requested.ephemeralStorageBytes)
  )
    return false;
  for (const [name, amount] of wanted.scalars) {
    if (amount > 0 && amount > (allocatable.scalars.get(name) ?? 0) - (requested.scalars.get(name) ?? 0)) return false;
  }
  return true;
}

function* amountsOf(wanted: Resources): Generator<[name: string, amount: number]> {
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) yield [name, amountOf(wanted, name)];
  yield* wanted.scalars;
}
