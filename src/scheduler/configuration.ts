/**
 * KubeSchedulerConfiguration: profiles with their plugins, and the pace of the queue. What it asks for that is not built
 * yet is refused by name. https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/
 */
import type {
  InterPodAffinityArgs,
  KubeSchedulerConfiguration,
  KubeSchedulerProfile,
  NodeResourcesFitArgs,
  PluginConfig,
  Plugins,
  UtilizationShapePoint,
} from '#api/gen/kubescheduler-v1.js';
import { builtinSchemas } from '#api/schema-table.js';
import { decodeValue } from '#apimachinery/decode.js';
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  valueNotFound,
} from '#apimachinery/field-error.js';
import type { Plugin } from './framework.js';
import { builtIns, defaultPlugins, defaultSchedulerName, type Profile, pluginOrder, profileOf } from './profile.js';

export const configurationKind = {
  group: 'kubescheduler.config.k8s.io',
  kind: 'KubeSchedulerConfiguration',
  versions: ['v1'],
} as const;

export interface SchedulerConfiguration {
  profiles: readonly Profile[];
  initialBackoffMs: number;
  maxBackoffMs: number;
}

export const defaultConfiguration = (): SchedulerConfiguration => ({
  profiles: [profileOf()],
  initialBackoffMs: 1000,
  maxBackoffMs: 10_000,
});

/** Throws StatusError for arguments of plugins that have no such form. */
export function configure(given: KubeSchedulerConfiguration): SchedulerConfiguration | FieldError[] {
  const errors = [...check(given)];
  if (errors.length > 0) return errors;
  const { podInitialBackoffSeconds = 1, podMaxBackoffSeconds = 10, percentageOfNodesToScore = 0 } = given;
  return {
    profiles: profilesOf(given).map((profile) => configuredProfile(profile, percentageOfNodesToScore)),
    initialBackoffMs: podInitialBackoffSeconds * 1000,
    maxBackoffMs: podMaxBackoffSeconds * 1000,
  };
}

/** The only profile may go without a name. */
function profilesOf({ profiles = [] }: KubeSchedulerConfiguration): readonly KubeSchedulerProfile[] {
  if (profiles.length === 0) return [{ schedulerName: defaultSchedulerName }];
  if (profiles.length === 1) return [{ schedulerName: defaultSchedulerName, ...profiles[0] }];
  return profiles;
}

function* check(given: KubeSchedulerConfiguration): Generator<FieldError> {
  const { parallelism = 16, podInitialBackoffSeconds = 1, podMaxBackoffSeconds = 10 } = given;
  if (parallelism <= 0) yield invalidValue('parallelism', parallelism, 'should be an integer value greater than zero');
  const seen = new Map<string, number>();
  for (const [index, profile] of profilesOf(given).entries()) {
    const path = `profiles[${index}]`;
    yield* checkProfile(path, profile);
    const name = profile.schedulerName ?? '';
    const before = seen.get(name);
    if (before !== undefined) yield duplicate(`${path}.schedulerName`, `profiles[${before}].schedulerName`);
    seen.set(name, index);
  }
  yield* checkPercentage('percentageOfNodesToScore', given.percentageOfNodesToScore);
  if (podInitialBackoffSeconds <= 0)
    yield invalidValue('podInitialBackoffSeconds', podInitialBackoffSeconds, 'must be greater than 0');
  if (podMaxBackoffSeconds < podInitialBackoffSeconds) {
    const why = 'must be greater than or equal to PodInitialBackoffSeconds';
    yield invalidValue('podMaxBackoffSeconds', podMaxBackoffSeconds, why);
  }
  if (given.extenders?.length) yield forbiddenField('extenders', 'extenders are not supported by this scheduler yet');
}

function* checkPercentage(path: string, value: number | undefined): Generator<FieldError> {
  if (value !== undefined && (value < 0 || value > 100)) yield invalidValue(path, value, 'not in valid range [0-100]');
}

function* checkProfile(path: string, profile: KubeSchedulerProfile): Generator<FieldError> {
  if (!profile.schedulerName) yield required(`${path}.schedulerName`);
  yield* checkPercentage(`${path}.percentageOfNodesToScore`, profile.percentageOfNodesToScore);
  for (const [point, set] of Object.entries(profile.plugins ?? {})) {
    for (const [index, { name = '' }] of (set?.enabled ?? []).entries()) {
      if (!isKnown(name)) yield valueNotFound(`${path}.plugins.${point}.enabled[${index}].name`, name);
    }
  }
  for (const [word, name] of [
    ['queueSort', 'PrioritySort'],
    ['bind', 'DefaultBinder'],
  ] as const) {
    if (!isOff(profile.plugins, { points: [word], name })) continue;
    yield forbiddenField(`${path}.plugins.${word}`, `a scheduler without ${name} is not supported yet`);
  }
  const seen = new Set<string>();
  for (const [index, config] of (profile.pluginConfig ?? []).entries()) {
    const at = `${path}.pluginConfig[${index}]`;
    const { name = '' } = config;
    if (seen.has(name)) yield duplicate(at, name);
    seen.add(name);
    yield* checkArgs(at, config);
  }
}

function isKnown(name: string): boolean {
  return pluginOrder.includes(name) || builtIns.includes(name);
}

function* checkArgs(path: string, config: PluginConfig): Generator<FieldError> {
  if (config.name === 'InterPodAffinity') {
    const { hardPodAffinityWeight: weight = 1 } = argsOf<InterPodAffinityArgs>(config);
    if (weight < 0 || weight > 100)
      yield invalidValue(`${path}.args.hardPodAffinityWeight`, weight, 'not in valid range [0, 100]');
  } else if (config.name === 'NodeResourcesFit') yield* checkFit(`${path}.args`, argsOf<NodeResourcesFitArgs>(config));
  else if (config.args !== undefined)
    yield forbiddenField(`${path}.args`, `arguments of ${config.name} are not supported yet`);
}

