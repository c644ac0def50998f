/** Rules of `resources`: names, amounts, and requests against limits. */
import type { PodSpec, ResourceRequirements } from '#api/gen/core-v1.js';
import {
  collect,
  duplicate,
  FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#apimachinery/field-error.js';
import { qualifiedNameProblems } from '#apimachinery/names.js';
import { Quantity } from '#apimachinery/quantity.js';
import { endsStep } from '#base/turns.js';
import { checkLabel, each, type FieldErrors } from '../../meta/check.js';
import {
  aggregateRequests,
  hugePageSize,
  isExtendedResource,
  isHugePages,
  isNativeResource,
  isOvercommitAllowed,
  isPodLevelResource,
} from './resources.js';

const standardContainerResources = ['cpu', 'memory', 'ephemeral-storage'];
/** Names without a domain that mean something somewhere: in containers, volumes or quotas. */
const standardResources = [
  ...standardContainerResources,
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'storage',
  'requests.storage',
  'services.nodeports',
  'services.loadbalancers',
];

/** Counted, never divided. */
const integerResources = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
];

export function* checkResourceName(path: string, name: string): FieldErrors {
  const problems = qualifiedNameProblems(name);
  for (const problem of problems) yield invalidValue(path, name, problem);
  if (problems.length > 0 || name.includes('/') || standardResources.includes(name)) return;
  if (isHugePages(name) || name.startsWith('requests.hugepages-')) return;
  yield invalidValue(path, name, 'must be a standard resource type or fully qualified');
}

export function* checkContainerResourceName(path: string, name: string): FieldErrors {
  yield* checkResourceName(path, name);
  if (!name.includes('/')) {
    if (!standardContainerResources.includes(name) && !isHugePages(name))
      yield invalidValue(path, name, 'must be a standard resource for containers');
  } else if (!isNativeResource(name) && !isExtendedName(name)) {
    yield invalidValue(path, name, "doesn't follow extended resource name standard");
  }
}

/** A quota on it must be possible: `requests.<name>` has to be a qualified name as well. */
export function isExtendedName(name: string): boolean {
  return isExtendedResource(name) && qualifiedNameProblems(`requests.${name}`).length === 0;
}

function* checkPodResourceName(path: string, name: string): FieldErrors {
  const errors = collect(checkResourceName(path, name));
  yield* errors;
  if (errors.length === 0 && !isPodLevelResource(name)) yield notSupported(path, name, ['cpu', 'hugepages-', 'memory']);
}

/** `name` decides whether fractions are allowed. */
export function* checkQuantity(path: string, amount: string, name: string): FieldErrors {
  const quantity = Quantity.tryParse(amount);
  if (!quantity) return;
  if (quantity.sign < 0) yield invalidValue(path, quantity.toString(), 'must be greater than or equal to 0');
  const isCounted = integerResources.includes(name) || isExtendedResource(name);
  if (isCounted && quantity.milli() % 1000n !== 0n) yield invalidValue(path, quantity.toString(), 'must be an integer');
}

interface Claims {
  claimNames: readonly string[];
}

export function checkContainerResources(path: string, resources: ResourceRequirements, claims: Claims): FieldErrors {
  return checkRequirements(path, resources, { ...claims, checkName: checkContainerResourceName });
}

type NameCheck = (path: string, name: string) => FieldErrors;

