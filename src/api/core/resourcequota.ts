/** ResourceQuota: how much the objects of a namespace may use together, and how many there may be. */
import type { ResourceQuota, ResourceQuotaSpec, ScopedResourceSelectorRequirement } from '#api/gen/core-v1.js';
import { invalidValue, required } from '#apimachinery/field-error.js';
import { immutableMessage } from '#apimachinery/metadata-validation.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { roundUpToMilli } from './pod/defaults.js';
import { checkQuantity, checkResourceName } from './pod/validate-resources.js';

export default defineResource<ResourceQuota>({
  group: '',
  versions: ['v1'],
  kind: 'ResourceQuota',
  shortNames: ['quota'],
  namespaced: true,
  subresources: { status: true },
  storageVersionHash: '8uhSgffRX6w=',
  deletion: { returnsObject: true },
  default: setDefaults,
  validate: ({ spec }) => checkSpec(spec ?? {}),
  validateUpdate: ({ spec }, old) => checkSameScopes(spec ?? {}, old.spec ?? {}),
  validateStatusUpdate: ({ status = {} }) => [
    ...checkAmounts('status.hard', status.hard),
    ...checkAmounts('status.used', status.used),
  ],
  warnings: (quota, old) => (old ? [] : [...warn(quota)]),
  columns: [
    nameColumn,
    {
      name: 'Request',
      type: 'string',
      description: 'Request represents a minimum amount of cpu/memory that a container may consume.',
      cell: (quota) => usageCell(quota, { ofLimits: false }),
    },
    {
      name: 'Limit',
      type: 'string',
      description:
        'Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.',
      cell: (quota) => usageCell(quota, { ofLimits: true }),
    },
    ageColumn,
  ],
});

/** `cpu: 1/2, pods: 0/4`: what the quota's controller has seen, which is nothing at first. */
function usageCell({ status }: ResourceQuota, { ofLimits }: { ofLimits: boolean }): string {
  const hard = status?.hard ?? {};
  const names = Object.keys(hard).filter((name) => name.startsWith('limits.') === ofLimits);
  return names
    .sort()
    .map((name) => `${name}: ${status?.used?.[name] ?? '0'}/${hard[name]}`)
    .join(', ');
}

function setDefaults(quota: ResourceQuota): void {
  quota.spec ??= {};
  for (const amounts of [quota.spec.hard, quota.status?.hard, quota.status?.used]) if (amounts) roundUpToMilli(amounts);
}

function* checkSpec(spec: ResourceQuotaSpec): FieldErrors {
  yield* checkAmounts('spec.hard', spec.hard);
  yield* checkScopes('spec.scopes', spec);
  yield* checkScopeSelector('spec.scopeSelector.matchExpressions', spec);
}

const computeResources = ['cpu', 'memory', 'ephemeral-storage', 'storage'];
const countedResources = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
];

/** Names without a domain that a quota may have. */
function isQuotaName(name: string): boolean {
  if (name.startsWith('hugepages-') || name.startsWith('requests.hugepages-')) return true;
  if (countedResources.includes(name)) return true;
  if (name.startsWith('requests.')) return computeResources.includes(name.slice('requests.'.length));
  return name !== 'storage' && name !== 'limits.storage' && computeResources.includes(name.replace(/^limits\./, ''));
}

function* checkAmounts(path: string, amounts: Record<string, string> | undefined): FieldErrors {
  for (const [name, amount] of Object.entries(amounts ?? {})) {
    const at = `${path}[${name}]`;
    yield* checkResourceName(at, name);
    if (!name.includes('/') && !isQuotaName(name))
      yield invalidValue(at, name, 'must be a standard resource for quota');
    yield* checkQuantity(at, amount, name);
  }
}

const ofPods = ['pods'];
const ofRunningPods = [...ofPods, 'cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'];
const ofVolumes = ['persistentvolumeclaims', 'requests.storage'];

/** What each scope can count. What the scope does not know of has no names without a domain. */
const resourcesOfScope: Record<string, readonly string[]> = {
  Terminating: ofRunningPods,
  NotTerminating: ofRunningPods,
  BestEffort: ofPods,
  NotBestEffort: ofRunningPods,
  PriorityClass: ofRunningPods,
  CrossNamespacePodAffinity: ofRunningPods,
  VolumeAttributesClass: ofVolumes,
};

