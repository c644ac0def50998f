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
    return (wanted, node) => {
      const scores = scoresOf(weighed, (name) => {
        const { total, used } = amountsOn(node, { name, wanted: wanted.requested, taken: node.requested });
        return total === undefined ? undefined : curve(used > total ? 100 : Math.floor((used * 100) / total));
      });
      const counted = scores.filter(({ score }) => score > 0);
      return Math.round(average(counted));
    };
  }
  const most = type === 'MostAllocated';
  return (wanted, node) => {
    const scores = scoresOf(weighed, (name) => {
      const { total, used } = amountsOn(node, { name, wanted: wanted.nonZero, taken: node.nonZeroRequested });
      if (total === undefined) return undefined;
      if (most) return Math.floor((Math.min(used, total) * 100) / total);
      return used > total ? 0 : Math.floor(((total - used) * 100) / total);
    });
    return Math.floor(average(scores));
  };
}

interface Weighed {
  score: number;
  weight: number;
}

/** What the node does not have, or the pod does not ask for, is left out. */
function scoresOf(
  resources: readonly { name: string; weight: number }[],
  scoreOf: (name: string) => number | undefined,
): Weighed[] {
  const scores: Weighed[] = [];
  for (const { name, weight } of resources) {
    const score = scoreOf(name);
    if (score !== undefined) scores.push({ score, weight });
  }
  return scores;
}

function average(scores: readonly Weighed[]): number {
  let sum = 0;
  let weights = 0;
  for (const { score, weight } of scores) {
    sum += score * weight;
    weights += weight;
  }
  return weights === 0 ? 0 : sum / weights;
}

export function amountsOn(
  { allocatable }: NodeInfo,
  { name, wanted, taken }: { name: string; wanted: Resources; taken: Resources },
): { total: number | undefined; used: number } {
  const total = amountOf(allocatable, name);
  const asked = amountOf(wanted, name);
  const isScalar = name !== 'cpu' && name !== 'memory' && name !== 'ephemeral-storage';
  if (total === 0 || (isScalar && asked === 0)) return { total: undefined, used: 0 };
  return { total, used: amountOf(taken, name) + asked };
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
