/** The arguments of plugins in a profile: read strictly, with upstream's defaults and complaints. */

import { checkNodeAffinity } from '#api/core/pod/validate-scheduling.js';
import type {
  DefaultPreemptionArgs,
  DynamicResourcesArgs,
  InterPodAffinityArgs,
  NodeAffinityArgs,
  NodeResourcesBalancedAllocationArgs,
  NodeResourcesFitArgs,
  PluginConfig,
  PodTopologySpreadArgs,
  ResourceSpec,
  ScoringStrategy,
  UtilizationShapePoint,
  VolumeBindingArgs,
} from '#api/gen/kubescheduler-v1.js';
import { checkQualifiedName, each, type FieldErrors } from '#api/meta/check.js';
import { builtinSchemas } from '#api/schema-table.js';
import { parseDuration } from '#apimachinery/codec/time.js';
import { decodeValue } from '#apimachinery/decode.js';
import { badRequest } from '#apimachinery/errors.js';
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';

export const configurationGroup = 'kubescheduler.config.k8s.io';

const percentRange = 'not in valid range [0, 100]';

/** The arguments may say their kind, or leave it to the plugin's name. Throws StatusError for what has no such form. */
export function argsOf<T>({ name = '', args }: PluginConfig): T {
  const kind = { group: configurationGroup, version: 'v1', kind: `${name}Args` };
  const given = { apiVersion: `${kind.group}/v1`, kind: kind.kind, ...(args as object) };
  const wanted = `${kind.group}/v1, Kind=${kind.kind}`;
  const said = `${given.apiVersion}, Kind=${given.kind}`;
  if (said !== wanted) throw badRequest(`args for plugin ${name} were not of type ${wanted}, got ${said}`);
  return decodeValue<T>(given, { table: builtinSchemas, kind, fieldValidation: 'Strict' }, { faults: [] }).object;
}

/** By plugin, what its arguments may say. A plugin that is not here takes none. */
const checks: Readonly<Record<string, (path: string, config: PluginConfig) => FieldErrors>> = {
  DefaultPreemption: (path, config) => checkPreemption(path, argsOf(config)),
  DynamicResources: (path, config) => checkDevices(path, argsOf(config)),
  InterPodAffinity: (path, config) => checkPodAffinity(path, argsOf(config)),
  NodeAffinity: (path, config) => checkAddedAffinity(path, argsOf(config)),
  NodeResourcesBalancedAllocation: (path, config) => checkBalance(path, argsOf(config)),
  NodeResourcesFit: (path, config) => checkFit(path, argsOf(config)),
  PodTopologySpread: (path, config) => checkSpread(path, argsOf(config)),
  VolumeBinding: (path, config) => checkVolumes(path, argsOf(config)),
};

export function* checkArgs(path: string, config: PluginConfig): FieldErrors {
  const { name = '', args } = config;
  if (Object.hasOwn(checks, name)) yield* checks[name]!(`${path}.args`, config);
  else if (args !== undefined) yield forbiddenField(`${path}.args`, `${name} takes no arguments`);
}

function* checkPreemption(path: string, args: DefaultPreemptionArgs): FieldErrors {
  const { minCandidateNodesPercentage: percentage = 10, minCandidateNodesAbsolute: absolute = 100 } = args;
  const [percentagePath, absolutePath] = [`${path}.minCandidateNodesPercentage`, `${path}.minCandidateNodesAbsolute`];
  if (percentage < 0 || percentage > 100) yield invalidValue(percentagePath, percentage, percentRange);
  if (absolute < 0) yield invalidValue(absolutePath, absolute, 'not in valid range [0, inf)');
  if (percentage !== 0 || absolute !== 0) return;
  yield invalidValue(percentagePath, percentage, 'cannot be zero at the same time as minCandidateNodesAbsolute');
  yield invalidValue(absolutePath, absolute, 'cannot be zero at the same time as minCandidateNodesPercentage');
}

function* checkDevices(path: string, { filterTimeout, bindingTimeout }: DynamicResourcesArgs): FieldErrors {
  if (filterTimeout !== undefined && parseDuration(filterTimeout) < 0n)
    yield invalidValue(`${path}.filterTimeout`, filterTimeout, 'must be zero or positive');
  if (bindingTimeout !== undefined && parseDuration(bindingTimeout) < 1_000_000_000n)
    yield invalidValue(`${path}.bindingTimeout`, bindingTimeout, 'must be at least 1 second');
}

function* checkPodAffinity(path: string, { hardPodAffinityWeight: weight = 1 }: InterPodAffinityArgs): FieldErrors {
  if (weight < 0 || weight > 100) yield invalidValue(`${path}.hardPodAffinityWeight`, weight, percentRange);
}

function* checkAddedAffinity(path: string, { addedAffinity }: NodeAffinityArgs): FieldErrors {
  if (addedAffinity) yield* checkNodeAffinity(`${path}.addedAffinity`, addedAffinity);
}