const contradictions = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
];

function isMismatched(scope: string, name: string): boolean {
  const known = Object.hasOwn(resourcesOfScope, scope) ? resourcesOfScope[scope] : undefined;
  return known !== undefined && !name.includes('/') && isQuotaName(name) && !known.includes(name);
}

function* checkScopes(path: string, { scopes = [], hard = {} }: ResourceQuotaSpec): FieldErrors {
  for (const scope of scopes) {
    if (!Object.hasOwn(resourcesOfScope, scope)) yield invalidValue(path, scopes, 'unsupported scope');
    for (const name of Object.keys(hard).sort())
      if (isMismatched(scope, name)) yield invalidValue(path, scopes, 'unsupported scope applied to resource');
  }
  for (const pair of contradictions)
    if (pair.every((scope) => scopes.includes(scope))) yield invalidValue(path, scopes, 'conflicting scopes');
}

function* checkScopeSelector(path: string, spec: ResourceQuotaSpec): FieldErrors {
  const { scopeSelector, hard = {} } = spec;
  const requirements = scopeSelector?.matchExpressions ?? [];
  for (const requirement of requirements) {
    const { scopeName } = requirement;
    if (!Object.hasOwn(resourcesOfScope, scopeName))
      yield invalidValue(`${path}.scopeName`, scopeName ?? '', 'unsupported scope');
    for (const name of Object.keys(hard).sort())
      if (isMismatched(scopeName, name))
        yield invalidValue(path, goScopeSelector(requirements), 'unsupported scope applied to resource');
    yield* checkRequirement(path, requirement);
  }
  const names = requirements.map(({ scopeName }) => scopeName);
  for (const pair of contradictions)
    if (pair.every((scope) => names.includes(scope)))
      yield invalidValue(path, spec.scopes ?? null, 'conflicting scopes');
}

/** As upstream's own type shows itself, whose fields have Go's names. */
function goScopeSelector(requirements: readonly ScopedResourceSelectorRequirement[]) {
  return {
    MatchExpressions: requirements.map(({ scopeName, operator, values }) => ({
      ScopeName: scopeName,
      Operator: operator,
      Values: values ?? null,
    })),
  };
}

/** Scopes that a pod is in or not have no values to choose from. */
const plainScopes = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity'];

function* checkRequirement(path: string, requirement: ScopedResourceSelectorRequirement): FieldErrors {
  const { scopeName, operator, values = [] } = requirement;
  if (plainScopes.includes(scopeName) && operator !== 'Exists') {
    const why =
      "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
    yield invalidValue(`${path}.operator`, operator ?? '', why);
  }
  const at = `${path}.values`;
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0)
      yield required(at, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0)
      yield invalidValue(
        at,
        values,
        "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
      );
  } else yield invalidValue(`${path}.operator`, operator ?? '', 'not a valid selector operator');
}

function* checkSameScopes(spec: ResourceQuotaSpec, { scopes: old = [] }: ResourceQuotaSpec): FieldErrors {
  const { scopes = [] } = spec;
  const isSame = scopes.every((scope) => old.includes(scope)) && old.every((scope) => scopes.includes(scope));
  if (!isSame) yield invalidValue('spec.scopes', spec.scopes ?? null, immutableMessage);
}

/** Limits below what may be requested: the requests can never be used up. */
function* warn({ spec }: ResourceQuota): Generator<string, void, undefined> {
  const hard = spec?.hard ?? {};
  for (const name of ['cpu', 'memory', 'storage', 'ephemeral-storage']) {
    const isPlain = hard[`requests.${name}`] === undefined && (name === 'cpu' || name === 'memory');
    const [request, limit] = [isPlain ? name : `requests.${name}`, `limits.${name}`];
    const [asked, allowed] = [Quantity.tryParse(hard[request]), Quantity.tryParse(hard[limit])];
    if (asked && allowed && asked.compare(allowed) > 0)
      yield `ResourceQuota ${request} (${asked}) should be less than ${limit} (${allowed})`;
  }
}
