/** What a KubeSchedulerConfiguration may say, and what comes of it. */
import { expect, test } from 'vitest';
import type { KubeSchedulerConfiguration, KubeSchedulerProfile } from '#api/gen/kubescheduler-v1.js';
import { SeededPrng } from '#base/prng.js';
import { configure } from './configuration.js';
import { schedulePod } from './cycle.js';
import type { NodeInfo } from './node-info.js';
import { node, pod, requesting, snapshotOf } from './test-snapshot.js';

const given = (parts: Partial<KubeSchedulerConfiguration>): KubeSchedulerConfiguration => ({
  apiVersion: 'kubescheduler.config.k8s.io/v1',
  kind: 'KubeSchedulerConfiguration',
  ...parts,
});

function faults(parts: Partial<KubeSchedulerConfiguration>): string[] {
  const configured = configure(given(parts));
  return Array.isArray(configured) ? configured.map(({ message }) => message) : [];
}

function decideBy(profile: KubeSchedulerProfile, nodes: readonly NodeInfo[], one = pod(requesting('1'))): string {
  const configured = configure(given({ profiles: [profile] }));
  if (Array.isArray(configured)) throw configured[0];
  const options = { profile: configured.profiles[0]!, prng: new SeededPrng(1), startIndex: 0 };
  const outcome = schedulePod(one, snapshotOf(nodes), options);
  return 'node' in outcome ? outcome.node.name : outcome.failure.message;
}

test('without anything said there is one profile, with upstream defaults', () => {
  expect(configure(given({}))).toMatchObject({
    profiles: [{ schedulerName: 'default-scheduler', preempts: true, percentageOfNodesToScore: 0 }],
    initialBackoffMs: 1000,
    maxBackoffMs: 10_000,
  });
});

test('faults are told as upstream tells them', () => {
  expect(
    faults({
      parallelism: 0,
      percentageOfNodesToScore: 101,
      podInitialBackoffSeconds: 20,
      profiles: [{ schedulerName: 'a' }, {}, { schedulerName: 'a' }],
    }),
  ).toEqual([
    'parallelism: Invalid value: 0: should be an integer value greater than zero',
    'profiles[1].schedulerName: Required value',
    'profiles[2].schedulerName: Duplicate value: "profiles[0].schedulerName"',
    'percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]',
    'podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds',
  ]);
  const pluginConfig = (name: string, args: object) => faults({ profiles: [{ pluginConfig: [{ name, args }] }] });
  expect(pluginConfig('InterPodAffinity', { hardPodAffinityWeight: 101 })).toEqual([
    'profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]',
  ]);
  expect(pluginConfig('NodeResourcesFit', { scoringStrategy: { type: 'RequestedToCapacityRatio' } })).toEqual([
    'profiles[0].pluginConfig[0].args.scoringStrategy.requestedToCapacityRatio: Required value: must be specified when type is RequestedToCapacityRatio',
  ]);
  expect(() => pluginConfig('NodeResourcesFit', { unknown: 1 })).toThrow('unknown field');
  expect(faults({ profiles: [{ plugins: { score: { enabled: [{ name: 'None' }] } } }] })).toEqual([
    'profiles[0].plugins.score.enabled[0].name: Not found: "None"',
  ]);
});

test('plugins that are off do not decide', () => {
  const tainted = node('a', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } });
  expect(decideBy({}, [tainted])).toContain('untolerated taint');
  expect(decideBy({ plugins: { multiPoint: { disabled: [{ name: 'TaintToleration' }] } } }, [tainted])).toBe('a');
  expect(decideBy({ plugins: { filter: { disabled: [{ name: '*' }] } } }, [tainted])).toBe('a');
  const full = node('a').withPod(pod(requesting('4')));
  const noPreemption = { plugins: { postFilter: { disabled: [{ name: '*' }] } } };
  expect(decideBy(noPreemption, [full])).toBe('0/1 nodes are available: 1 Insufficient cpu.');
});

test('nodes are filled up, or by a curve, when the strategy says so', () => {
  const nodes = [node('empty'), node('busy').withPod(pod(requesting('2')))];
  const by = (scoringStrategy: object): KubeSchedulerProfile => ({
    pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy } }],
    plugins: { score: { disabled: [{ name: 'NodeResourcesBalancedAllocation' }] } },
  });
  expect(decideBy({}, nodes)).toBe('empty');
  expect(decideBy(by({ type: 'MostAllocated' }), nodes)).toBe('busy');
  const shape = [
    { utilization: 0, score: 0 },
    { utilization: 100, score: 10 },
  ];
  const resources = [{ name: 'cpu', weight: 3 }];
  const curve = { type: 'RequestedToCapacityRatio', resources, requestedToCapacityRatio: { shape } };
  expect(decideBy(by(curve), nodes)).toBe('busy');
});
