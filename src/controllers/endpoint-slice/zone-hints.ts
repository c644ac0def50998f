/**
 * Topology aware routing: hints that give each zone a share of a service's endpoints as large as the zone's share of the
 * cluster's processors. https://kubernetes.io/docs/concepts/services-networking/topology-aware-routing/
 */
import type { Node, Service } from '#api/gen/core-v1.js';
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { EventText } from '#client/events.js';
import { keyOf } from '#client/informer.js';
import { isSpreadByZone, zoneLabel } from './endpoints.js';
import type { FamilyChanges } from './slices.js';
import { redistribute } from './zone-shares.js';

const controlPlaneLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];
/** How much more than its share an endpoint may have to bear. */
const overloadMax = 0.2;

type Counts = ReadonlyMap<string, number>;

interface Allocation {
  minimum: number;
  maximum: number;
  desired: number;
}

/** Each zone's part of the processors of nodes that are ready; undefined where that cannot be told, or is all in one. */
export function sharesOfZones(nodes: readonly Node[]): Counts | undefined {
  const byZone = new Map<string, number>();
  let total = 0;
  for (const { metadata, status } of nodes) {
    const { labels = {} } = metadata;
    if (controlPlaneLabels.some((label) => label in labels)) continue;
    if (!status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True')) continue;
    const milli = Quantity.tryParse(status.allocatable?.['cpu'])?.toNumber() ?? 0;
    const zone = labels[zoneLabel];
    if (!zone || milli === 0) return undefined;
    byZone.set(zone, (byZone.get(zone) ?? 0) + milli);
    total += milli;
  }
  if (byZone.size < 2) return undefined;
  return new Map([...byZone].sort().map(([zone, milli]) => [zone, milli / total]));
}

/** What the hints of services are, as far as they were given here, and what becomes of them. */
export class ZoneHints {
  /** By service and family of addresses: how many endpoints each zone was given. */
  readonly #given = new Map<string, Map<string, Counts>>();
  readonly #populated = new Set<string>();
  /** Why a service has no hints is told once, not whenever it is looked at. */
  readonly #told = new Map<string, string>();

  /** Puts hints into the changes, and unchanged slices into those to be written where theirs do not do any more. */
  apply(service: Service, changes: FamilyChanges, shares: Counts | undefined): EventText[] {
    const key = keyOf(service);
    if (!isSpreadByZone(service)) return this.#stop(key, changes.addressType);
    const { creates, updates, unchanged } = changes;
    const ready = [...creates, ...updates, ...unchanged].flatMap(endpointsOf).filter(isReady);
    const allocations = allocate(ready.length, shares);
    if (typeof allocations === 'string') return this.#giveUp(key, changes, allocations);
    if (ready.some(({ zone }) => !zone))
      return this.#giveUp(key, changes, 'One or more endpoints do not have a zone specified');
    const given = keepUnchanged(changes, allocations);
    const open = [...changes.creates, ...changes.updates].flatMap(endpointsOf);
    for (const endpoint of open) {
      if (!isReady(endpoint)) delete endpoint.hints;
      else {
        count(given, endpoint.zone!, 1);
        endpoint.hints = { forZones: [{ name: endpoint.zone! }] };
      }
    }
    const desired = new Map([...allocations].map(([zone, { desired }]) => [zone, desired]));
    redistribute(open.filter(isReady), { desired, given });
    if (given.size === 0) return this.#giveUp(key, changes, 'No hints allocated for zones');
    const byFamily = this.#given.get(key) ?? new Map<string, Counts>();
    this.#given.set(key, byFamily.set(changes.addressType, given));
    const isNew = !this.#populated.has(key);
    this.#populated.add(key);
    this.#told.delete(key);
    return isNew ? [said('Enabled', 'Topology Aware Hints has been enabled', changes.addressType)] : [];
  }

  /** Services of which a zone has too few endpoints, as zones are now. */
  overloaded(shares: Counts | undefined): string[] {
    return [...this.#given].flatMap(([key, families]) =>
      [...families.values()].some((given) => isOverloaded(given, shares)) ? [key] : [],
    );
  }

  forget(key: string): void {
    this.#given.delete(key);
    this.#populated.delete(key);
    this.#told.delete(key);
  }

  #drop(key: string, addressType: string): void {
    const families = this.#given.get(key);
    families?.delete(addressType);
    if (families?.size === 0) this.#given.delete(key);
    this.#populated.delete(key);
  }

  #stop(key: string, addressType: string): EventText[] {
    const wasOn = this.#populated.has(key);
    this.#drop(key, addressType);
    this.#told.delete(key);
    return wasOn ? [said('Disabled', 'Topology Aware Hints has been disabled', addressType)] : [];
  }

  #giveUp(key: string, changes: FamilyChanges, why: string): EventText[] {
    this.#drop(key, changes.addressType);
    for (const endpoint of [...changes.creates, ...changes.updates].flatMap(endpointsOf)) delete endpoint.hints;
    reopen(changes, (slice) => endpointsOf(slice).some(({ hints }) => hints));
    const text = said('Disabled', why, changes.addressType);
    if (this.#told.get(key) === text.message) return [];
    this.#told.set(key, text.message);
    return [text];
  }
}

