/**
 * KubeSchedulerConfiguration: profiles with their plugins, extenders, the pace of the queue, and who leads. What it asks
 * for that is not built here is refused by name. https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/
 */
import type {
  DefaultPreemptionArgs,
  KubeSchedulerConfiguration,
  KubeSchedulerProfile,
  NodeResourcesFitArgs,
  Plugins,
} from '#api/gen/kubescheduler-v1.js';
import {
  collect,
  duplicate,
  FieldError,
  type FieldErrors,
  invalidValue,
  required,
  valueNotFound,
} from '#apimachinery/field-error.js';
import { checkComponent, type Election, electionOf } from './component-configuration.js';
import { checkExtenders, type ExtenderSettings, extenderSettings, resourcesIgnoredFor } from './extenders/settings.js';
import { type Expanded, type ExtensionPoint, expand, extensionPoints, pointsOf } from './extension-points.js';
import type { Plugin } from './framework.js';
import { argsOf, checkArgs, configurationGroup } from './plugin-args.js';
import { builtIns, defaultSchedulerName, defaultsOf, type Profile, preemptionName, profileOf } from './profile.js';

export const configurationKind = {
  group: configurationGroup,
  kind: 'KubeSchedulerConfiguration',
  versions: ['v1'],
} as const;

export interface SchedulerConfiguration {
  profiles: readonly Profile[];
  initialBackoffMs: number;
  maxBackoffMs: number;
  extenders: readonly ExtenderSettings[];
  /** Where several run, one of which works. */
  election?: Election | false;
}

export interface ConfigureOptions {
  /** More plugins, which the configuration may enable by name. */
  plugins?: readonly Plugin[];
}

export const defaultConfiguration = (): SchedulerConfiguration => ({
  profiles: [profileOf()],
  initialBackoffMs: 1000,
  maxBackoffMs: 10_000,
  extenders: [],
});

/** Throws StatusError for arguments of plugins that have no such form. */
export function configure(
  given: KubeSchedulerConfiguration,
  { plugins = [] }: ConfigureOptions = {},
): SchedulerConfiguration | FieldError[] {
  const known = new Map(builtIns());
  for (const plugin of plugins) known.set(plugin.name, plugin);
  const errors = collect(check(given, known));
  if (errors.length > 0) return errors;
  const extenders = extenderSettings(given);
  if (isFaulty(extenders)) return extenders;
  const { podInitialBackoffSeconds = 1, podMaxBackoffSeconds = 10, percentageOfNodesToScore = 0 } = given;
  const shared = { known, percentageOfNodesToScore, ignoredResources: resourcesIgnoredFor(given) };
  return {
    profiles: profilesOf(given).map((profile) => configuredProfile(profile, shared)),
    extenders,
    initialBackoffMs: podInitialBackoffSeconds * 1000,
    maxBackoffMs: podMaxBackoffSeconds * 1000,
    election: electionOf(given),
  };
}

function isFaulty<T>(result: T[] | FieldError[]): result is FieldError[] {
  return result[0] instanceof FieldError;
}

/** The only profile may go without a name. */
function profilesOf({ profiles = [] }: KubeSchedulerConfiguration): readonly KubeSchedulerProfile[] {
  if (profiles.length === 0) return [{ schedulerName: defaultSchedulerName }];
  if (profiles.length === 1) return [{ schedulerName: defaultSchedulerName, ...profiles[0] }];
  return profiles;
}

type Known = ReadonlyMap<string, Plugin>;

