/**
 * The devices that a node can reach, by pools: of each pool only the newest generation counts, and only when all of its
 * slices are there. https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#resourceslice
 */
import { matchesNodeSelector } from '#api/core/node-selector.js';
import type { Node, NodeSelector } from '#api/gen/core-v1.js';
import type { Device, ResourceSlice } from '#api/gen/resource-v1.js';
import { Quantity } from '#apimachinery/quantity.js';

export interface PoolDevice {
  /** `driver/pool/device`. */
  id: string;
  device: Device;
  slice: ResourceSlice;
  pool: Pool;
}

export interface Pool {
  /** `driver/pool`. */
  id: string;
  driver: string;
  name: string;
  /** `ready`, or what stands in the way of all its devices. */
  state: 'ready' | 'incomplete' | 'invalid';
  /** Those that the node can reach. */
  devices: readonly PoolDevice[];
  /** All slices of this generation, on whatever node. */
  slices: readonly ResourceSlice[];
  /** What devices share, by counter set and counter. */
  counters: ReadonlyMap<string, ReadonlyMap<string, Quantity>>;
}

/** All slices, so that those of one node need not be looked for among those of thousands. */
export class SliceIndex {
  readonly #byNode = new Map<string, ResourceSlice[]>();
  readonly #elsewhere: ResourceSlice[] = [];
  readonly #byPool = new Map<string, ResourceSlice[]>();

  constructor(slices: readonly ResourceSlice[]) {
    for (const slice of slices) {
      const { nodeName } = slice.spec;
      if (nodeName) append(this.#byNode, nodeName, slice);
      else this.#elsewhere.push(slice);
      append(this.#byPool, poolIdOf(slice), slice);
    }
  }

  /** In the order in which devices are given away: by names, but those that must be attached first come last. */
  poolsOf(node: Node): Pool[] {
    const byPool = new Map<string, ResourceSlice[]>();
    const near = this.#byNode.get(node.metadata.name!) ?? [];
    const reachable = this.#elsewhere.filter((slice) => isReachable(slice, node));
    for (const slice of [...near, ...reachable]) {
      const id = poolIdOf(slice);
      const known = byPool.get(id);
      const age = known ? slice.spec.pool.generation - known[0]!.spec.pool.generation : 1;
      if (age > 0) byPool.set(id, [slice]);
      else if (age === 0) known!.push(slice);
    }
    const pools = [...byPool].flatMap(([id, slices]) => this.#poolOf(id, { slices, node }) ?? []);
    return pools.sort(
      (a, b) =>
        Number(needsBinding(a)) - Number(needsBinding(b)) ||
        compareText(a.driver, b.driver) ||
        compareText(a.name, b.name),
    );
  }

  /** undefined for a generation that is being replaced by one without devices for the node. */
  #poolOf(id: string, { slices, node }: { slices: readonly ResourceSlice[]; node: Node }): Pool | undefined {
    const { driver, pool } = slices[0]!.spec;
    const parts = { id, driver, name: pool.name, devices: [], slices: [], counters: new Map() };
    const everywhere = this.#byPool.get(id)!;
    if (
      slices.length !== pool.resourceSliceCount &&
      everywhere.some((one) => one.spec.pool.generation > pool.generation)
    )
      return undefined;
    const all = everywhere.filter((one) => one.spec.pool.generation === pool.generation);
    if (all.length !== pool.resourceSliceCount) return { ...parts, state: 'incomplete' };
    const counters = countersOf(all);
    if (!counters || !areNamesUnique(slices) || !all.every((slice) => areCountersKnown(slice, counters)))
      return { ...parts, state: 'invalid' };
    const devices: PoolDevice[] = [];
    const made: Pool = { ...parts, state: 'ready', devices, slices: all, counters };
    for (const slice of [...slices].sort((a, b) => compareText(a.metadata.name!, b.metadata.name!))) {
      for (const device of slice.spec.devices ?? []) {
        if (slice.spec.perDeviceNodeSelection && !reaches(device, node)) continue;
        devices.push({ id: `${id}/${device.name}`, device, slice, pool: made });
      }
    }
    return made;
  }
}

function append<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function poolIdOf({ spec: { driver, pool } }: ResourceSlice): string {
  return `${driver}/${pool.name}`;
}

/** What says of which nodes something can be used from: a slice, or one of its devices. */
interface Reach {
  nodeName?: string;
  allNodes?: boolean;
  nodeSelector?: NodeSelector;
}

function reaches({ nodeName, allNodes, nodeSelector }: Reach, node: Node): boolean {
  if (nodeName) return nodeName === node.metadata.name;
  if (allNodes) return true;
  return nodeSelector !== undefined && matchesNodeSelector(nodeSelector.nodeSelectorTerms, node);
}

function isReachable({ spec }: ResourceSlice, node: Node): boolean {
  if (!spec.perDeviceNodeSelection) return reaches(spec, node);
  return (spec.devices ?? []).some((device) => reaches(device, node));
}

function needsBinding({ devices }: Pool): boolean {
  return devices.some(({ device }) => device.bindingConditions !== undefined);
}

/** undefined where two sets have one name. */
function countersOf(slices: readonly ResourceSlice[]): Map<string, Map<string, Quantity>> | undefined {
  const sets = new Map<string, Map<string, Quantity>>();
  for (const { spec } of slices) {
    for (const { name, counters } of spec.sharedCounters ?? []) {
      if (sets.has(name)) return undefined;
      sets.set(
        name,
        new Map(Object.entries(counters).map(([counter, { value }]) => [counter, Quantity.parse(value!)])),
      );
    }
  }
  return sets;
}

function areNamesUnique(slices: readonly ResourceSlice[]): boolean {
  const names = slices.flatMap(({ spec }) => (spec.devices ?? []).map(({ name }) => name));
  return new Set(names).size === names.length;
}

function areCountersKnown({ spec }: ResourceSlice, known: ReadonlyMap<string, ReadonlyMap<string, Quantity>>): boolean {
  return (spec.devices ?? []).every(({ consumesCounters = [] }) =>
    consumesCounters.every(({ counterSet, counters }) =>
      Object.keys(counters).every((name) => known.get(counterSet)?.has(name)),
    ),
  );
}

/** As upstream sorts: by bytes, which for the names here are characters. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
