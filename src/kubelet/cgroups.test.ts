import { describe, expect, test } from 'vitest';
import type { Container, Pod, PodSpec } from '#api/gen/core-v1.js';
import {
  containerResources,
  cpuQuotaUs,
  cpuShares,
  cpuWeight,
  oomScoreAdj,
  podCgroup,
  podResources,
} from './cgroups.js';
import { qosClass } from './qos.js';

const node = { memoryBytes: 4 * 2 ** 30 };
const with_ = (requests: object | undefined, limits?: object): Container =>
  ({ name: 'c', resources: { ...(requests && { requests }), ...(limits && { limits }) } }) as Container;
const podOf = (...containers: Container[]): Pod => podWith({ containers });
const podWith = (spec: PodSpec): Pod => ({ apiVersion: 'v1', kind: 'Pod', metadata: { uid: 'u' }, spec });

test.each([
  [0, 2],
  [1, 2],
  [100, 102],
  [1000, 1024],
  [1_000_000, 262_144],
])('%i milli CPU are %i shares', (milli, shares) => expect(cpuShares(milli)).toBe(shares));

test.each([
  [0, 0],
  [1, 1000],
  [500, 50_000],
  [1234, 123_400],
])('%i milli CPU are a quota of %i us', (milli, quota) => expect(cpuQuotaUs(milli)).toBe(quota));

test('weights span the shares', () => {
  expect([cpuWeight(2), cpuWeight(1024), cpuWeight(262_144)]).toEqual([1, 39, 10_000]);
});

describe('quality of service', () => {
  const full = { cpu: '1', memory: '1Gi' };
  test.each<[string, Pod, string, number, string]>([
    ['nothing asked', podOf(with_(undefined)), 'BestEffort', 1000, '/k/besteffort/podu'],
    ['all of it', podOf(with_(full, { cpu: '1000m', memory: '1024Mi' })), 'Guaranteed', -997, '/k/podu'],
    ['limits alone', podOf(with_(undefined, full)), 'Guaranteed', -997, '/k/podu'],
    ['a quarter of memory', podOf(with_({ memory: '1Gi' })), 'Burstable', 750, '/k/burstable/podu'],
    ['no memory', podOf(with_({ cpu: '1' })), 'Burstable', 999, '/k/burstable/podu'],
    ['all memory', podOf(with_({ memory: '4Gi' })), 'Burstable', 3, '/k/burstable/podu'],
    ['one without', podOf(with_(full, full), with_(undefined)), 'Burstable', 750, '/k/burstable/podu'],
  ])('%s', (_title, pod, qos, score, cgroup) => {
    expect(qosClass(pod)).toBe(qos);
    expect(oomScoreAdj(pod, pod.spec.containers[0]!, node)).toBe(score);
    expect(podCgroup('/k', pod)).toBe(cgroup);
  });
});

test('a node-critical pod is never killed first, and a sidecar not before what it serves', () => {
  const critical = { ...podOf(with_(undefined)) };
  critical.spec = { ...critical.spec, priorityClassName: 'system-node-critical' };
  expect(oomScoreAdj(critical, critical.spec.containers[0]!, node)).toBe(-997);
  const side: Container = { ...with_({ memory: '1Mi' }), name: 's', restartPolicy: 'Always' };
  const pod = podWith({ initContainers: [side], containers: [with_({ memory: '2Gi' })] });
  expect(oomScoreAdj(pod, side, node)).toBe(500);
});

test('a container gets its own, the pod the sum or what initialization needs', () => {
  const one = with_({ cpu: '100m', memory: '64Mi' }, { cpu: '200m', memory: '128Mi' });
  expect(containerResources(podOf(one), one, node)).toMatchObject({
    cpuPeriodUs: 100_000,
    cpuQuotaUs: 20_000,
    cpuShares: 102,
    memoryLimitBytes: 128 * 2 ** 20,
  });
  const init = with_({ cpu: '1' }, { cpu: '1', memory: '1Gi' });
  const pod = podWith({ initContainers: [init], containers: [one, one] });
  expect(podResources(pod)).toEqual({
    cpuPeriodUs: 100_000,
    cpuQuotaUs: 100_000,
    cpuShares: 1024,
    memoryLimitBytes: 2 ** 30,
  });
  expect(podResources(podOf(one, with_({ cpu: '100m' })))).toMatchObject({
    cpuQuotaUs: 0,
    memoryLimitBytes: 0,
    cpuShares: 204,
  });
});

describe('a pod that asks for resources as a whole', () => {
  const container = (name: string, resources?: object) => ({ name, image: 'i', ...(resources && { resources }) });
  const pod = {
    metadata: {},
    spec: {
      resources: { requests: { cpu: '1', memory: '300Mi' }, limits: { cpu: '2', memory: '500Mi' } },
      containers: [container('free'), container('bound', { requests: { memory: '100Mi' }, limits: { cpu: '500m' } })],
    },
  } as unknown as Pod;

  test('limits its containers where they do not limit themselves', () => {
    const [free, bound] = pod.spec.containers.map((one) => containerResources(pod, one, { memoryBytes: 2 ** 30 }));
    expect(free).toMatchObject({ cpuQuotaUs: 200_000, cpuShares: 2048, memoryLimitBytes: 500 * 2 ** 20 });
    expect(bound).toMatchObject({ cpuQuotaUs: 50_000, cpuShares: 512, memoryLimitBytes: 500 * 2 ** 20 });
  });

  test('has what they do not ask for count for each of them alike when memory runs out', () => {
    // 200Mi of the 300Mi are nobody's: 100Mi for each.
    const scores = pod.spec.containers.map((one) => oomScoreAdj(pod, one, { memoryBytes: 1000 * 2 ** 20 }));
    expect(scores).toEqual([900, 800]);
  });
});
