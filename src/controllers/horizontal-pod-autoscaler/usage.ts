/**
 * How many replicas the measured use asks for. Pods that are not ready and pods without a measurement are counted so
 * that they damp the change, and never turn it round.
 * https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
 */

import { isPodLevelResource, isSidecar } from '#api/core/pod/resources.js';
import { podRequests } from '#api/core/pod/totals.js';
import type { Container, Pod } from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { isReady, readyCondition } from '../pod-state.js';
import { AutoscalerFailure } from './failure.js';

/** Of a pod that has only just started, the processor time of its start says nothing. */
export interface Starting {
  initializationMs: number;
  initialReadinessMs: number;
}

export interface Measurement {
  /** Thousandths. */
  value: number;
  timestampMs: number;
  /** The time over which it was taken. */
  windowMs: number;
}

/** By the pod's name. */
export type Measurements = ReadonlyMap<string, Measurement>;

export interface Tolerances {
  scaleUp: number;
  scaleDown: number;
}

export interface Load {
  pods: readonly Pod[];
  measurements: Measurements;
  /** `cpu`, `memory`; empty for a metric that is no resource. */
  resource: string;
  currentReplicas: number;
  tolerances: Tolerances;
  starting: Starting;
  nowMs: number;
}

export interface Wanted {
  replicas: number;
  /** The mean over the pods measured, thousandths. */
  average: number;
}

/** The target is a percentage of what the pods (or one container of each) request. Throws AutoscalerFailure. */
export function replicasForUtilization(
  load: Load,
  { target, container }: { target: number; container: string | undefined },
): Wanted & { utilization: number } {
  const counted = count(load);
  const requests = new Map(load.pods.map((pod) => [pod.metadata.name!, requestOf(pod, load.resource, container)]));
  const utilizationOf = (values: ReadonlyMap<string, number>) => {
    const known = [...values].filter(([name]) => requests.has(name));
    const requested = sum(known.map(([name]) => requests.get(name)!));
    if (requested === 0) throw new AutoscalerFailure('no metrics returned matched known pods');
    const used = sum(known.map(([, value]) => value));
    return { utilization: Math.trunc((used * 100) / requested), average: Math.trunc(used / values.size) };
  };
  const replicas = damped(load, counted, {
    ratioOf: (values) => utilizationOf(values).utilization / target,
    fullUse: (name) => Math.trunc((requests.get(name)! * Math.max(100, target)) / 100),
  });
  return { replicas, ...utilizationOf(counted.values) };
}

/** The target is an amount for each pod, thousandths. Throws AutoscalerFailure. */
export function replicasForAverage(load: Load, target: number): Wanted {
  const counted = count(load);
  const averageOf = (values: ReadonlyMap<string, number>) => Math.trunc(sum(values.values()) / values.size);
  const replicas = damped(load, counted, {
    ratioOf: (values) => averageOf(values) / target,
    fullUse: () => target,
  });
  return { replicas, average: averageOf(counted.values) };
}

/** One value stands for all pods, and grows with what each of them has to bear. Throws AutoscalerFailure. */
export function replicasForValue(
  { pods, currentReplicas, tolerances }: Pick<Load, 'pods' | 'currentReplicas' | 'tolerances'>,
  { value, target }: { value: number; target: number },
): number {
  const ratio = value / target;
  // From nothing there are no pods to multiply.
  if (currentReplicas === 0) return Math.ceil(ratio);
  if (isWithin(tolerances, ratio)) return currentReplicas;
  if (pods.length === 0) throw new AutoscalerFailure(`unable to calculate ready pods: ${noPods}`);
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isReady(pod));
  return Math.ceil(ratio * ready.length);
}

/** One value is shared out among the pods. */
export function replicasForShare(
  { currentReplicas, tolerances }: Pick<Load, 'currentReplicas' | 'tolerances'>,
  { value, target }: { value: number; target: number },
): Wanted {
  const isNear = currentReplicas > 0 && isWithin(tolerances, value / (target * currentReplicas));
  const average = Math.ceil(value / Math.max(currentReplicas, 1));
  return { replicas: isNear ? currentReplicas : Math.ceil(value / target), average };
}

const noPods = 'no pods returned by selector while calculating replica count';