function* checkBalance(path: string, { resources = [] }: NodeResourcesBalancedAllocationArgs): FieldErrors {
  const seen = new Set<string>();
  for (const { path: at, value } of each(`${path}.resources`, resources)) {
    const { name = '', weight } = value;
    if (seen.has(name)) yield duplicate(`${at}.name`, name);
    seen.add(name);
    if (weight && weight !== 1) yield invalidValue(`${at}.weight`, weight, 'must be 1');
  }
}

const strategies = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'];

function* checkFit(path: string, args: NodeResourcesFitArgs): FieldErrors {
  for (const { path: at, value } of each(`${path}.ignoredResources`, args.ignoredResources))
    yield* checkQualifiedName(at, value);
  for (const { path: at, value } of each(`${path}.ignoredResourceGroups`, args.ignoredResourceGroups)) {
    if (value.includes('/')) yield invalidValue(at, value, "resource group name can't contain '/'");
    yield* checkQualifiedName(at, value);
  }
  if (args.scoringStrategy) yield* checkStrategy(`${path}.scoringStrategy`, args.scoringStrategy);
}

function* checkStrategy(
  path: string,
  { type = '', resources, requestedToCapacityRatio }: ScoringStrategy,
): FieldErrors {
  if (!strategies.includes(type)) yield notSupported(`${path}.type`, type, strategies);
  yield* checkWeights(`${path}.resources`, resources);
  const ratio = `${path}.requestedToCapacityRatio`;
  if (type !== 'RequestedToCapacityRatio') {
    if (requestedToCapacityRatio) yield forbiddenField(ratio, 'must be nil when type is not RequestedToCapacityRatio');
  } else if (!requestedToCapacityRatio)
    yield required(ratio, 'must be specified when type is RequestedToCapacityRatio');
  else yield* checkShape(`${ratio}.shape`, requestedToCapacityRatio.shape ?? []);
}

function* checkWeights(path: string, resources: readonly ResourceSpec[] | undefined): FieldErrors {
  for (const { path: at, value } of each(path, resources)) {
    const { name = '', weight } = value;
    if (!weight || (weight > 0 && weight <= 100)) continue;
    yield invalidValue(`${at}.weight`, weight, `resource weight of ${name} not in valid range (0, 100]`);
  }
}

function* checkShape(path: string, shape: readonly UtilizationShapePoint[]): FieldErrors {
  if (shape.length === 0) yield required(path, 'at least one point must be specified');
  const unsorted = shape.findIndex((point, at) => at > 0 && shape[at - 1]!.utilization! >= point.utilization!);
  if (unsorted > 0) {
    const why = 'values must be sorted in increasing order';
    yield invalidValue(`${path}[${unsorted}].utilization`, shape[unsorted]!.utilization, why);
  }
  for (const { path: at, value } of each(path, shape)) {
    const { utilization = 0, score = 0 } = value;
    if (utilization < 0 || utilization > 100) yield invalidValue(`${at}.utilization`, utilization, percentRange);
    if (score < 0 || score > 10) yield invalidValue(`${at}.score`, score, 'not in valid range [0, 10]');
  }
}

const defaultings = ['System', 'List'];
const spreadActions = ['DoNotSchedule', 'ScheduleAnyway'];

function* checkSpread(path: string, args: PodTopologySpreadArgs): FieldErrors {
  const { defaultingType: type = 'System', defaultConstraints = [] } = args;
  if (!defaultings.includes(type)) yield notSupported(`${path}.defaultingType`, type, defaultings);
  else if (type === 'System' && defaultConstraints.length > 0)
    yield invalidValue(`${path}.defaultingType`, type, 'when .defaultConstraints are not empty');
  const seen = new Set<string>();
  for (const { path: at, value } of each(`${path}.defaultConstraints`, defaultConstraints)) {
    const { maxSkew = 0, topologyKey = '', whenUnsatisfiable: action = '', labelSelector } = value;
    if (maxSkew <= 0) yield invalidValue(`${at}.maxSkew`, maxSkew, 'not in valid range (0, inf)');
    if (!topologyKey) yield required(`${at}.topologyKey`, 'can not be empty');
    else yield* checkQualifiedName(`${at}.topologyKey`, topologyKey);
    if (!action) yield required(`${at}.whenUnsatisfiable`, 'can not be empty');
    else if (!spreadActions.includes(action)) yield notSupported(`${at}.whenUnsatisfiable`, action, spreadActions);
    if (labelSelector) {
      const why = 'constraint must not define a selector, as they deduced for each pod';
      yield forbiddenField(`${at}.labelSelector`, why);
    }
    const identity = `{${topologyKey}, ${action}}`;
    if (seen.has(identity)) yield duplicate(at, identity);
    seen.add(identity);
  }
}

function* checkVolumes(path: string, { bindTimeoutSeconds = 600, shape }: VolumeBindingArgs): FieldErrors {
  const why = 'invalid BindTimeoutSeconds, should not be a negative value';
  if (bindTimeoutSeconds < 0) yield invalidValue(`${path}.bindTimeoutSeconds`, bindTimeoutSeconds, why);
  if (shape) {
    const off = 'unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring';
    yield invalidValue(`${path}.shape`, shape, off);
  }
}
