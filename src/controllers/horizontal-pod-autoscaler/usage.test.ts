import { expect, it } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import {
  type Load,
  type Measurement,
  replicasForAverage,
  replicasForShare,
  replicasForUtilization,
  replicasForValue,
} from './usage.js';

const nowMs = Date.parse('2026-01-01T01:00:00Z');
const tolerances = { scaleUp: 0.1, scaleDown: 0.1 };

interface PodOptions {
  ready?: boolean;
  phase?: string;
  startedMs?: number;
  readySinceMs?: number;
  request?: string | undefined;
}

/** An hour old and ready for as long, unless it is said. */
function pod(name: string, options: PodOptions = {}): Pod {
  const { ready = true, phase = 'Running', startedMs = nowMs - 3_600_000 } = options;
  const { readySinceMs = startedMs + 60_000, request = '100m' } = options;
  const lastTransitionTime = new Date(readySinceMs).toISOString();
  const requests = request === '' ? undefined : { cpu: request };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'c', resources: { requests } }] },
    status: {
      phase,
      startTime: new Date(startedMs).toISOString(),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime }],
    },
  };
}

const measured = (...values: number[]): Map<string, Measurement> =>
  new Map(values.map((value, index) => [`p${index}`, { value, timestampMs: nowMs, windowMs: 60_000 }]));
const load = (pods: Pod[], measurements: Map<string, Measurement>): Load => ({
  pods,
  measurements,
  resource: 'cpu',
  currentReplicas: pods.length,
  tolerances,
  starting: { initializationMs: 300_000, initialReadinessMs: 30_000 },
  nowMs,
});
const three = [pod('p0'), pod('p1'), pod('p2')];
const utilization = (pods: Pod[], values: number[], target: number) =>
  replicasForUtilization(load(pods, measured(...values)), { target, container: undefined });

it('scales by the ratio of use to target, and leaves alone what is near it', () => {
  expect(utilization(three, [90, 90, 90], 30)).toEqual({ replicas: 9, utilization: 90, average: 90 });
  expect(utilization(three, [33, 33, 33], 30).replicas).toBe(3);
  expect(utilization(three, [10, 10, 10], 30).replicas).toBe(1);
  expect(replicasForAverage({ ...load(three, measured(20, 20, 20)), resource: '' }, 10)).toEqual({
    replicas: 6,
    average: 20,
  });
});

it('takes a tolerance of its own in each direction', () => {
  const own = { ...load(three, measured(39, 39, 39)), tolerances: { scaleUp: 0.5, scaleDown: 0 } };
  const options = { target: 30, container: undefined };
  expect(replicasForUtilization(own, options).replicas).toBe(3);
  expect(replicasForUtilization({ ...own, measurements: measured(29, 29, 29) }, options).replicas).toBe(3);
  expect(replicasForUtilization({ ...own, measurements: measured(19, 19, 19) }, options).replicas).toBe(2);
});

it('takes pods without a measurement for busy when it shrinks and for idle when it grows', () => {
  expect(utilization(three, [10, 10], 50).replicas).toBe(3);
  expect(utilization(three, [90, 90], 30).replicas).toBe(6);
  // They never turn the direction round.
  expect(utilization(three, [60], 50).replicas).toBe(3);
});

it('does not believe the processor time of pods that are starting', () => {
  const starting = pod('p2', { ready: false, startedMs: nowMs - 30_000 });
  expect(utilization([three[0]!, three[1]!, starting], [60, 60, 1000], 30).replicas).toBe(4);
  const neverReady = pod('p2', { ready: false, readySinceMs: nowMs - 3_600_000 + 10_000 });
  expect(utilization([three[0]!, three[1]!, neverReady], [30, 30, 1000], 30).replicas).toBe(3);
  // What was ready once and is not now works nonetheless.
  const broken = pod('p2', { ready: false, readySinceMs: nowMs - 60_000 });
  expect(utilization([three[0]!, three[1]!, broken], [60, 60, 60], 30).replicas).toBe(6);
  const pending = pod('p2', { phase: 'Pending' });
  expect(utilization([three[0]!, three[1]!, pending], [60, 60], 30).replicas).toBe(4);
});

it('says what is missing', () => {
  expect(() => utilization([], [], 30)).toThrow('no pods returned by selector while calculating replica count');
  expect(() => utilization(three, [], 30)).toThrow('did not receive metrics for targeted pods (pods might be unready)');
  expect(() => utilization([pod('p0', { request: '' })], [1], 30)).toThrow(
    'missing request for cpu in container c of Pod p0',
  );
  const unready = pod('p0', { request: '', phase: 'Pending' });
  expect(() => utilization([unready], [1], 30)).toThrow('did not receive metrics for targeted pods');
});

it('multiplies the ready pods by one value, and shares one value out', () => {
  const unready = pod('p2', { ready: false });
  const options = { pods: [three[0]!, three[1]!, unready], currentReplicas: 3, tolerances };
  expect(replicasForValue(options, { value: 3000, target: 1000 })).toBe(6);
  expect(replicasForValue(options, { value: 1050, target: 1000 })).toBe(3);
  expect(replicasForValue({ ...options, currentReplicas: 0 }, { value: 2500, target: 1000 })).toBe(3);
  expect(replicasForShare(options, { value: 5000, target: 1000 })).toEqual({ replicas: 5, average: 1667 });
  expect(replicasForShare(options, { value: 3100, target: 1000 })).toEqual({ replicas: 3, average: 1034 });
});