const strategies = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'];

function* checkFit(path: string, args: NodeResourcesFitArgs): Generator<FieldError> {
  for (const field of ['ignoredResources', 'ignoredResourceGroups'] as const)
    if (args[field]?.length) yield forbiddenField(`${path}.${field}`, 'is not supported yet');
  const { scoringStrategy } = args;
  if (!scoringStrategy) return;
  const at = `${path}.scoringStrategy`;
  const { type = '', resources = [], requestedToCapacityRatio } = scoringStrategy;
  if (!strategies.includes(type)) yield notSupported(`${at}.type`, type, strategies);
  for (const [index, { name = '', weight = 1 }] of resources.entries()) {
    if (weight > 0 && weight <= 100) continue;
    const why = `resource weight of ${name} not in valid range (0, 100]`;
    yield invalidValue(`${at}.resources[${index}].weight`, weight, why);
  }
  const ratio = `${at}.requestedToCapacityRatio`;
  if (type !== 'RequestedToCapacityRatio') {
    if (requestedToCapacityRatio) yield forbiddenField(ratio, 'must be nil when type is not RequestedToCapacityRatio');
  } else if (!requestedToCapacityRatio)
    yield required(ratio, 'must be specified when type is RequestedToCapacityRatio');
  else yield* checkShape(`${ratio}.shape`, requestedToCapacityRatio.shape ?? []);
}

function* checkShape(path: string, shape: readonly UtilizationShapePoint[]): Generator<FieldError> {
  if (shape.length === 0) yield required(path, 'at least one point must be specified');
  const unsorted = shape.findIndex((point, at) => at > 0 && shape[at - 1]!.utilization! >= point.utilization!);
  if (unsorted > 0) {
    const why = 'values must be sorted in increasing order';
    yield invalidValue(`${path}[${unsorted}].utilization`, shape[unsorted]!.utilization, why);
  }
  for (const [index, { utilization = 0, score = 0 }] of shape.entries()) {
    if (utilization < 0 || utilization > 100)
      yield invalidValue(`${path}[${index}].utilization`, utilization, 'not in valid range [0, 100]');
    if (score < 0 || score > 10) yield invalidValue(`${path}[${index}].score`, score, 'not in valid range [0, 10]');
  }
}

/** The arguments may say their kind, or leave it to the plugin's name. */
function argsOf<T>({ name, args }: PluginConfig): T {
  const kind = { group: configurationKind.group, version: 'v1', kind: `${name}Args` };
  const typed = { ...(args as object), apiVersion: `${kind.group}/v1`, kind: kind.kind };
  return decodeValue<T>(typed, { table: builtinSchemas, kind, fieldValidation: 'Strict' }, { faults: [] }).object;
}

function configuredProfile(profile: KubeSchedulerProfile, percentage: number): Profile {
  const { schedulerName = '', plugins: chosen, pluginConfig = [], percentageOfNodesToScore = percentage } = profile;
  const plugins = defaultPlugins().flatMap((plugin) => {
    const config = pluginConfig.find(({ name, args }) => name === plugin.name && args !== undefined);
    const configured = config && plugin.configure ? plugin.configure(argsOf(config)) : plugin;
    return chosen ? (asChosen(configured, chosen) ?? []) : configured;
  });
  const preempts = !isOff(chosen, { points: ['postFilter'], name: 'DefaultPreemption' });
  return profileOf({ schedulerName, plugins, preempts, percentageOfNodesToScore });
}

type Hook = Exclude<keyof Plugin, 'name' | 'weight'>;

/** What goes with each extension point: a filter cannot do without what its plugin found out before. */
const hooks: Partial<Record<keyof Plugins, readonly Hook[]>> = {
  preEnqueue: ['preEnqueue'],
  preFilter: ['preFilter', 'filter', 'adjust'],
  filter: ['preFilter', 'filter', 'adjust'],
  preScore: ['preScore', 'score', 'normalize'],
  score: ['preScore', 'score', 'normalize'],
  reserve: ['reserve', 'preBind'],
  preBind: ['reserve', 'preBind'],
};

/** undefined when nothing of the plugin is left. */
function asChosen(plugin: Plugin, plugins: Plugins): Plugin | undefined {
  const { name } = plugin;
  if (isOff(plugins, { points: [], name })) return undefined;
  const left: Plugin = { ...plugin };
  for (const [point, names] of Object.entries(hooks)) {
    if (!isOff(plugins, { points: [point as keyof Plugins], name })) continue;
    for (const hook of names) delete left[hook];
  }
  const enabled = [...(plugins.multiPoint?.enabled ?? []), ...(plugins.score?.enabled ?? [])];
  const weight = enabled.findLast((one) => one.name === name)?.weight;
  return weight ? { ...left, weight } : left;
}

/** Disabled by name or by `*`, at one of the points or at all, and not enabled there again. */
function isOff(
  plugins: Plugins | undefined,
  { points, name }: { points: readonly (keyof Plugins)[]; name: string },
): boolean {
  const isDisabled = (point: keyof Plugins) =>
    plugins?.[point]?.disabled?.some((one) => one.name === name || one.name === '*') ?? false;
  const isEnabled = (point: keyof Plugins) => plugins?.[point]?.enabled?.some((one) => one.name === name) ?? false;
  return [...points, 'multiPoint' as const].some((point) => isDisabled(point) && ![...points, point].some(isEnabled));
}
