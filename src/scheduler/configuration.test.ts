/** What a KubeSchedulerConfiguration may say, and what comes of it. */
import { expect, test } from 'vitest';
import type { KubeSchedulerConfiguration, KubeSchedulerProfile } from '#api/gen/kubescheduler-v1.js';
import { SeededPrng } from '#base/prng.js';
import { configure } from './configuration.js';
import { schedulePod } from './cycle.js';
import type { NodeInfo } from './node-info.js';
import { defaultPlugins } from './profile.js';
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
    profiles: [
      {
        schedulerName: 'default-scheduler',
        postFilters: [{ name: 'DynamicResources' }, 'DefaultPreemption'],
        percentageOfNodesToScore: 0,
      },
    ],
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

test('a profile with something said has all of the defaults besides', () => {
  const configured = configure(given({ profiles: [{ plugins: { permit: { disabled: [{ name: '*' }] } } }] }));
  if (Array.isArray(configured)) throw configured[0];
  const shape = (plugins: readonly object[]) =>
    plugins.map((plugin) =>
      Object.entries(plugin).map(([key, value]) => (typeof value === 'function' ? key : `${key}: ${value}`)),
    );
  expect(
    shape(configured.profiles[0]!.plugins)
      .map((one) => one.sort())
      .sort(),
  ).toEqual(
    shape(defaultPlugins())
      .map((one) => one.sort())
      .sort(),
  );
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

const argsFaults = (name: string, args: object) =>
  faults({ profiles: [{ pluginConfig: [{ name, args }] }] }).map((fault) => fault.replace(/^profiles.*?args\./, ''));

test.each([
  [
    'DefaultPreemption',
    { minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0 },
    [
      'minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time as minCandidateNodesAbsolute',
      'minCandidateNodesAbsolute: Invalid value: 0: cannot be zero at the same time as minCandidateNodesPercentage',
    ],
  ],
  [
    'PodTopologySpread',
    { defaultConstraints: [{ maxSkew: 0, topologyKey: '', whenUnsatisfiable: 'Never', labelSelector: {} }] },
    [
      'defaultingType: Invalid value: "System": when .defaultConstraints are not empty',
      'defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf)',
      'defaultConstraints[0].topologyKey: Required value: can not be empty',
      'defaultConstraints[0].whenUnsatisfiable: Unsupported value: "Never": supported values: "DoNotSchedule", "ScheduleAnyway"',
      'defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector, as they deduced for each pod',
    ],
  ],
  [
    'VolumeBinding',
    { bindTimeoutSeconds: -1, shape: [{ utilization: 0, score: 0 }] },
    [
      'bindTimeoutSeconds: Invalid value: -1: invalid BindTimeoutSeconds, should not be a negative value',
      'shape: Invalid value: [{"utilization":0,"score":0}]: unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring',
    ],
  ],
  [
    'NodeResourcesBalancedAllocation',
    { resources: [{ name: 'cpu', weight: 2 }, { name: 'cpu' }] },
    ['resources[0].weight: Invalid value: 2: must be 1', 'resources[1].name: Duplicate value: "cpu"'],
  ],
  [
    'NodeResourcesFit',
    { ignoredResourceGroups: ['a/b'] },
    ["ignoredResourceGroups[0]: Invalid value: \"a/b\": resource group name can't contain '/'"],
  ],
  [
    'DynamicResources',
    { bindingTimeout: '10ms' },
    ['bindingTimeout: Invalid value: "10ms": must be at least 1 second'],
  ],
])('faults in arguments of %s are told as upstream tells them', (name, args, told) => {
  expect(argsFaults(name, args)).toEqual(told);
});

test('arguments of one plugin are not taken for those of another', () => {
  const kind = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'NodeAffinityArgs' };
  expect(() => argsFaults('InterPodAffinity', kind)).toThrow(
    'args for plugin InterPodAffinity were not of type kubescheduler.config.k8s.io/v1, Kind=InterPodAffinityArgs, got kubescheduler.config.k8s.io/v1, Kind=NodeAffinityArgs',
  );
});

test('what the scheduler cannot do is refused', () => {
  expect(
    faults({
      clientConnection: { qps: 10 },
      enableProfiling: true,
      leaderElection: { leaderElect: true, leaseDuration: '10s', resourceLock: 'endpoints' },
      profiles: [
        {
          plugins: {
            bind: { disabled: [{ name: '*' }] },
            score: { enabled: [{ name: 'NodeName' }] },
          },
        },
      ],
    }),
  ).toEqual([
    'clientConnection.qps: Forbidden: the scheduler speaks to the API server of its own process, without limit',
    'leaderElection.leaseDuration: Invalid value: "10s": must be greater than `RenewDeadline`',
    'leaderElection.resourceLock: Invalid value: "endpoints": resourceLock value must be "leases"',
    'enableProfiling: Forbidden: profiles are not served; leave it out, or set it to false',
    'profiles[0].plugins.score.enabled[0].name: Invalid value: "NodeName": plugin "NodeName" does not extend score plugin',
    'profiles[0].plugins.bind: Required value: at least one bind plugin is needed for profile with scheduler name "default-scheduler"',
  ]);
});

test('a lead is held as long as upstream does, unless said otherwise', () => {
  const leaderElection = { leaderElect: true, leaseDuration: '0s', renewDeadline: '5s' };
  expect(configure(given({ leaderElection }))).toMatchObject({
    election: {
      name: 'kube-scheduler',
      namespace: 'kube-system',
      leaseMs: 15_000,
      renewDeadlineMs: 5000,
      retryMs: 2000,
    },
  });
  expect(configure(given({}))).toMatchObject({ election: undefined });
});

test('affinity that a profile adds holds for all its pods', () => {
  const nodes = [node('hdd', { labels: { disk: 'hdd' } }), node('ssd', { labels: { disk: 'ssd' } })];
  const preference = { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] };
  const by = (addedAffinity: object): KubeSchedulerProfile => ({
    pluginConfig: [{ name: 'NodeAffinity', args: { addedAffinity } }],
  });
  const nodeSelectorTerms = [preference];
  const required = by({ requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } });
  expect(decideBy(required, nodes)).toBe('ssd');
  expect(decideBy(required, nodes.slice(0, 1))).toContain("1 node(s) didn't match scheduler-enforced node affinity.");
  const preferred = by({ preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference }] });
  expect(decideBy(preferred, nodes)).toBe('ssd');
});

test('resources that others see to are not counted', () => {
  const asking = pod({ containers: [{ name: 'c', resources: { requests: { 'example.com/gpu': '1' } } }] });
  expect(decideBy({}, [node('a')], asking)).toContain('Insufficient example.com/gpu');
  const ignoring = (args: object): KubeSchedulerProfile => ({ pluginConfig: [{ name: 'NodeResourcesFit', args }] });
  expect(decideBy(ignoring({ ignoredResources: ['example.com/gpu'] }), [node('a')], asking)).toBe('a');
  expect(decideBy(ignoring({ ignoredResourceGroups: ['example.com'] }), [node('a')], asking)).toBe('a');
});
