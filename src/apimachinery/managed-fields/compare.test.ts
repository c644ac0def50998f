import fc from 'fast-check';
import { expect, test } from 'vitest';
import { builtinSchemas as table } from '#api/schema-table.js';
import { atOnce } from '#base/turns.js';
import type { JsonObject } from '../patch.js';
import { compare, compareLarge } from './compare.js';
import type { FieldSet } from './field-set.js';
import { modelOf } from './model.js';

const model = modelOf({ table, type: table.kind({ group: '', version: 'v1', kind: 'Pod' }) });
const pathsOf = (fields: FieldSet) => [...fields.paths()].map((path) => path.join('/')).sort();

const few = fc.constantFrom('a', 'b', 'c');
const texts = fc.oneof(fc.constant(null), fc.dictionary(few, few), fc.constant({}));
const container = fc.record(
  {
    name: few,
    image: few,
    args: fc.array(few, { maxLength: 2 }),
    ports: fc.oneof(fc.constant(null), fc.array(fc.record({ containerPort: fc.nat(2) }), { maxLength: 3 })),
  },
  { requiredKeys: [] },
);
const many = fc.array(container, { minLength: 70, maxLength: 80 });
const pod = fc.record(
  {
    metadata: fc.record({ labels: texts, finalizers: fc.array(few, { maxLength: 4 }) }, { requiredKeys: [] }),
    spec: fc.oneof(
      { weight: 6, arbitrary: fc.record({ containers: fc.oneof(fc.array(container, { maxLength: 4 }), many) }) },
      { weight: 1, arbitrary: fc.constantFrom(null, {}, { nodeSelector: {} }, { nodeSelector: { a: 'b' } }) },
    ),
  },
  { requiredKeys: [] },
);

test('finds the same in steps as at once', () => {
  fc.assert(
    fc.property(pod, pod, (one, other) => {
      const [before, after] = [one, other] as JsonObject[];
      const atOnceFound = compare(before!, after!, model);
      const inSteps = atOnce(compareLarge({ before: before!, after: after!, model }));
      for (const kind of ['added', 'modified', 'removed'] as const)
        expect(pathsOf(inSteps[kind])).toEqual(pathsOf(atOnceFound[kind]));
    }),
    { numRuns: 300 },
  );
});
