/** Profiles: which plugins decide about the pods of a scheduler's name, in the order that decides which reason is told. */
import { builtInPoints, type Enabled } from './extension-points.js';
import type { Plugin } from './framework.js';
import { NodeMemos } from './node-memo.js';
import plugins from './plugins/index.gen.js';
import type { PreemptionArgs } from './preemption.js';

/** Part of every decision, and no plugin of the folder. */
export const preemptionName = 'DefaultPreemption';

export interface Profile {
  schedulerName: string;
  /** All that take part, in the order of their filters. */
  plugins: readonly Plugin[];
  /** What is done when no node takes a pod; `DefaultPreemption` stands for evicting others. */
  postFilters: readonly (Plugin | typeof preemptionName)[];
  preemption: PreemptionArgs;
  reserving: readonly Plugin[];
  permitting: readonly Plugin[];
  preBinding: readonly Plugin[];
  binding: readonly Plugin[];
  postBinding: readonly Plugin[];
  /** 0: less the larger the cluster is. */
  percentageOfNodesToScore: number;
  memos: NodeMemos;
}

export const defaultSchedulerName = 'default-scheduler';

/** The plugins of the folder by name. Throws when one has no place in the order: a bug, found at start. */
export function builtIns(): ReadonlyMap<string, Plugin> {
  const all: readonly Plugin[] = plugins;
  const unplaced = all.filter(({ name }) => !(name in builtInPoints)).map(({ name }) => name);
  if (unplaced.length > 0) throw new Error(`scheduler plugins without a place in the order: ${unplaced.join(', ')}`);
  return new Map(all.map((plugin) => [plugin.name, plugin]));
}

export function defaultPlugins(): readonly Plugin[] {
  const known = builtIns();
  return defaultsOf(known).flatMap(({ name }) => known.get(name) ?? []);
}

export function defaultsOf(known: ReadonlyMap<string, Plugin>): Enabled[] {
  return Object.keys(builtInPoints).map((name) => ({ name, weight: known.get(name)?.weight }));
}

export function profileOf(parts: Partial<Profile> = {}): Profile {
  const { plugins: chosen = defaultPlugins() } = parts;
  const having = (hook: keyof Plugin) => chosen.filter((plugin) => plugin[hook]);
  return {
    schedulerName: defaultSchedulerName,
    plugins: chosen,
    postFilters: [...having('postFilter'), preemptionName],
    preemption: {},
    reserving: having('reserve'),
    permitting: having('permit'),
    preBinding: having('preBind'),
    binding: having('bind'),
    postBinding: having('postBind'),
    percentageOfNodesToScore: 0,
    memos: new NodeMemos(),
    ...parts,
  };
}
