/** Profiles: which plugins decide about the pods of a scheduler's name, in the order that decides which reason is told. */
import type { Plugin } from './framework.js';
import { NodeMemos } from './node-memo.js';
import plugins from './plugins/index.gen.js';

/** Upstream's default order (kube-scheduler's `multiPoint` list). */
export const pluginOrder: readonly string[] = [
  'SchedulingGates',
  'NodeUnschedulable',
  'NodeName',
  'TaintToleration',
  'NodeAffinity',
  'NodePorts',
  'NodeResourcesFit',
  'VolumeRestrictions',
  'NodeVolumeLimits',
  'VolumeBinding',
  'VolumeZone',
  'PodTopologySpread',
  'InterPodAffinity',
  'NodeResourcesBalancedAllocation',
  'ImageLocality',
];

/** What is part of every decision, and not a plugin of the folder. */
export const builtIns: readonly string[] = ['PrioritySort', 'DefaultPreemption', 'DynamicResources', 'DefaultBinder'];

export interface Profile {
  schedulerName: string;
  plugins: readonly Plugin[];
  /** Whether pods may take the place of others. */
  preempts: boolean;
  /** 0: less the larger the cluster is. */
  percentageOfNodesToScore: number;
  memos: NodeMemos;
}

export const defaultSchedulerName = 'default-scheduler';

/** Throws when a plugin of the folder has no place in the order: a bug, found at start. */
export function defaultPlugins(): readonly Plugin[] {
  const all: readonly Plugin[] = plugins;
  const unplaced = all.filter(({ name }) => !pluginOrder.includes(name)).map(({ name }) => name);
  if (unplaced.length > 0) throw new Error(`scheduler plugins without a place in the order: ${unplaced.join(', ')}`);
  return [...all].sort((a, b) => pluginOrder.indexOf(a.name) - pluginOrder.indexOf(b.name));
}

export function profileOf(parts: Partial<Profile> = {}): Profile {
  return {
    schedulerName: defaultSchedulerName,
    plugins: defaultPlugins(),
    preempts: true,
    percentageOfNodesToScore: 0,
    memos: new NodeMemos(),
    ...parts,
  };
}