function* checkRequirements(
  path: string,
  { limits = {}, requests = {}, claims }: ResourceRequirements,
  { checkName, claimNames }: Claims & { checkName: NameCheck },
): FieldErrors {
  for (const [name, amount] of Object.entries(limits))
    yield* checkAmount(`${path}.limits[${name}]`, { name, amount }, checkName);
  for (const [name, amount] of Object.entries(requests)) {
    yield* checkAmount(`${path}.requests[${name}]`, { name, amount }, checkName);
    yield* checkAgainstLimit(path, { name, amount, limit: limits[name] });
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory'))
    yield forbiddenField(path, 'HugePages require cpu or memory');
  yield* checkClaims(`${path}.claims`, claims, claimNames);
}

function* checkAmount(
  path: string,
  { name, amount }: { name: string; amount: string },
  checkName: NameCheck,
): FieldErrors {
  if (endsStep()) yield;
  yield* checkName(path, name);
  yield* checkQuantity(path, amount, name);
  const page = hugePageSize(name);
  const quantity = Quantity.tryParse(amount);
  if (!page || !quantity) return;
  if (page.sign <= 0 || quantity.nanos % page.nanos !== 0n)
    yield invalidValue(path, quantity.toString(), `${quantity} is not positive integer multiple of ${name}`);
}

function* checkAgainstLimit(
  path: string,
  { name, amount, limit }: { name: string; amount: string; limit: string | undefined },
): FieldErrors {
  if (limit === undefined) {
    if (!isOvercommitAllowed(name))
      yield required(`${path}.limits`, 'Limit must be set for non overcommitable resources');
    return;
  }
  const asked = Quantity.tryParse(amount);
  const allowed = Quantity.tryParse(limit);
  if (!asked || !allowed) return;
  if (!isOvercommitAllowed(name) && !asked.equals(allowed))
    yield invalidValue(`${path}.requests`, asked.toString(), `must be equal to ${name} limit of ${allowed}`);
  else if (asked.compare(allowed) > 0)
    yield invalidValue(
      `${path}.requests`,
      asked.toString(),
      `must be less than or equal to ${name} limit of ${allowed}`,
    );
}

/** Each claim of a container is one of the pod's, named once (or once for each of its requests). */
function* checkClaims(path: string, claims: ResourceRequirements['claims'], known: readonly string[]): FieldErrors {
  if (!claims?.length) return;
  const seen = new Set<string>();
  const named = new Set<string>();
  const names = new Set(known);
  const listed = known.length === 0 ? ' which is empty' : `: ${known.toSorted().join(', ')}`;
  let listedCharacters = 0;
  for (const { path: at, value } of each(path, claims)) {
    const { name, request } = value;
    if (endsStep()) yield;
    if (!name) {
      yield required(at);
      continue;
    }
    const key = request ? `${name}/${request}` : name;
    const isRepeated = seen.has(name) || seen.has(key) || (!request && named.has(name));
    if (request && !seen.has(name)) yield* checkLabel(`${at}.request`, request);
    if (isRepeated) yield duplicate(at, seen.has(name) ? name : key);
    seen.add(key);
    if (request) named.add(name);
    if (names.has(name)) continue;
    const isListed = listedCharacters < listedCharactersMax;
    if (isListed) listedCharacters += listed.length;
    yield unknownClaim(at, name, isListed ? listed : '');
  }
}

/** Of the names of claims, which each claim that is none of them would tell again. */
const listedCharactersMax = 1024 * 1024;

function unknownClaim(path: string, name: string, listed: string): FieldError {
  const body = `Not found: ${JSON.stringify(name)}: must be one of the names in pod.spec.resourceClaims${listed}`;
  return new FieldError({ type: 'FieldValueNotFound', path, body });
}

/** The pod's own resources hold those of its containers. */
export function* checkPodResources(path: string, spec: PodSpec, claims: Claims): FieldErrors {
  const { resources } = spec;
  if (!resources) return;
  if (spec.os?.name === 'windows') {
    yield forbiddenField(path, 'may not be set for a windows pod');
    return;
  }
  if (resources.claims) yield forbiddenField(`${path}.claims`, 'claims may not be set for Resources at pod-level');
  yield* checkRequirements(path, resources, { ...claims, checkName: checkPodResourceName });
  yield* checkAggregate(path, spec, 'requests');
  yield* checkAggregate(path, spec, 'limits');
  yield* checkContainerLimits(path, spec);
}

/** Limits of containers need not add up to the pod's, but for huge pages, which are given out whole. */
function* checkAggregate(path: string, spec: PodSpec, list: 'requests' | 'limits'): FieldErrors {
  const amounts = spec.resources?.[list] ?? {};
  const isWanted = (name: string) => Object.hasOwn(amounts, name) && (list === 'requests' || isHugePages(name));
  for (const [name, sum] of aggregateRequests(spec, { list, isWanted })) {
    if (endsStep()) yield;
    const own = Quantity.tryParse(amounts[name]);
    if (own && sum.compare(own) > 0) {
      const why = `must be greater than or equal to aggregate container ${list} of ${sum}`;
      yield invalidValue(`${path}.${list}[${name}]`, own.toString(), why);
    }
  }
}

function* checkContainerLimits(path: string, { containers, resources }: PodSpec): FieldErrors {
  for (const [index, container] of containers.entries()) {
    for (const [name, amount] of Object.entries(container.resources?.limits ?? {})) {
      if (endsStep()) yield;
      const limit = Quantity.tryParse(amount);
      const own = Quantity.tryParse(resources?.limits?.[name]);
      if (limit && own && limit.compare(own) > 0) {
        const at = `${path}.containers[${index}][${name}].limits`;
        yield invalidValue(at, limit.toString(), `must be less than or equal to pod limits of ${own}`);
      }
    }
  }
}
