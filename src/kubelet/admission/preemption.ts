/**
 * Which pods must go so that a critical one fits: as few of the better classes of service as will do. Pure.
 * https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/
 */
import { podRequests } from '#api/core/pod/totals.js';
import type { Pod } from '#api/gen/core-v1.js';
import { type QosClass, qosClass } from '../qos.js';
import { isStatic } from '../static-pods/origin.js';
import { inUnits, type Lack } from './resources.js';

/** What is to be freed; amounts that are freed already are left out. */
type Needs = ReadonlyMap<string, number>;

/** From `system-cluster-critical` on. */
const criticalPriority = 2_000_000_000;

/** The pods of the node's own files are, whatever their priority. */
export function isCritical(pod: Pod): boolean {
  return isStatic(pod) || (pod.spec.priority ?? 0) >= criticalPriority;
}

/** The pods that must go, or why none will do. */
export function victimsFor(
  pod: Pod,
  { admitted, lacks }: { admitted: readonly Pod[]; lacks: readonly Lack[] },
): Pod[] | string {
  const needs: Needs = new Map(lacks.map((one) => [one.resource, one.requested - (one.capacity - one.used)]));
  const candidates = admitted.filter((one) => mayPreempt(pod, one));
  const unmet = without(needs, candidates);
  if (unmet.size > 0) {
    const texts = [...unmet].map(([resource, amount]) => `(res: ${resource}, q: ${amount}), `);
    const cause = `no set of running pods found to reclaim resources: [${texts.join('')}]`;
    return `preemption: error finding a set of pods to preempt: ${cause}`;
  }
  const of = (wanted: QosClass) => candidates.filter((one) => qosClass(one) === wanted);
  const [bestEffort, burstable] = [of('BestEffort'), of('Burstable')];
  const guaranteed = nearest(of('Guaranteed'), without(needs, [...bestEffort, ...burstable]));
  const fromBurstable = nearest(burstable, without(needs, [...bestEffort, ...guaranteed]));
  const fromBestEffort = nearest(bestEffort, without(needs, [...fromBurstable, ...guaranteed]));
  return [...fromBestEffort, ...fromBurstable, ...guaranteed];
}

function mayPreempt(pod: Pod, other: Pod): boolean {
  if (isCritical(pod) && !isCritical(other)) return true;
  return (pod.spec.priority ?? 0) > (other.spec.priority ?? 0);
}

function without(needs: Needs, pods: readonly Pod[]): Needs {
  const left = new Map<string, number>();
  for (const [resource, amount] of needs) {
    const rest = pods.reduce((sum, pod) => sum - requestOf(pod, resource), amount);
    if (rest > 0) left.set(resource, rest);
  }
  return left;
}

/** One after the other, the pod that comes nearest to what is still needed. */
function nearest(pods: readonly Pod[], wanted: Needs): Pod[] {
  const left = [...pods];
  const chosen: Pod[] = [];
  for (let needs = wanted; needs.size > 0 && left.length > 0; needs = without(wanted, chosen)) {
    let best = left[0]!;
    for (const pod of left.slice(1)) {
      const farther = distance(needs, pod) - distance(needs, best);
      if (farther < 0 || (farther === 0 && asksLess(pod, best))) best = pod;
    }
    left.splice(left.indexOf(best), 1);
    chosen.push(best);
  }
  return chosen;
}

function distance(needs: Needs, pod: Pod): number {
  let sum = 0;
  for (const [resource, amount] of needs) {
    const rest = amount - requestOf(pod, resource);
    if (rest > 0) sum += (rest / amount) ** 2;
  }
  return sum;
}

function asksLess(a: Pod, b: Pod): boolean {
  for (const resource of ['memory', 'cpu']) {
    const difference = requestOf(a, resource) - requestOf(b, resource);
    if (difference !== 0) return difference < 0;
  }
  return true;
}

function requestOf(pod: Pod, resource: string): number {
  return resource === 'pods' ? 1 : inUnits(resource, podRequests(pod).get(resource));
}
