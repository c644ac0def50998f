/**
 * When a node is short of something: signals, thresholds, and what of them holds now. Pure.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#eviction-signals-and-thresholds
 */
import { parseMilliseconds } from '#apimachinery/codec/time.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { KubeletSettings } from '../settings.js';
import type { CgroupUsage, FilesystemUsage, NodeUsage } from '../stats/usage.js';

export type Condition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';
export type Starved = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

const memory = { condition: 'MemoryPressure', resource: 'memory' } as const;
const disk = { condition: 'DiskPressure', resource: 'ephemeral-storage' } as const;
const inodes = { condition: 'DiskPressure', resource: 'inodes' } as const;

/** In upstream's order; what containers write is on the file system of the node or of images, and counts there. */
export const signals = {
  'memory.available': memory,
  'allocatableMemory.available': memory,
  'nodefs.available': disk,
  'nodefs.inodesFree': inodes,
  'imagefs.available': disk,
  'imagefs.inodesFree': inodes,
  'containerfs.available': disk,
  'containerfs.inodesFree': inodes,
  'pid.available': { condition: 'PIDPressure', resource: 'pids' },
} as const satisfies Record<string, { condition: Condition; resource: Starved }>;

export type Signal = keyof typeof signals;

/** A share of the capacity, or an amount. */
export type Amount = { share: number } | { units: number };

export interface Threshold {
  signal: Signal;
  value: Amount;
  /** 0: pods are ended at once, and with no time of their own. */
  graceMs: number;
  /** How much more than the threshold is to be free before it no longer holds. */
  reclaim: Amount | undefined;
}

/** What went wrong with a threshold that a user wrote. */
export class ThresholdError extends Error {
  override readonly name = 'ThresholdError';
}

type EvictionSettings = Pick<
  KubeletSettings,
  'evictionHard' | 'evictionSoft' | 'evictionSoftGracePeriod' | 'evictionMinimumReclaim'
>;

/** Throws ThresholdError. */
export function thresholdsOf(settings: EvictionSettings): Threshold[] {
  const reclaims = entriesOf(settings.evictionMinimumReclaim, '=', amountOf);
  const graces = entriesOf(settings.evictionSoftGracePeriod, '=', (text) => parseMilliseconds(text));
  const threshold = (signal: Signal, value: Amount, graceMs: number) => ({
    signal,
    value,
    graceMs,
    reclaim: reclaims.get(signal),
  });
  const hard = [...entriesOf(settings.evictionHard, '<', thresholdAmount)].map(([signal, value]) =>
    threshold(signal, value, 0),
  );
  const soft = [...entriesOf(settings.evictionSoft, '<', thresholdAmount)].map(([signal, value]) => {
    const graceMs = graces.get(signal);
    if (graceMs === undefined)
      throw new ThresholdError(`grace period must be specified for the soft eviction threshold ${signal}`);
    return threshold(signal, value, graceMs);
  });
  // Pods together may be short of memory where the machine is not.
  const ofPods = hard
    .filter(({ signal }) => signal === 'memory.available')
    .map((one) => ({ ...one, signal: 'allocatableMemory.available' as const }));
  return [...hard, ...soft, ...ofPods].filter(
    ({ value }) => !('share' in value && (value.share <= 0 || value.share >= 1)),
  );
}

function entriesOf<T>(texts: readonly string[], operator: '<' | '=', parse: (text: string, signal: string) => T) {
  const entries = new Map<Signal, T>();
  for (const text of texts) {
    if (text === '') continue;
    const [signal = '', value, ...more] = text.split(operator);
    if (value === undefined || more.length > 0) throw new ThresholdError(`"${text}" is not <signal>${operator}<value>`);
    if (!(signal in signals)) throw new ThresholdError(`unsupported eviction signal ${signal}`);
    try {
      entries.set(signal as Signal, parse(value, signal));
    } catch (error) {
      throw new ThresholdError((error as Error).message);
    }
  }
  return entries;
}

function thresholdAmount(text: string, signal: string): Amount {
  const amount = amountOf(text);
  if ('share' in amount && amount.share > 1)
    throw new ThresholdError(`eviction percentage threshold ${signal} must be <= 100%: ${text}`);
  if ('units' in amount && amount.units <= 0)
    throw new ThresholdError(`eviction threshold ${signal} must be positive: ${text}`);
  return amount;
}

