/**
 * The limits of a namespace: what containers ask for when they say nothing, and what they, pods and claims may ask for.
 * https://kubernetes.io/docs/concepts/policy/limit-range/
 */
import podResource from '#api/core/pod/index.js';
import { podLimits, podRequests } from '#api/core/pod/totals.js';
import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '#api/gen/core-v1.js';
import { type Amounts, amountsOf, noAmounts } from '#apimachinery/amounts.js';
import type { StatusError } from '#apimachinery/errors.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { listAll } from './look.js';
import { isOn, refuse } from './refuse.js';

const limitRanges = { group: '', plural: 'limitranges' };
const claims = { group: '', plural: 'persistentvolumeclaims' };
const annotation = 'kubernetes.io/limit-ranger';

export function limitRanger({ registry }: { registry: () => Registry }): AdmissionPlugin {
  return {
    name: 'LimitRanger',
    handles: (request) => {
      const { operation, old } = request;
      if ((operation !== 'CREATE' && operation !== 'UPDATE') || old?.metadata.deletionTimestamp) return false;
      if (isOn(request, podResource)) return operation === 'CREATE';
      return isOn(request, podResource, 'resize') || isOn(request, claims);
    },
    async mutate(request) {
      if (isOn(request, claims)) return;
      for (const { spec } of await listAll<LimitRange>(registry(), limitRanges, request.namespace))
        setDefaults(request.object as Pod, spec?.limits ?? []);
    },
    async validate(request) {
      for (const { spec } of await listAll<LimitRange>(registry(), limitRanges, request.namespace)) {
        const limits = spec?.limits ?? [];
        const problems = isOn(request, claims)
          ? claimProblems(request.object as PersistentVolumeClaim, limits)
          : podProblems(request.object as Pod, limits);
        if (problems.length > 0) throw refuseAll(request, problems);
      }
    },
  };
}

function refuseAll(request: AdmissionRequest, problems: readonly string[]): StatusError {
  const unique = [...new Set(problems)];
  return refuse(request, unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`);
}

/** The annotation tells which amounts are not the creator's. */
function setDefaults(pod: Pod, limits: readonly LimitRangeItem[]): void {
  const ofContainers = limits.filter(({ type }) => type === 'Container');
  const byDefault = {
    requests: Object.assign({}, ...ofContainers.map(({ defaultRequest }) => defaultRequest)) as Record<string, string>,
    limits: Object.assign({}, ...ofContainers.map((limit) => limit.default)) as Record<string, string>,
  };
  const told = [
    ...(pod.spec?.containers ?? []).flatMap((container) => fill(container, byDefault, 'container')),
    ...(pod.spec?.initContainers ?? []).flatMap((container) => fill(container, byDefault, 'init container')),
  ];
  if (told.length === 0) return;
  const { metadata } = pod;
  metadata.annotations = { ...metadata.annotations, [annotation]: `LimitRanger plugin set: ${told.join('; ')}` };
}

function fill(
  container: Container,
  byDefault: Record<'requests' | 'limits', Record<string, string>>,
  what: string,
): string[] {
  const told: string[] = [];
  for (const [field, word] of [
    ['requests', 'request'],
    ['limits', 'limit'],
  ] as const) {
    const own = container.resources?.[field] ?? {};
    const missing = Object.keys(byDefault[field]).filter((name) => !Object.hasOwn(own, name));
    if (missing.length === 0) continue;
    const added = Object.fromEntries(missing.map((name) => [name, byDefault[field][name]!]));
    container.resources = { ...container.resources, [field]: { ...own, ...added } };
    told.push(`${missing.sort().join(', ')} ${word} for ${what} ${container.name}`);
  }
  return told;
}

interface Asked {
  requests: Amounts;
  limits: Amounts;
}

type Constraint = (name: string, enforced: Quantity, asked: Asked) => string | undefined;

function podProblems(pod: Pod, limits: readonly LimitRangeItem[]): string[] {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  return limits.flatMap((limit) => {
    if (limit.type === 'Container')
      return [...containers, ...initContainers].flatMap(({ resources }) => {
        const asked = { requests: amountsOf(resources?.requests), limits: amountsOf(resources?.limits) };
        return problemsOf(limit, asked);
      });
    if (limit.type !== 'Pod') return [];
    const options = { withoutOverhead: true };
    return problemsOf(limit, { requests: podRequests(pod, options), limits: podLimits(pod, options) });
  });
}

function problemsOf(limit: LimitRangeItem, asked: Asked): string[] {
  const { type, min, max, maxLimitRequestRatio } = limit;
  return [
    ...judge(min, atLeast(type), asked),
    ...judge(max, atMost(type), asked),
    ...judge(maxLimitRequestRatio, withinRatio(type), asked),
  ];
}

/** A claim has requests only. */
function claimProblems({ spec }: PersistentVolumeClaim, limits: readonly LimitRangeItem[]): string[] {
  const asked = { requests: amountsOf(spec?.resources?.requests), limits: noAmounts };
  return limits
    .filter(({ type }) => type === 'PersistentVolumeClaim')
    .flatMap(({ type, min, max }) => [...judge(min, atLeast(type), asked), ...judge(max, requestAtMost(type), asked)]);
}

function judge(enforced: Record<string, string> | undefined, constraint: Constraint, asked: Asked): string[] {
  return [...amountsOf(enforced)].flatMap(([name, quantity]) => constraint(name, quantity, asked) ?? []);
}

function atLeast(type: string): Constraint {
  return (name, enforced, { requests, limits }) => {
    const told = `minimum ${name} usage per ${type} is ${enforced}`;
    const [request, limit] = [requests.get(name), limits.get(name)];
    if (!request) return `${told}.  No request is specified`;
    if (request.compare(enforced) < 0) return `${told}, but request is ${request}`;
    return limit && limit.compare(enforced) < 0 ? `${told}, but limit is ${limit}` : undefined;
  };
}

function atMost(type: string): Constraint {
  return (name, enforced, { requests, limits }) => {
    const told = `maximum ${name} usage per ${type} is ${enforced}`;
    const [request, limit] = [requests.get(name), limits.get(name)];
    if (!limit) return `${told}.  No limit is specified`;
    if (limit.compare(enforced) > 0) return `${told}, but limit is ${limit}`;
    return request && request.compare(enforced) > 0 ? `${told}, but request is ${request}` : undefined;
  };
}

function requestAtMost(type: string): Constraint {
  return (name, enforced, { requests }) => {
    const told = `maximum ${name} usage per ${type} is ${enforced}`;
    const request = requests.get(name);
    if (!request) return `${told}.  No request is specified`;
    return request.compare(enforced) > 0 ? `${told}, but request is ${request}` : undefined;
  };
}

function withinRatio(type: string): Constraint {
  return (name, enforced, { requests, limits }) => {
    const told = `${name} max limit to request ratio per ${type} is ${enforced}`;
    const [request, limit] = [requests.get(name) ?? Quantity.zero, limits.get(name) ?? Quantity.zero];
    if (request.isZero) return `${told}, but no request is specified or request is 0`;
    if (limit.isZero) return `${told}, but no limit is specified or limit is 0`;
    const ratio = limit.toNumber() / request.toNumber();
    return ratio > enforced.toNumber() ? `${told}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
  };
}