function isWithin({ scaleUp, scaleDown }: Tolerances, ratio: number): boolean {
  return 1 - scaleDown <= ratio && ratio <= 1 + scaleUp;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

interface Counted {
  /** What is measured of pods that count as ready (and of names that are no pods of ours). */
  values: Map<string, number>;
  ready: number;
  unready: string[];
  missing: string[];
}

/** Throws AutoscalerFailure where there are no pods, or nothing is known of those that count. */
function count({ pods, measurements, resource, starting, nowMs }: Load): Counted {
  if (pods.length === 0) throw new AutoscalerFailure(noPods);
  const counted: Counted = { values: new Map(), ready: 0, unready: [], missing: [] };
  for (const [name, { value }] of measurements) counted.values.set(name, value);
  for (const pod of pods) {
    const name = pod.metadata.name!;
    const { phase } = pod.status ?? {};
    const measurement = measurements.get(name);
    if (pod.metadata.deletionTimestamp || phase === 'Failed') {
      counted.values.delete(name);
    } else if (
      phase === 'Pending' ||
      (measurement && resource === 'cpu' && isStarting(pod, measurement, { ...starting, nowMs }))
    ) {
      counted.unready.push(name);
      counted.values.delete(name);
    } else if (measurement) counted.ready++;
    else counted.missing.push(name);
  }
  if (counted.values.size === 0)
    throw new AutoscalerFailure('did not receive metrics for targeted pods (pods might be unready)');
  return counted;
}

function isStarting(
  pod: Pod,
  { timestampMs, windowMs }: Measurement,
  { initializationMs, initialReadinessMs, nowMs }: Starting & { nowMs: number },
): boolean {
  const condition = readyCondition(pod);
  const { startTime } = pod.status ?? {};
  if (!condition || !startTime) return true;
  const startMs = Date.parse(startTime);
  const changedMs = Date.parse(condition.lastTransitionTime ?? startTime);
  const isUnready = condition.status === 'False';
  if (startMs + initializationMs > nowMs) return isUnready || timestampMs < changedMs + windowMs;
  return isUnready && startMs + initialReadinessMs > changedMs;
}

interface Rule {
  ratioOf(values: ReadonlyMap<string, number>): number;
  /** What a pod without a measurement is taken to use before the number may shrink. */
  fullUse(name: string): number;
}

function damped(
  { currentReplicas, tolerances }: Load,
  { values, ready, unready, missing }: Counted,
  { ratioOf, fullUse }: Rule,
): number {
  const ratio = ratioOf(values);
  const countsUnready = unready.length > 0 && ratio > 1;
  if (!countsUnready && missing.length === 0)
    return isWithin(tolerances, ratio) ? currentReplicas : Math.ceil(ratio * ready);
  const all = new Map(values);
  if (ratio < 1) for (const name of missing) all.set(name, fullUse(name));
  else if (ratio > 1) for (const name of missing) all.set(name, 0);
  if (countsUnready) for (const name of unready) all.set(name, 0);
  const dampedRatio = ratioOf(all);
  const turnsRound = (ratio < 1 && dampedRatio > 1) || (ratio > 1 && dampedRatio < 1);
  if (isWithin(tolerances, dampedRatio) || turnsRound) return currentReplicas;
  const replicas = Math.ceil(dampedRatio * all.size);
  const isAgainst = (dampedRatio < 1 && replicas > currentReplicas) || (dampedRatio > 1 && replicas < currentReplicas);
  return isAgainst ? currentReplicas : replicas;
}

/** Thousandths. What the pod requests as a whole goes before what its containers do. */
function requestOf(pod: Pod, resource: string, container: string | undefined): number {
  const { name = '' } = pod.metadata;
  const podLevel = Object.keys(pod.spec.resources?.requests ?? {}).some(isPodLevelResource);
  if (podLevel && container === undefined) {
    const request = podRequests(pod).get(resource);
    if (!request) throw new AutoscalerFailure(`missing pod-level request for ${resource} in Pod ${name}`);
    return request.milliNumber();
  }
  const of = (one: Container) => {
    const request = one.resources?.requests?.[resource];
    if (request === undefined)
      throw new AutoscalerFailure(`missing request for ${resource} in container ${one.name} of Pod ${name}`);
    return Quantity.parse(request).milliNumber();
  };
  const running = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isSidecar)];
  if (container === undefined) return sum(running.map(of));
  const only = running.find((one) => one.name === container);
  if (!only) throw new AutoscalerFailure(`container ${container} not found in Pod ${name}`);
  return of(only);
}
