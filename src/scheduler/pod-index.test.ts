/** What the index says is what a look at every pod says, whatever came and went. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { isAbout, termsOf } from './affinity-terms.js';
import { SchedulerCache } from './cache.js';
import { node } from './test-snapshot.js';

const keys = ['zone', 'kubernetes.io/hostname'];
const arbitraryLabels = fc.record({ app: fc.constantFrom('a', 'b'), tier: fc.constantFrom('1', '2') });
const arbitraryTerm = fc.record({
  topologyKey: fc.constantFrom(...keys),
  labelSelector: fc.record({ matchLabels: fc.constantFrom<Record<string, string>>({ app: 'a' }, { tier: '2' }, {}) }),
  namespaceSelector: fc.constantFrom(undefined, {}, { matchLabels: { team: 'x' } }),
});
const arbitraryPod = fc
  .record({
    serial: fc.integer({ min: 0, max: 9 }),
    namespace: fc.constantFrom('one', 'two'),
    labels: arbitraryLabels,
    anti: fc.array(arbitraryTerm, { maxLength: 2 }),
    leaving: fc.boolean(),
  })
  .map(
    ({ serial, namespace, labels, anti, leaving }): Pod => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `p${serial}`,
        uid: `p${serial}`,
        namespace,
        labels,
        deletionTimestamp: leaving ? '2026-01-01T00:00:00Z' : undefined,
      },
      spec: {
        containers: [],
        affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: anti } },
      },
    }),
  );
const arbitraryStep = fc.oneof(
  fc.record({ do: fc.constant('place' as const), pod: arbitraryPod, on: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ do: fc.constant('remove' as const), uid: fc.integer({ min: 0, max: 9 }).map((serial) => `p${serial}`) }),
  fc.record({ do: fc.constant('label' as const), on: fc.integer({ min: 0, max: 3 }), zone: fc.constantFrom('x', 'y') }),
  fc.record({ do: fc.constant('drop' as const), on: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ do: fc.constant('ask' as const), pod: arbitraryPod }),
);

test('counts of the index equal those of a look at every pod', () => {
  fc.assert(
    fc.property(fc.array(arbitraryStep, { maxLength: 40 }), (steps) => {
      const namespaceLabels = (name: string) => ({ team: name === 'one' ? 'x' : 'y' });
      const cache = new SchedulerCache({ namespaceLabels });
      const set = (on: number, zone: string) => cache.setNode(node(`n${on}`, { labels: { zone } }).node);
      set(0, 'x');
      for (const step of steps) {
        if (step.do === 'place') cache.place(step.pod, `n${step.on}`);
        else if (step.do === 'remove') cache.remove(step.uid);
        else if (step.do === 'label') set(step.on, step.zone);
        else if (step.do === 'drop') cache.removeNode(`n${step.on}`);
        else check(cache, { pod: step.pod, namespaceLabels });
      }
      for (const { pods } of cache.nodes) for (const pod of pods) check(cache, { pod, namespaceLabels });
    }),
  );
});

function check(
  { index, nodes }: SchedulerCache,
  { pod, namespaceLabels }: { pod: Pod; namespaceLabels: (name: string) => Record<string, string> },
): void {
  for (const term of termsOf(pod).requiredAntiAffinity) {
    const counts = new Map<string, number>();
    for (const { labels, pods } of nodes) {
      const domain = labels[term.topologyKey]!;
      const count = pods.filter((other) => isAbout(term, other, namespaceLabels)).length;
      if (count > 0) counts.set(domain, (counts.get(domain) ?? 0) + count);
    }
    expect(new Map(index.aboutAll([term]).inDomains(term.topologyKey))).toEqual(counts);
  }
  const holders: string[] = [];
  for (const { labels, pods } of nodes) {
    for (const other of pods) {
      for (const term of termsOf(other).requiredAntiAffinity)
        if (isAbout(term, pod, namespaceLabels)) holders.push(`${term.topologyKey}=${labels[term.topologyKey]}`);
    }
  }
  const said = [...index.termsAbout(pod, 'required anti-affinity')].flatMap(({ topologyKey, holders: held }) =>
    [...held].flatMap(([domain, count]) => Array.from({ length: count }, () => `${topologyKey}=${domain}`)),
  );
  expect(said.sort()).toEqual(holders.sort());
  const selector = labelSelectorFrom({ matchLabels: { app: 'a' } });
  for (const { name, pods } of nodes) {
    const living = pods.filter(
      ({ metadata }) =>
        metadata.namespace === 'one' && !metadata.deletionTimestamp && selector.matches(metadata.labels),
    );
    expect(index.living('one', selector).on(name)).toBe(living.length);
  }
}
