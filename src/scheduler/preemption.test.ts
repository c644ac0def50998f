/** Who must go so that a more important pod fits, and in which words it is told when nobody can. */
import { describe, expect, test } from 'vitest';
import type { Pod, PodSpec } from '#api/gen/core-v1.js';
import type { PodDisruptionBudget } from '#api/gen/policy-v1.js';
import type { Snapshot } from './framework.js';
import type { NodeInfo } from './node-info.js';
import { node, outcomeOf, pod, requesting } from './test-snapshot.js';

const important = (cpu: string, spec: Partial<PodSpec> = {}) => pod({ ...requesting(cpu), priority: 100, ...spec });
const small = (cpu: string, parts: { priority?: number; labels?: Record<string, string>; startTime?: string } = {}) =>
  pod({ ...requesting(cpu), priority: parts.priority ?? 0 }, parts.labels, {
    status: { startTime: parts.startTime ?? '2026-01-01T00:00:00Z' },
  });

function failure(one: Pod, nodes: readonly NodeInfo[], parts: Partial<Snapshot> = {}) {
  const outcome = outcomeOf(one, nodes, parts);
  if ('node' in outcome) throw new Error(`placed on ${outcome.node.name}`);
  return outcome.failure;
}

function preempted(one: Pod, nodes: readonly NodeInfo[], parts: Partial<Snapshot> = {}) {
  const { preemption } = failure(one, nodes, parts);
  if (!preemption || preemption === 'hopeless') throw new Error('nobody goes');
  return { node: preemption.nodeName, victims: preemption.victims };
}

describe('victims', () => {
  test('are as few and as unimportant as do', () => {
    const [low, middle] = [small('2', { priority: 1 }), small('2', { priority: 2 })];
    const full = node('a').withPod(middle).withPod(low);
    expect(preempted(important('2'), [full])).toEqual({ node: 'a', victims: [low] });
    expect(preempted(important('3'), [full])).toEqual({ node: 'a', victims: [middle, low] });
  });

  test('of like priority the one that has run shorter goes', () => {
    const [old, young] = [small('2'), small('2', { startTime: '2026-01-02T00:00:00Z' })];
    expect(preempted(important('2'), [node('a').withPod(young).withPod(old)]).victims).toEqual([young]);
  });

  test('are spared by a budget where others can go', () => {
    const labels = { app: 'kept' };
    const budget: PodDisruptionBudget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'b', namespace: 'default' },
      spec: { selector: { matchLabels: labels } },
      status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
    };
    const budgets = () => [budget];
    const [kept, free] = [small('2', { labels, priority: 1 }), small('2', { priority: 2 })];
    expect(preempted(important('2'), [node('a').withPod(kept).withPod(free)], { budgets }).victims).toEqual([free]);
    const nodes = [node('a').withPod(small('4', { labels })), node('b').withPod(small('4', { priority: 5 }))];
    expect(preempted(important('2'), nodes, { budgets }).node).toBe('b');
    // With nothing else to take, the budget is broken.
    expect(preempted(important('2'), nodes.slice(0, 1), { budgets }).node).toBe('a');
  });

  test('are on the node where the least is lost', () => {
    const four = (priority: number, startTime?: string) => small('4', { priority, startTime });
    const two = (priority: number) => small('2', { priority });
    const lowest = [node('a').withPod(four(5)), node('b').withPod(four(4))];
    expect(preempted(important('4'), lowest).node).toBe('b');
    const fewest = [node('a').withPod(two(5)).withPod(two(5)), node('b').withPod(four(5))];
    expect(preempted(important('4'), fewest).node).toBe('b');
    const youngest = [node('a').withPod(four(5)), node('b').withPod(four(5, '2026-01-03T00:00:00Z'))];
    expect(preempted(important('4'), youngest).node).toBe('b');
  });

  test('may be those that keep the pod away by anti-affinity', () => {
    const labels = { app: 'web' };
    const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } };
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    const hostile = pod({ affinity, priority: 0 });
    const one = pod({ priority: 10 }, labels);
    expect(preempted(one, [node('a').withPod(hostile)]).victims).toEqual([hostile]);
    const disliked = pod({ priority: 0 }, labels);
    expect(preempted(pod({ priority: 10, affinity }), [node('a').withPod(disliked)]).victims).toEqual([disliked]);
  });
});

describe('without victims', () => {
  const full = () => node('full').withPod(small('4', { priority: 1000 }));

  test('says of each node why', () => {
    const nodes = [full(), node('cordoned', { spec: { unschedulable: true } })];
    expect(failure(important('2'), nodes)).toMatchObject({
      message:
        '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
      preemption: 'hopeless',
    });
    const tooFew = node('busy')
      .withPod(small('1'))
      .withPod(small('3', { priority: 1000 }));
    expect(failure(important('2'), [tooFew]).message).toContain(
      'preemption: 0/1 nodes are available: 1 Insufficient cpu.',
    );
  });

  test('a pod that never preempts says so, and one whose victims are leaving waits for them', () => {
    const busy = node('busy').withPod(small('4'));
    expect(failure(important('2', { preemptionPolicy: 'Never' }), [busy]).message).toBe(
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
    );
    const leaving = small('4');
    leaving.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    leaving.status!.conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }];
    const waiting = { ...important('2'), status: { nominatedNodeName: 'busy' } };
    const told = failure(waiting, [node('busy').withPod(leaving)]);
    expect(told.message).toContain('preemption: not eligible due to a terminating pod on the nominated node.');
    expect(told.preemption).toBeUndefined();
  });
});

test('room promised to a pod is not given to one of like or lower priority', () => {
  const promised = important('3');
  const nominated = (name: string) => (name === 'a' ? [promised] : []);
  expect(failure(important('2'), [node('a')], { nominated }).message).toContain('1 Insufficient cpu');
  expect(outcomeOf(important('2', { priority: 200 }), [node('a')], { nominated })).toMatchObject({
    node: { name: 'a' },
  });
  const nominationOf = () => 'a';
  expect(outcomeOf(promised, [node('b'), node('a')], { nominated, nominationOf })).toMatchObject({
    node: { name: 'a' },
    evaluated: 1,
  });
});
