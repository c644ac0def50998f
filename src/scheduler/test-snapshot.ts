/** Small clusters for tests of decisions. */
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, PodSpec } from '#api/gen/core-v1.js';
import type { CSIDriver, CSINode, CSIStorageCapacity, StorageClass } from '#api/gen/storage-v1.js';
import type { KubeObject } from '#apimachinery/object.js';
import { SeededPrng } from '#base/prng.js';
import { SchedulerCache } from './cache.js';
import { type Outcome, schedulePod } from './cycle.js';
import { noDevices } from './devices/view.js';
import type { Snapshot } from './framework.js';
import { NodeInfo } from './node-info.js';
import { profileOf } from './profile.js';
import type { VolumeView } from './volumes.js';

let serial = 0;

export function node(
  name: string,
  parts: { labels?: Record<string, string>; spec?: Node['spec']; cpu?: string; status?: Node['status'] } = {},
): NodeInfo {
  const { labels = {}, spec = {}, cpu = '4', status = {} } = parts;
  return NodeInfo.of({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec,
    status: { allocatable: { cpu, memory: '8Gi', pods: '110' }, ...status },
  });
}

export function pod(
  spec: Partial<PodSpec> = {},
  labels: Record<string, string> = {},
  parts: { namespace?: string; status?: Pod['status'] } = {},
): Pod {
  const uid = `uid-${serial++}`;
  const { namespace = 'default', status } = parts;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: uid, namespace, uid, labels },
    spec: { containers: [{ name: 'c', resources: {} }], ...spec },
    status,
  };
}

export const requesting = (cpu: string): Partial<PodSpec> => ({
  containers: [{ name: 'c', resources: { requests: { cpu } } }],
});

/** A snapshot of nodes with the pods on them. */
export function snapshotOf(nodes: readonly NodeInfo[], parts: Partial<Snapshot> = {}): Snapshot {
  const namespaceLabels = parts.namespaceLabels ?? (() => undefined);
  const cache = new SchedulerCache({ namespaceLabels });
  for (const { node: one, name, pods } of nodes) {
    cache.setNode(one);
    for (const placed of pods) cache.place(placed, name);
  }
  return {
    nodes: cache.nodes,
    node: (name) => cache.node(name),
    index: cache.index,
    defaultSelector: () => undefined,
    namespaceLabels,
    nominated: () => [],
    nominationOf: ({ status }) => status?.nominatedNodeName,
    budgets: () => [],
    volumes: storage({}),
    devices: noDevices,
    ...parts,
  };
}

export function outcomeOf(one: Pod, nodes: readonly NodeInfo[], parts: Partial<Snapshot> = {}): Outcome {
  const options = { profile: profileOf(), prng: new SeededPrng(1), startIndex: 0 };
  return schedulePod(one, snapshotOf(nodes, parts), options);
}

/** What there is of storage, by lists of it. */
export function storage(parts: {
  claims?: readonly PersistentVolumeClaim[];
  volumes?: readonly PersistentVolume[];
  storageClasses?: readonly StorageClass[];
  csiNodes?: readonly CSINode[];
  csiDrivers?: readonly CSIDriver[];
  capacities?: readonly CSIStorageCapacity[];
}): VolumeView {
  const named = <T extends KubeObject>(list: readonly T[] | undefined, name: string) =>
    list?.find(({ metadata }) => metadata.name === name);
  return {
    claim: (namespace, name) =>
      named(
        parts.claims?.filter(({ metadata }) => metadata.namespace === namespace),
        name,
      ),
    volume: (name) => named(parts.volumes, name),
    volumesOfClass: (name) => (parts.volumes ?? []).filter(({ spec }) => spec?.storageClassName === name),
    storageClass: (name) => named(parts.storageClasses, name),
    csiDriver: (name) => named(parts.csiDrivers, name),
    csiNode: (name) => named(parts.csiNodes, name),
    capacitiesOfClass: (name) => (parts.capacities ?? []).filter(({ storageClassName }) => storageClassName === name),
    attachmentsOn: () => [],
  };
}

/** The name of the node, or why there is none, without what preemption says. */
export function decide(one: Pod, nodes: readonly NodeInfo[], parts: Partial<Snapshot> = {}): string {
  const outcome = outcomeOf(one, nodes, parts);
  if ('node' in outcome) return outcome.node.name;
  return outcome.failure.message.replace(/ no new claims.*/, '');
}