function said(state: 'Enabled' | 'Disabled', what: string, addressType: string): EventText {
  const type = state === 'Enabled' ? 'Normal' : 'Warning';
  return { type, reason: `TopologyAwareHints${state}`, message: `${what}, addressType: ${addressType}` };
}

/** How many endpoints each zone may have and should; or why that cannot be said. */
function allocate(endpoints: number, shares: Counts | undefined): Map<string, Allocation> | string {
  if (!shares) return 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes';
  const counts = `(${endpoints} endpoints, ${shares.size} zones)`;
  if (shares.size > endpoints) return `Insufficient number of endpoints ${counts}`;
  const minima = new Map([...shares].map(([zone, share]) => [zone, leastOf(share * endpoints)]));
  const least = [...minima.values()].reduce((sum, one) => sum + one, 0);
  if (least > endpoints)
    return `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${counts}`;
  return new Map(
    [...minima].map(([zone, minimum]) => {
      const desired = Math.max(shares.get(zone)! * endpoints, minimum);
      return [zone, { minimum, maximum: minimum + endpoints - least, desired }];
    }),
  );
}

function leastOf(share: number): number {
  return Math.ceil(share * (1 / (1 + overloadMax)));
}

/** The hints that unchanged slices give; those that cannot stay so are reopened. */
function keepUnchanged(changes: FamilyChanges, allocations: ReadonlyMap<string, Allocation>): Map<string, number> {
  const given = new Map<string, number>();
  reopen(changes, (slice) => {
    const own = hintsOf(slice);
    const fits =
      own && [...own].every(([zone, n]) => n + (given.get(zone) ?? 0) <= (allocations.get(zone)?.maximum ?? 0));
    if (!fits) return true;
    for (const [zone, n] of own) count(given, zone, n);
    return false;
  });
  return given;
}

/** undefined: an endpoint that is ready has none. */
function hintsOf(slice: EndpointSlice): Map<string, number> | undefined {
  const counts = new Map<string, number>();
  for (const endpoint of endpointsOf(slice)) {
    if (!isReady(endpoint)) continue;
    const zones = endpoint.hints?.forZones ?? [];
    if (zones.length === 0) return undefined;
    for (const { name } of zones) count(counts, name, 1);
  }
  return counts;
}

/** Makes slices that were to stay ones to be written, without hints. */
function reopen(changes: FamilyChanges, isWrong: (slice: EndpointSlice) => boolean): void {
  const staying: EndpointSlice[] = [];
  for (const slice of changes.unchanged) {
    if (!isWrong(slice)) staying.push(slice);
    else changes.updates.push({ ...slice, endpoints: endpointsOf(slice).map(({ hints: _, ...rest }) => rest) });
  }
  changes.unchanged = staying;
}

function isOverloaded(given: Counts, shares: Counts | undefined): boolean {
  if (given.size === 0) return false;
  if (!shares) return true;
  const total = [...given.values()].reduce((sum, one) => sum + one, 0);
  return [...shares].some(([zone, share]) => (given.get(zone) ?? 0) < leastOf(total * share));
}

function endpointsOf({ endpoints }: EndpointSlice): Endpoint[] {
  return endpoints ?? [];
}

function isReady({ conditions }: Endpoint): boolean {
  return conditions?.ready === true;
}

function count(counts: Map<string, number>, zone: string, by: number): void {
  counts.set(zone, (counts.get(zone) ?? 0) + by);
}
