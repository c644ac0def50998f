/** Remembering what nodes answered changes nothing about the decisions. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeededPrng } from '#base/prng.js';
import { schedulePod } from './cycle.js';
import type { NodeInfo } from './node-info.js';
import { NodeMemos } from './node-memo.js';
import { profileOf } from './profile.js';
import { node, pod, requesting, snapshotOf } from './test-snapshot.js';

const arbitraryPod = fc
  .record({
    cpu: fc.constantFrom('500m', '1', '3'),
    priority: fc.constantFrom(0, 5),
    disk: fc.constantFrom(undefined, 'ssd'),
    hostPort: fc.constantFrom(undefined, 80),
    tolerates: fc.boolean(),
  })
  .map(({ cpu, priority, disk, hostPort, tolerates }) => {
    const spec = requesting(cpu);
    if (hostPort) spec.containers![0]!.ports = [{ containerPort: hostPort, hostPort }];
    return pod({
      ...spec,
      priority,
      nodeSelector: disk && { disk },
      tolerations: tolerates ? [{ operator: 'Exists' }] : undefined,
    });
  });

test('decisions with and without it are the same', () => {
  fc.assert(
    fc.property(fc.array(arbitraryPod, { maxLength: 12 }), (incoming) => {
      const memos = new NodeMemos();
      const tainted = { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } };
      let nodes: NodeInfo[] = [node('a'), node('b', { labels: { disk: 'ssd' } }), node('c', tainted)];
      for (const one of incoming) {
        // The snapshot must be of these very nodes, for it is they that are remembered.
        const byName = new Map(nodes.map((info) => [info.name, info]));
        const snapshot = snapshotOf(nodes, { nodes, node: (name) => byName.get(name) });
        const decide = (memos: NodeMemos) =>
          schedulePod(one, snapshot, { profile: profileOf({ memos }), prng: new SeededPrng(1), startIndex: 0 });
        const remembered = decide(memos);
        expect(remembered).toEqual(decide(new NodeMemos()));
        if (!('node' in remembered)) continue;
        const { name } = remembered.node;
        nodes = nodes.map((info) => (info.name === name ? info.withPod(one) : info));
      }
    }),
  );
});
