/** Pods that want each other near, or away. */
import { describe, expect, test } from 'vitest';
import type { Affinity, PodAffinityTerm, PodSpec } from '#api/gen/core-v1.js';
import { decide, node, pod } from '../test-snapshot.js';

const zones = () => [
  node('x1', { labels: { zone: 'x' } }),
  node('x2', { labels: { zone: 'x' } }),
  node('y1', { labels: { zone: 'y' } }),
];
const web = { app: 'web' };
const term = (parts: Partial<PodAffinityTerm> = {}): PodAffinityTerm => ({
  topologyKey: 'zone',
  labelSelector: { matchLabels: web },
  ...parts,
});
const wanting = (affinity: Affinity): Partial<PodSpec> => ({ affinity });
const near = (...terms: PodAffinityTerm[]) =>
  wanting({ podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } });
const away = (...terms: PodAffinityTerm[]) =>
  wanting({ podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } });

describe('required', () => {
  test('affinity leads to the domain of a matching pod, and nowhere when there is none', () => {
    const [x1, x2, y1] = zones();
    expect(decide(pod(near(term())), [x1!, x2!, y1!.withPod(pod({}, web))])).toBe('y1');
    expect(decide(pod(near(term())), zones())).toBe(
      "0/3 nodes are available: 3 node(s) didn't match pod affinity rules.",
    );
    expect(decide(pod(near(term({ topologyKey: 'rack' })), web), zones())).toContain(
      "3 node(s) didn't match pod affinity",
    );
  });

  test('affinity lets the first of its kind in anywhere', () => {
    const [x1] = zones();
    expect(decide(pod(near(term()), web), zones())).not.toContain('0/3');
    expect(decide(pod(near(term()), web), [x1!.withPod(pod({}, web, { namespace: 'other' }))])).toBe('x1');
  });

  test('affinity counts only pods that all its terms are about', () => {
    const [x1, x2, y1] = zones();
    const both = near(
      term(),
      term({ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { tier: 'a' } } }),
    );
    const nodes = [x1!.withPod(pod({}, web)), x2!.withPod(pod({}, { ...web, tier: 'a' })), y1!];
    expect(decide(pod(both), nodes)).toBe('x2');
  });

  test('anti-affinity keeps out of the domain of a matching pod, from both sides', () => {
    const [x1, x2, y1] = zones();
    expect(decide(pod(away(term())), [x1!.withPod(pod({}, web)), x2!, y1!])).toBe('y1');
    expect(decide(pod({}, web), [x1!.withPod(pod(away(term()))), x2!, y1!])).toBe('y1');
    const full = [x1!.withPod(pod({}, web)), x2!, y1!.withPod(pod(away(term())))];
    expect(decide(pod(away(term()), web), full)).toBe(
      "0/3 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules, 2 node(s) didn't match pod anti-affinity rules.",
    );
  });

  test('terms are about other namespaces when they say so', () => {
    const [x1, , y1] = zones();
    const namespaceLabels = (name: string) => ({ team: name === 'blue' ? 'b' : 'r' });
    const nodes = [x1!, y1!.withPod(pod({}, web, { namespace: 'blue' }))];
    expect(decide(pod(near(term())), nodes, { namespaceLabels })).toContain('0/2');
    expect(decide(pod(near(term({ namespaces: ['blue'] }))), nodes)).toBe('y1');
    const byLabels = (team: string) => near(term({ namespaceSelector: { matchLabels: { team } } }));
    expect(decide(pod(byLabels('b')), nodes, { namespaceLabels })).toBe('y1');
    expect(decide(pod(byLabels('r')), nodes, { namespaceLabels })).toContain('0/2');
    expect(decide(pod(near(term({ namespaceSelector: {} }))), nodes)).toBe('y1');
  });

  test('a term without a selector is about no pod', () => {
    const [x1] = zones();
    expect(decide(pod(away({ topologyKey: 'zone' })), [x1!.withPod(pod({}, web))])).toBe('x1');
  });
});

describe('preferred', () => {
  const preferring = (kind: 'podAffinity' | 'podAntiAffinity') =>
    wanting({
      [kind]: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term() }] },
    });

  test('draws towards matching pods, or away from them', () => {
    const [x1, x2, y1] = zones();
    expect(decide(pod(preferring('podAffinity')), [x1!, x2!, y1!.withPod(pod({}, web))])).toBe('y1');
    expect(decide(pod(preferring('podAntiAffinity')), [x1!.withPod(pod({}, web)), x2!, y1!])).toBe('y1');
  });

  test('pods that are there draw too, also by what they require', () => {
    const [x1, x2, y1] = zones();
    expect(decide(pod({}, web), [x1!, x2!, y1!.withPod(pod(preferring('podAffinity')))])).toBe('y1');
    expect(decide(pod({}, web), [x1!.withPod(pod(preferring('podAntiAffinity'))), x2!, y1!])).toBe('y1');
    expect(decide(pod({}, web), [x1!, x2!, y1!.withPod(pod(near(term()), web))])).toBe('y1');
  });
});
