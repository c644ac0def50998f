/** Counting by domain gives what counting node by node gives. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TopologySpreadConstraint } from '#api/gen/core-v1.js';
import { decide, node, pod } from '../test-snapshot.js';

const labelSelector = { matchLabels: { app: 'web' } };
const constraintOn = (
  topologyKey: string,
  parts: Partial<TopologySpreadConstraint> = {},
): TopologySpreadConstraint => ({
  topologyKey,
  maxSkew: 1,
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector,
  ...parts,
});

/** Zones of nodes, undefined for a node without one, and how many pods are on each. */
const cluster = fc.array(fc.record({ zone: fc.constantFrom('a', 'b', 'c', undefined), pods: fc.nat({ max: 3 }) }), {
  minLength: 1,
  maxLength: 6,
});

test('a constraint that leaves no node out admits the nodes that one which might leave some out does', () => {
  fc.assert(
    fc.property(cluster, fc.constantFrom(['zone'], ['zone', 'kubernetes.io/hostname']), (places, keys) => {
      const nodes = places.map(({ zone, pods }, index) => {
        let info = node(`n${index}`, { labels: zone ? { zone } : {} });
        for (let count = 0; count < pods; count++) info = info.withPod(pod({}, { app: 'web' }));
        return info;
      });
      const spread = (parts: Partial<TopologySpreadConstraint>) =>
        decide(pod({ topologySpreadConstraints: keys.map((key) => constraintOn(key, parts)) }, { app: 'web' }), nodes);
      // No node has a taint, so that both policies ask for the same; only the second looks at each node.
      expect(spread({ nodeTaintsPolicy: 'Ignore' })).toEqual(spread({ nodeTaintsPolicy: 'Honor' }));
    }),
  );
});
