/** Pods count by what they ask for and may use, until they have ended. */
import type { Affinity, Container, Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '#api/gen/core-v1.js';
import { type Amounts, addAmounts, amountsOf } from '#apimachinery/amounts.js';
import { isExtendedResource, isHugePages, isNativeResource, isPodLevelResource, qosClassOf } from '../pod/resources.js';
import { podLimits, podRequests } from '../pod/totals.js';
import { countName, type Evaluator, matchesValues, one } from './evaluator.js';

const kind = { group: '', plural: 'pods' };
const objectCountName = countName(kind);

const computeNames = ['cpu', 'memory', 'ephemeral-storage'];
const names = new Set([
  objectCountName,
  'pods',
  ...computeNames.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
]);
/** Each container must say these where a quota counts them; upstream calls it a mistake that is kept. */
const requiredNames = ['cpu', 'memory'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]);

export const podEvaluator: Evaluator<Pod> = {
  ...kind,
  counts: (name) =>
    names.has(name) ||
    isHugePages(name) ||
    name.startsWith('requests.hugepages-') ||
    (name.startsWith('requests.') && !isNativeResource(name)),
  usage(pod, { nowMs }) {
    const count = new Map([[objectCountName, one]]);
    if (hasEnded(pod, nowMs)) return count;
    const options = { useStatus: true };
    return addAmounts(count, computeUsage(podRequests(pod, options), podLimits(pod, options)));
  },
  handles({ operation, subresource, object, old }) {
    if (subresource === 'resize') return operation === 'UPDATE';
    if (subresource !== '') return false;
    if (operation === 'CREATE') return true;
    // A deadline that is set later moves a pod into other scopes, and the next pod must find it counted there.
    if (operation !== 'UPDATE' || !object || !old) return false;
    return isTerminating(old) !== isTerminating(object);
  },
  matchesScope(scope, pod) {
    const { priorityClassName, affinity } = pod.spec ?? {};
    switch (scope.scopeName) {
      case 'Terminating':
        return isTerminating(pod);
      case 'NotTerminating':
        return !isTerminating(pod);
      case 'BestEffort':
        return qosClassOf(pod.spec) === 'BestEffort';
      case 'NotBestEffort':
        return qosClassOf(pod.spec) !== 'BestEffort';
      case 'PriorityClass':
        return matchesValues(scope, priorityClassName ? [priorityClassName] : []);
      case 'CrossNamespacePodAffinity':
        return looksAcrossNamespaces(affinity);
      default:
        return false;
    }
  },
  problem(counted, { spec }) {
    const required = requiredNames.filter((name) => counted.includes(name));
    const { containers = [], initContainers = [], resources } = spec ?? {};
    const isPodLevel = [resources?.requests, resources?.limits].some((list) =>
      Object.keys(list ?? {}).some(isPodLevelResource),
    );
    if (isPodLevel) return undefined;
    const missing = required.sort().flatMap((name) => {
      const silent = [...containers, ...initContainers].filter((container) => !usageOf(container).has(name));
      const who = [...new Set(silent.map((container) => container.name))].sort();
      return who.length > 0 ? [`${name} for: ${who.join(',')}`] : [];
    });
    return missing.length > 0 ? `must specify ${missing.join('; ')}` : undefined;
  },
};

function isTerminating({ spec }: Pod): boolean {
  return spec?.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds >= 0;
}

function usageOf({ resources }: Container): Amounts {
  return computeUsage(amountsOf(resources?.requests), amountsOf(resources?.limits));
}

function computeUsage(requests: Amounts, limits: Amounts): Amounts {
  const usage = new Map([['pods', one]]);
  for (const [name, quantity] of requests) {
    const isNamedPlainly = computeNames.includes(name) || isHugePages(name);
    if (isNamedPlainly) usage.set(name, quantity);
    if (isNamedPlainly || isExtendedResource(name)) usage.set(`requests.${name}`, quantity);
  }
  for (const name of computeNames) {
    const limit = limits.get(name);
    if (limit) usage.set(`limits.${name}`, limit);
  }
  return usage;
}

/** One that should have stopped by now is not waited for. */
function hasEnded({ metadata, status }: Pod, nowMs: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (!deletionTimestamp || deletionGracePeriodSeconds === undefined) return false;
  return nowMs > Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

function looksAcrossNamespaces({ podAffinity, podAntiAffinity }: Affinity = {}): boolean {
  const terms = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...((affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) as PodAffinityTerm[]),
    ...((affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) as WeightedPodAffinityTerm[]).map(
      ({ podAffinityTerm }) => podAffinityTerm,
    ),
  ]);
  return terms.some((term) => (term.namespaces?.length ?? 0) > 0 || term.namespaceSelector !== undefined);
}
