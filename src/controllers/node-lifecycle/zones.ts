/**
 * Decides how fast nodes may be emptied: when most of a zone is silent, the fault is more likely in between than in
 * the nodes. https://kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction
 */
import type { Node } from '#api/gen/core-v1.js';
import { readyOf } from './health.js';

const ratePerSecond = 0.1;
const disruptedRatePerSecond = 0.01;
const unhealthyShare = 0.55;
const largeZoneNodes = 50;
const excludeLabel = 'node.kubernetes.io/exclude-disruption';

export function zoneOf({ metadata }: Node): string {
  const labels = metadata.labels ?? {};
  return `${labels['topology.kubernetes.io/region'] ?? ''}:${labels['topology.kubernetes.io/zone'] ?? ''}`;
}

export interface Disruption {
  /** No zone has a ready node: we are cut off ourselves, and no pod is to be moved. */
  isTotal: boolean;
  /** Nodes a second that may be tainted NoExecute, by zone. */
  ratePerSecond: Map<string, number>;
}

export function disruptionOf(nodes: readonly Node[]): Disruption {
  const zones = new Map<string, { ready: number; notReady: number }>();
  for (const node of nodes) {
    if (node.metadata.labels?.[excludeLabel] !== undefined) continue;
    const zone = zones.get(zoneOf(node)) ?? { ready: 0, notReady: 0 };
    zones.set(zoneOf(node), zone);
    if (readyOf(node)?.status === 'True') zone.ready++;
    else zone.notReady++;
  }
  const rates = [...zones].map(([name, counts]) => [name, rateOf(counts)] as const);
  const isTotal = zones.size > 0 && [...zones.values()].every(({ ready }) => ready === 0);
  return { isTotal, ratePerSecond: new Map(rates) };
}

function rateOf({ ready, notReady }: { ready: number; notReady: number }): number {
  const total = ready + notReady;
  const isPartlyDown = ready > 0 && notReady > 2 && notReady / total >= unhealthyShare;
  if (!isPartlyDown) return ratePerSecond;
  return total > largeZoneNodes ? disruptedRatePerSecond : 0;
}
