/**
 * How NodeResourcesFit scores a node by what is taken of it: the emptier the better, the fuller, or by a curve.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/resource-bin-packing/
 */
import type { ScoringStrategy, UtilizationShapePoint } from '#api/gen/kubescheduler-v1.js';
import type { NodeInfo } from './node-info.js';
import type { PodRequests, Resources } from './resources.js';

export type ResourceScore = (wanted: PodRequests, node: NodeInfo) => number;

export const defaultResources = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

/** Scores of a curve are given from 0 to 10. */
const curveFactor = 10;

export function resourceScoreOf({ type, resources, requestedToCapacityRatio }: ScoringStrategy): ResourceScore {
  const weighed = resources?.length
    ? resources.map(({ name = '', weight }) => ({ name, weight: weight || 1 }))
    : defaultResources;
  if (type === 'RequestedToCapacityRatio') {
    const curve = curveOf(requestedToCapacityRatio?.shape ?? []);
    const scoreOf: AmountScore = (used, total) => curve(used > total ? 100 : Math.floor((used * 100) / total));
    const average = averageOf(weighed, { scoreOf, countsZeros: false });
    return (wanted, node) => Math.round(average(node, { wanted: wanted.requested, taken: node.requested }));
  }
  const scoreOf: AmountScore =
    type === 'MostAllocated'
      ? (used, total) => Math.floor((Math.min(used, total) * 100) / total)
      : (used, total) => (used > total ? 0 : Math.floor(((total - used) * 100) / total));
  const average = averageOf(weighed, { scoreOf, countsZeros: true });
  return (wanted, node) => Math.floor(average(node, { wanted: wanted.nonZero, taken: node.nonZeroRequested }));
}

type AmountScore = (used: number, total: number) => number;

/** By weight, over what the node has and the pod asks for. Asked of hundreds of nodes a pod: nothing is made on the way. */
function averageOf(
  weighed: readonly { name: string; weight: number }[],
  { scoreOf, countsZeros }: { scoreOf: AmountScore; countsZeros: boolean },
): (node: NodeInfo, amounts: { wanted: Resources; taken: Resources }) => number {
  return ({ allocatable }, { wanted, taken }) => {
    let sum = 0;
    let weights = 0;
    for (const { name, weight } of weighed) {
      if (!isCounted(name, { allocatable, wanted })) continue;
      const score = scoreOf(amountOf(taken, name) + amountOf(wanted, name), amountOf(allocatable, name));
      if (score === 0 && !countsZeros) continue;
      sum += score * weight;
      weights += weight;
    }
    return weights === 0 ? 0 : sum / weights;
  };
}

/** What the node does not have, or the pod does not ask for, is left out. */
export function isCounted(
  name: string,
  { allocatable, wanted }: { allocatable: Resources; wanted: Resources },
): boolean {
  const isScalar = name !== 'cpu' && name !== 'memory' && name !== 'ephemeral-storage';
  return amountOf(allocatable, name) !== 0 && !(isScalar && amountOf(wanted, name) === 0);
}

export function amountOf(resources: Resources, name: string): number {
  if (name === 'cpu') return resources.milliCpu;
  if (name === 'memory') return resources.memoryBytes;
  return name === 'ephemeral-storage' ? resources.ephemeralStorageBytes : (resources.scalars.get(name) ?? 0);
}

/** Straight lines between the points, level beyond the first and the last. */
function curveOf(shape: readonly UtilizationShapePoint[]): (utilization: number) => number {
  const points = shape.map(({ utilization = 0, score = 0 }) => ({ at: utilization, score: score * curveFactor }));
  return (utilization) => {
    const next = points.findIndex(({ at }) => utilization <= at);
    if (next < 0) return points.at(-1)!.score;
    const to = points[next]!;
    const from = points[next - 1];
    if (!from) return to.score;
    return from.score + Math.trunc(((to.score - from.score) * (utilization - from.at)) / (to.at - from.at));
  };
}
