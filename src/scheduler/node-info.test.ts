import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Node, Pod } from '#api/gen/core-v1.js';
import { NodeInfo } from './node-info.js';

const pod = (uid: string) => ({ metadata: { uid }, spec: { containers: [] } }) as unknown as Pod;
const uidsOf = (node: NodeInfo) => node.pods.map(({ metadata }) => metadata.uid);

test('values of one node share what they have in common, and none sees what is another one’s', () => {
  const step = fc.record({ of: fc.nat(), adds: fc.boolean(), which: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const empty = NodeInfo.of({ metadata: { name: 'n' }, spec: {} } as Node);
      const known = [{ node: empty, uids: [] as string[] }];
      for (const [index, { of, adds, which }] of steps.entries()) {
        const { node, uids } = known[of % known.length]!;
        if (adds || uids.length === 0) known.push({ node: node.withPod(pod(`${index}`)), uids: [...uids, `${index}`] });
        else {
          const gone = uids[which % uids.length]!;
          known.push({ node: node.withoutPod(gone), uids: uids.filter((uid) => uid !== gone) });
        }
        for (const one of known) expect(uidsOf(one.node)).toEqual(one.uids);
      }
    }),
  );
});