function amountOf(text: string): Amount {
  if (!text.endsWith('%')) return { units: Quantity.parse(text).unitsNumber() };
  const percent = Number(text.slice(0, -1));
  if (text === '%' || !(percent >= 0)) throw new ThresholdError(`"${text}" is not a percentage`);
  // Upstream keeps it in 32 bits, which messages show.
  return { share: Math.fround(percent / 100) };
}

export interface Observation {
  available: number;
  capacity: number;
}

export type Observations = ReadonlyMap<Signal, Observation>;

/** `ofPods`: of the cgroup above all pods. */
export function observe(node: NodeUsage, ofPods: CgroupUsage | undefined): Observations {
  const found = new Map<Signal, Observation>();
  const ofMemory = (signal: Signal, usage: CgroupUsage | undefined) => {
    const { limit, workingSet = 0 } = usage?.memory ?? {};
    if (limit !== undefined) found.set(signal, { available: Math.max(limit - workingSet, 0), capacity: limit });
  };
  const ofDisk = (name: 'nodefs' | 'imagefs', usage: FilesystemUsage | undefined) => {
    const { availableBytes, capacityBytes, inodesFree, inodes: all } = usage ?? {};
    if (availableBytes !== undefined && capacityBytes !== undefined)
      found.set(`${name}.available`, { available: availableBytes, capacity: capacityBytes });
    // File systems that make inodes as they are needed count none.
    if (inodesFree !== undefined && all) found.set(`${name}.inodesFree`, { available: inodesFree, capacity: all });
  };
  ofMemory('memory.available', node.own);
  ofMemory('allocatableMemory.available', ofPods);
  ofDisk('nodefs', node.filesystem);
  ofDisk('imagefs', node.images);
  const { max, running = 0 } = node.processes ?? {};
  if (max) found.set('pid.available', { available: max - running, capacity: max });
  return found;
}

export function unitsOf(amount: Amount, capacity: number): number {
  return 'units' in amount ? amount.units : Math.trunc(capacity * amount.share);
}

/** Those that hold; `withReclaim`: also those above which not yet enough is free. */
export function thresholdsMet(
  thresholds: readonly Threshold[],
  observations: Observations,
  { withReclaim }: { withReclaim: boolean },
): Threshold[] {
  return thresholds.filter(({ signal, value, reclaim }) => {
    const seen = observations.get(signal);
    if (!seen) return false;
    const more = withReclaim && reclaim ? unitsOf(reclaim, seen.capacity) : 0;
    return unitsOf(value, seen.capacity) + more > seen.available;
  });
}

/** What is remembered from one look to the next. Times are monotonic. */
export interface Pressure {
  firstMet: ReadonlyMap<Threshold, number>;
  lastSeen: ReadonlyMap<Condition, number>;
  /** Their grace is over, and not yet enough is free. */
  due: readonly Threshold[];
}

export const noPressure: Pressure = { firstMet: new Map(), lastSeen: new Map(), due: [] };

export function assess(
  thresholds: readonly Threshold[],
  before: Pressure,
  { observations, nowMs }: { observations: Observations; nowMs: number },
): Pressure {
  const met = thresholdsMet(thresholds, observations, { withReclaim: false });
  const unresolved = thresholdsMet(before.due, observations, { withReclaim: true });
  const held = [...new Set([...met, ...unresolved])];
  const firstMet = new Map(held.map((one) => [one, before.firstMet.get(one) ?? nowMs]));
  const now = new Map(held.map(({ signal }) => [signals[signal].condition as Condition, nowMs]));
  const due = held.filter((one) => nowMs - firstMet.get(one)! >= one.graceMs);
  return { firstMet, lastSeen: new Map([...before.lastSeen, ...now]), due };
}

/** The node says so for a while after it was last so, or it would be given new pods that it would have to end again. */
export function conditionsOf({ lastSeen }: Pressure, { transitionMs, nowMs }: { transitionMs: number; nowMs: number }) {
  return [...lastSeen].filter(([, atMs]) => nowMs - atMs < transitionMs).map(([condition]) => condition);
}

/** Memory before all else: without it nothing goes on. */
export function mostUrgent(due: readonly Threshold[]): Threshold | undefined {
  return due.find(({ signal }) => signals[signal].resource === 'memory') ?? due[0];
}
