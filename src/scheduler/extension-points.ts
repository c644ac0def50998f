/**
 * Which plugins act at which extension point, by the rules for `multiPoint` and for the points one by one.
 * https://kubernetes.io/docs/reference/scheduling/config/#multipoint
 */
import type { PluginSet, Plugins } from '#api/gen/kubescheduler-v1.js';
import type { Plugin } from './framework.js';

export type ExtensionPoint = Exclude<keyof Plugins, 'multiPoint'>;

export interface Enabled {
  name: string;
  weight?: number;
}

/**
 * Upstream's default plugins in the order of its `multiPoint` list, each with the points that it may be named at. Of
 * some there is less to do here than upstream, which is no reason to refuse a name.
 */
export const builtInPoints: Readonly<Record<string, readonly ExtensionPoint[]>> = {
  SchedulingGates: ['preEnqueue'],
  PrioritySort: ['queueSort'],
  NodeUnschedulable: ['filter'],
  NodeName: ['filter'],
  TaintToleration: ['filter', 'preScore', 'score'],
  NodeAffinity: ['preFilter', 'filter', 'preScore', 'score'],
  NodePorts: ['preFilter', 'filter'],
  NodeResourcesFit: ['preFilter', 'filter', 'preScore', 'score'],
  VolumeRestrictions: ['preFilter', 'filter'],
  NodeVolumeLimits: ['preFilter', 'filter'],
  VolumeBinding: ['preFilter', 'filter', 'preScore', 'score', 'reserve', 'preBind'],
  VolumeZone: ['preFilter', 'filter'],
  PodTopologySpread: ['preFilter', 'filter', 'preScore', 'score'],
  InterPodAffinity: ['preFilter', 'filter', 'preScore', 'score'],
  DynamicResources: ['preEnqueue', 'preFilter', 'filter', 'postFilter', 'score', 'reserve', 'preBind'],
  DefaultPreemption: ['preEnqueue', 'postFilter'],
  NodeResourcesBalancedAllocation: ['preScore', 'score'],
  ImageLocality: ['score'],
  DefaultBinder: ['bind'],
  NodeDeclaredFeatures: ['preFilter', 'filter'],
};

export const extensionPoints = [
  ...['preEnqueue', 'queueSort', 'preFilter', 'filter', 'postFilter', 'preScore', 'score'],
  ...['reserve', 'permit', 'preBind', 'bind', 'postBind'],
] as readonly ExtensionPoint[];

/** The points of a built-in, or of a plugin that the library's user has written. */
export function pointsOf(name: string, registered: ReadonlyMap<string, Plugin>): readonly ExtensionPoint[] {
  const builtIn = builtInPoints[name];
  if (builtIn) return builtIn;
  const plugin = registered.get(name);
  return plugin ? extensionPoints.filter((point) => point !== 'queueSort' && plugin[point] !== undefined) : [];
}

export type Expanded = Readonly<Record<ExtensionPoint, readonly Enabled[]>>;

export function expand(
  given: Plugins | undefined,
  { defaults, registered }: { defaults: readonly Enabled[]; registered: ReadonlyMap<string, Plugin> },
): Expanded {
  const everywhere = merge(defaults, given?.multiPoint);
  const at = (point: ExtensionPoint) =>
    atPoint(given?.[point], {
      everywhere: everywhere.filter(({ name }) => pointsOf(name, registered).includes(point)),
    });
  return Object.fromEntries(extensionPoints.map((point) => [point, at(point)])) as unknown as Expanded;
}

/** What is named again takes the place of the default; what is new comes behind. */
function merge(defaults: readonly Enabled[], set: PluginSet = {}): Enabled[] {
  const enabled = named(set);
  const isOff = offIn(set);
  const kept = isOff('*') ? [] : defaults.filter(({ name }) => !isOff(name));
  const merged = kept.map((one) => enabled.find(({ name }) => name === one.name) ?? one);
  return [...merged, ...enabled.filter(({ name }) => !kept.some((one) => one.name === name))];
}

/** First what was on everywhere and is named here too, in the order given here; then the rest of both. */
function atPoint(set: PluginSet = {}, { everywhere }: { everywhere: readonly Enabled[] }): Enabled[] {
  const here = named(set);
  const isOff = offIn(set);
  if (isOff('*')) return here;
  const general = everywhere.filter(({ name }) => !isOff(name));
  const isIn = (list: readonly Enabled[]) => (one: Enabled) => list.some(({ name }) => name === one.name);
  const overriding = here.filter(isIn(general));
  return [...overriding, ...general.filter((one) => !isIn(here)(one)), ...here.filter((one) => !isIn(overriding)(one))];
}

function named({ enabled = [] }: PluginSet): Enabled[] {
  return enabled.map(({ name = '', weight }) => ({ name, weight: weight || 1 }));
}

function offIn({ disabled = [] }: PluginSet): (name: string) => boolean {
  return (name) => disabled.some((one) => one.name === name);
}
