/** Decisions on small clusters; messages as kube-scheduler words them. */
import { describe, expect, test } from 'vitest';
import type { PodSpec } from '#api/gen/core-v1.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { SeededPrng } from '#base/prng.js';
import { schedulePod } from './cycle.js';
import { profileOf } from './profile.js';
import { decide, node, pod, requesting, snapshotOf } from './test-snapshot.js';

describe('filters', () => {
  test('counts each reason over the nodes, in text order', () => {
    const nodes = [
      node('full', { cpu: '1' }),
      node('cordoned', { spec: { unschedulable: true } }),
      node('tainted', { spec: { taints: [{ key: 'dedicated', value: 'gpu', effect: 'NoSchedule' }] } }),
      node('small', { cpu: '500m' }),
    ];
    expect(decide(pod(requesting('2')), nodes)).toBe(
      '0/4 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable, 2 Insufficient cpu.',
    );
    expect(decide(pod(), [])).toBe('no nodes available to schedule pods');
  });

  test('adds up what pods on a node request, init containers and sidecars included', () => {
    const initContainers = [
      { name: 'sidecar', restartPolicy: 'Always', resources: { requests: { cpu: '1' } } },
      { name: 'init', resources: { requests: { cpu: '2500m' } } },
    ];
    const busy = node('busy').withPod(pod({ ...requesting('1'), initContainers }));
    expect(decide(pod(requesting('600m')), [busy])).toBe('0/1 nodes are available: 1 Insufficient cpu.');
    expect(decide(pod(requesting('500m')), [busy])).toBe('busy');
    expect(decide(pod(requesting('600m')), [busy.withoutPod(busy.pods[0]!.metadata.uid!)])).toBe('busy');
  });

  test('honours tolerations, node selectors and required node affinity', () => {
    const taint = { key: 'k', value: 'v', effect: 'NoExecute' };
    const tainted = node('tainted', { spec: { taints: [taint] } });
    expect(decide(pod({ tolerations: [{ key: 'k', operator: 'Exists' }] }), [tainted])).toBe('tainted');
    expect(decide(pod({ tolerations: [{ operator: 'Exists' }] }), [tainted])).toBe('tainted');
    expect(decide(pod({ tolerations: [{ key: 'k', value: 'other' }] }), [tainted])).toContain('untolerated taint(s)');

    const nodes = [
      node('a', { labels: { disk: 'hdd', size: '3' } }),
      node('b', { labels: { disk: 'ssd', size: '12' } }),
    ];
    expect(decide(pod({ nodeSelector: { disk: 'ssd' } }), nodes)).toBe('b');
    const required = (key: string, operator: string, values?: string[]): Partial<PodSpec> => ({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
          },
        },
      },
    });
    expect(decide(pod(required('size', 'Gt', ['10'])), nodes)).toBe('b');
    expect(decide(pod(required('disk', 'NotIn', ['ssd'])), nodes)).toBe('a');
    expect(decide(pod(required('disk', 'DoesNotExist')), nodes)).toBe(
      "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
    );
  });

  test('gives a port of the host to one pod of a node', () => {
    const withPort = (hostIP?: string) =>
      pod({
        containers: [
          { name: 'c', resources: {}, ports: [{ containerPort: 80, hostPort: 8080, hostIP, protocol: 'TCP' }] },
        ],
      });
    const taken = node('a').withPod(withPort());
    expect(decide(withPort('127.0.0.1'), [taken])).toBe(
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    );
    expect(decide(withPort('127.0.0.2'), [node('a').withPod(withPort('127.0.0.1'))])).toBe('a');
  });

  test('refuses a placement that would exceed the skew of a hard spread constraint', () => {
    const labels = { app: 'web' };
    const constraint = {
      maxSkew: 1,
      topologyKey: 'zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: labels },
    };
    const one = node('a', { labels: { zone: 'x' } }).withPod(pod({}, labels));
    const spread = pod({ topologySpreadConstraints: [constraint], nodeSelector: { zone: 'x' } }, labels);
    expect(
      decide(pod({ topologySpreadConstraints: [constraint] }, labels), [one, node('b', { labels: { zone: 'y' } })]),
    ).toBe('b');
    expect(decide(spread, [one, node('b', { labels: { zone: 'x' } })])).toBe('b');
    expect(decide(pod({ topologySpreadConstraints: [constraint] }, labels), [node('plain')])).toBe(
      "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label).",
    );
  });
});

describe('scores', () => {
  test('prefers the emptier node', () => {
    const busy = node('busy').withPod(pod(requesting('3')));
    expect(decide(pod(requesting('500m')), [busy, node('idle')])).toBe('idle');
  });

  test('spreads the pods of a service over nodes by default', () => {
    const labels = { app: 'web' };
    const selector = () => labelSelectorFrom({ matchLabels: labels });
    const nodes = [node('a'), node('b'), node('c')];
    for (let count = 0; count < 6; count++) {
      const one = pod({}, labels);
      const chosen = nodes.findIndex(({ name }) => name === decide(one, nodes, { defaultSelector: selector }));
      nodes[chosen] = nodes[chosen]!.withPod(one);
    }
    expect(nodes.map(({ pods }) => pods.length)).toEqual([2, 2, 2]);
  });

  test('follows preferred affinity and avoids soft taints', () => {
    const soft = node('soft', { spec: { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] } });
    expect(decide(pod(), [soft, node('clean')])).toBe('clean');
    const preference = { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] };
    const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference }] } };
    expect(decide(pod({ affinity }), [node('a'), node('b', { labels: { disk: 'ssd' } }), node('c')])).toBe('b');
  });

  test('breaks ties by chance', () => {
    const snapshot = snapshotOf([node('a'), node('b'), node('c')]);
    const prng = new SeededPrng(7);
    const chosen = new Set<string>();
    for (let round = 0; round < 50; round++) {
      const outcome = schedulePod(pod(), snapshot, { profile: profileOf(), prng, startIndex: 0 });
      if ('node' in outcome) chosen.add(outcome.node.name);
    }
    expect([...chosen].sort()).toEqual(['a', 'b', 'c']);
  });

  test('looks at a share of a large cluster, in turn', () => {
    const nodes = Array.from({ length: 1000 }, (_, index) => node(`n${index}`));
    const outcome = schedulePod(pod(), snapshotOf(nodes), {
      profile: profileOf(),
      prng: new SeededPrng(1),
      startIndex: 900,
    });
    expect(outcome).toMatchObject({ evaluated: 420, nextIndex: 320 });
  });
});
