/** Which endpoints serve another zone than their own, so that each zone has about as many as it should. */
import type { Endpoint } from '#api/gen/discovery-v1.js';

/** Gives endpoints of zones that have too many the hints of zones that have too few, and keeps `given` in step. */
export function redistribute(
  ready: readonly Endpoint[],
  { desired, given }: { desired: ReadonlyMap<string, number>; given: Map<string, number> },
): void {
  const { giving, receiving } = moves(desired, given);
  for (const endpoint of ready) {
    const from = endpoint.zone!;
    const to = receiving.keys().next().value;
    if (to === undefined || !giving.has(from)) continue;
    endpoint.hints = { forZones: [{ name: to }] };
    take(giving, from);
    take(receiving, to);
    given.set(to, (given.get(to) ?? 0) + 1);
    given.set(from, given.get(from)! - 1);
  }
}

function take(counts: Map<string, number>, zone: string): void {
  const left = counts.get(zone)! - 1;
  if (left === 0) counts.delete(zone);
  else counts.set(zone, left);
}

/** Whole endpoints from the zone with most to spare to the one that lacks most, until what is left is not worth it. */
function moves(
  desired: ReadonlyMap<string, number>,
  given: ReadonlyMap<string, number>,
): { giving: Map<string, number>; receiving: Map<string, number> } {
  const spare = new Map<string, number>();
  const lack = new Map<string, number>();
  for (const [zone, target] of desired) {
    const more = (given.get(zone) ?? 0) - target;
    if (more > 0) spare.set(zone, more);
    else if (more < 0) lack.set(zone, -more);
  }
  const giving = new Map<string, number>();
  const receiving = new Map<string, number>();
  for (;;) {
    const from = most(spare);
    const to = most(lack);
    if (!from || !to || (from[1] < 1 && to[1] < 1) || from[1] < 0.5 || to[1] < 0.5) return { giving, receiving };
    spare.set(from[0], from[1] - 1);
    lack.set(to[0], to[1] - 1);
    giving.set(from[0], (giving.get(from[0]) ?? 0) + 1);
    receiving.set(to[0], (receiving.get(to[0]) ?? 0) + 1);
  }
}

function most(zones: ReadonlyMap<string, number>): [string, number] | undefined {
  let best: [string, number] | undefined;
  for (const entry of zones) if (entry[1] > (best?.[1] ?? 0)) best = entry;
  return best;
}