function* check(given: KubeSchedulerConfiguration, known: Known): FieldErrors {
  const { parallelism = 16, podInitialBackoffSeconds = 1, podMaxBackoffSeconds = 10 } = given;
  yield* checkComponent(given);
  if (parallelism <= 0) yield invalidValue('parallelism', parallelism, 'should be an integer value greater than zero');
  const seen = new Map<string, number>();
  for (const [index, profile] of profilesOf(given).entries()) {
    const path = `profiles[${index}]`;
    yield* checkProfile(path, profile, known);
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
  yield* checkExtenders(given);
}

function* checkPercentage(path: string, value: number | undefined): FieldErrors {
  if (value !== undefined && (value < 0 || value > 100)) yield invalidValue(path, value, 'not in valid range [0-100]');
}

function* checkProfile(path: string, profile: KubeSchedulerProfile, known: Known): FieldErrors {
  const { schedulerName = '', plugins = {} } = profile;
  if (!schedulerName) yield required(`${path}.schedulerName`);
  yield* checkPercentage(`${path}.percentageOfNodesToScore`, profile.percentageOfNodesToScore);
  for (const point of [...extensionPoints, 'multiPoint'] as const) {
    yield* checkEnabled(`${path}.plugins.${point}.enabled`, { plugins, point, known });
  }
  const acting = expand(plugins, { defaults: defaultsOf(known), registered: known });
  for (const [point, word] of [
    ['queueSort', 'queue sort'],
    ['bind', 'bind'],
  ] as const) {
    const why = `at least one ${word} plugin is needed for profile with scheduler name ${JSON.stringify(schedulerName)}`;
    if (acting[point].length === 0) yield required(`${path}.plugins.${point}`, why);
  }
  const seen = new Set<string>();
  for (const [index, config] of (profile.pluginConfig ?? []).entries()) {
    const at = `${path}.pluginConfig[${index}]`;
    const { name = '' } = config;
    if (seen.has(name)) yield duplicate(at, name);
    seen.add(name);
    if (pointsOf(name, known).length === 0) yield valueNotFound(`${at}.name`, name);
    else if (known.has(name) && !builtIns().has(name)) continue;
    else yield* checkArgs(at, config);
  }
}

function* checkEnabled(
  path: string,
  { plugins, point, known }: { plugins: Plugins; point: ExtensionPoint | 'multiPoint'; known: Known },
): FieldErrors {
  const seen = new Set<string>();
  for (const [index, { name = '' }] of (plugins[point]?.enabled ?? []).entries()) {
    const at = `${path}[${index}].name`;
    const points = pointsOf(name, known);
    if (points.length === 0) yield valueNotFound(at, name);
    else if (point !== 'multiPoint' && !points.includes(point))
      yield invalidValue(at, name, `plugin ${JSON.stringify(name)} does not extend ${point} plugin`);
    if (seen.has(name)) yield duplicate(at, name);
    seen.add(name);
  }
}

function configuredProfile(
  profile: KubeSchedulerProfile,
  shared: { known: Known; percentageOfNodesToScore: number; ignoredResources: readonly string[] },
): Profile {
  const { known, percentageOfNodesToScore: percentage, ignoredResources } = shared;
  const { schedulerName = '', pluginConfig = [], percentageOfNodesToScore = percentage } = profile;
  const acting = expand(profile.plugins, { defaults: defaultsOf(known), registered: known });
  const configured = new Map<string, Plugin>();
  for (const [name, plugin] of known) {
    const config = pluginConfig.find((one) => one.name === name && one.args !== undefined);
    let args = config && (builtIns().has(name) ? argsOf<object>(config) : config.args);
    if (name === 'NodeResourcesFit' && ignoredResources.length > 0) args = ignoring(args ?? {}, ignoredResources);
    const left = asActing(args && plugin.configure ? plugin.configure(args) : plugin, { acting, known });
    if (left) configured.set(name, left);
  }
  const at = (point: ExtensionPoint) => acting[point].flatMap(({ name }) => configured.get(name) ?? []);
  const preemption = pluginConfig.find(({ name, args }) => name === preemptionName && args !== undefined);
  return profileOf({
    schedulerName,
    plugins: [...new Set([...at('filter'), ...configured.values()])],
    postFilters: acting.postFilter.flatMap(({ name }) =>
      name === preemptionName ? preemptionName : (configured.get(name) ?? []),
    ),
    preemption: preemption ? argsOf<DefaultPreemptionArgs>(preemption) : {},
    reserving: at('reserve'),
    permitting: at('permit'),
    preBinding: at('preBind'),
    binding: at('bind'),
    postBinding: at('postBind'),
    percentageOfNodesToScore,
  });
}

function ignoring(args: Partial<NodeResourcesFitArgs>, resources: readonly string[]): Partial<NodeResourcesFitArgs> {
  return { ...args, ignoredResources: [...(args.ignoredResources ?? []), ...resources] };
}

type Hook = Exclude<keyof Plugin, 'name' | 'weight'>;

/** What a plugin does not do when it is off at a point: a filter cannot do without what its plugin found out before. */
const hooks: Readonly<Partial<Record<ExtensionPoint, readonly Hook[]>>> = {
  preEnqueue: ['preEnqueue'],
  preFilter: ['preFilter', 'filter', 'adjust'],
  filter: ['filter', 'adjust'],
  preScore: ['preScore', 'score', 'normalize'],
  score: ['preScore', 'score', 'normalize'],
};

/** undefined when the plugin acts nowhere. */
function asActing(plugin: Plugin, { acting, known }: { acting: Expanded; known: Known }): Plugin | undefined {
  const { name } = plugin;
  const isAt = (point: ExtensionPoint) => acting[point].some((one) => one.name === name);
  if (!extensionPoints.some(isAt)) return undefined;
  const left: Plugin = { ...plugin };
  for (const [point, names] of Object.entries(hooks) as [ExtensionPoint, readonly Hook[]][]) {
    const mayAct = plugin[point as Hook] !== undefined && pointsOf(name, known).includes(point);
    if (isAt(point) || !mayAct) continue;
    for (const hook of names) delete left[hook];
  }
  const weight = acting.score.find((one) => one.name === name)?.weight;
  return weight === undefined ? left : { ...left, weight };
}
