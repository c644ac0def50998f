/** The default profile: which plugins run, in the order that decides which of several reasons is reported. */
import type { Plugin } from './framework.js';
import plugins from './plugins/index.gen.js';

/** Upstream's default order (kube-scheduler's `multiPoint` list), as far as we have the plugins. */
const order = [
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

/** Throws when a plugin of the folder has no place in the order: a bug, found at start. */
export function defaultProfile(): readonly Plugin[] {
  const all: readonly Plugin[] = plugins;
  const unplaced = all.filter(({ name }) => !order.includes(name)).map(({ name }) => name);
  if (unplaced.length > 0) throw new Error(`scheduler plugins without a place in the order: ${unplaced.join(', ')}`);
  return [...all].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}
