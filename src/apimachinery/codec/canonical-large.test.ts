import fc from 'fast-check';
import { expect, test } from 'vitest';
import { builtinSchemas as table } from '#api/schema-table.js';
import { atOnce } from '#base/turns.js';
import { canonicalize } from './canonical.js';
import { canonicalizeLarge } from './canonical-large.js';
import { planOf } from './plan.js';

const plan = planOf(table, table.kind({ group: '', version: 'v1', kind: 'Pod' })!.name)!;
const outcomeOf = (work: () => unknown) => {
  try {
    return JSON.stringify(work());
  } catch (error) {
    return String(error);
  }
};

const odd = fc.constantFrom(null, undefined, 1, 'text', true, [], {});
const orOdd = <T>(value: fc.Arbitrary<T>) => fc.oneof({ weight: 20, arbitrary: value }, { weight: 1, arbitrary: odd });
/** In an order in which they do not stay. */
const manyKeys = Object.fromEntries(Array.from({ length: 140 }, (_, index) => [`k${140 - index}`, 'x']));
const container = fc.record(
  {
    name: orOdd(fc.string({ maxLength: 2 })),
    ports: orOdd(fc.array(fc.record({ containerPort: orOdd(fc.nat(9)) }), { maxLength: 3 })),
    env: orOdd(fc.array(fc.record({ name: fc.constant('a') }), { minLength: 60, maxLength: 140 })),
    resources: orOdd(fc.record({ limits: orOdd(fc.dictionary(fc.constantFrom('cpu', 'memory'), fc.constant('1k'))) })),
    unknown: odd,
  },
  { requiredKeys: [] },
);
const pod = fc.record(
  {
    kind: fc.constant('Pod'),
    metadata: orOdd(
      fc.record({
        labels: orOdd(fc.dictionary(fc.constantFrom('b', 'a'), fc.constant('x'))),
        annotations: orOdd(fc.record({ k65: orOdd(fc.constant('x')) }).map((one) => ({ ...manyKeys, ...one }))),
      }),
    ),
    spec: orOdd(fc.record({ containers: orOdd(fc.array(orOdd(container), { maxLength: 3 })) })),
  },
  { requiredKeys: [] },
);

test('gives in steps what is given at once, and refuses it in the same words', () => {
  fc.assert(
    fc.property(pod, fc.constantFrom('json' as const, 'converter' as const), (value, words) => {
      const inSteps = outcomeOf(() => atOnce(canonicalizeLarge(plan, value, { words })));
      expect(inSteps).toBe(outcomeOf(() => canonicalize(plan, value, { words })));
    }),
    { numRuns: 300 },
  );
});
