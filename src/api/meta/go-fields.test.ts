import { expect, test } from 'vitest';
import { goClaimSpec } from '../devices/go-claim.js';
import { goStruct } from './go-fields.js';

test.each<[string, Parameters<typeof goStruct>, object]>([
  ['what is not set is zero', [{ Kind: '', Count: 0, Value: null }, undefined], { Kind: '', Count: 0, Value: null }],
  [
    'acronyms are found',
    [
      { APIGroup: '', CEL: '', UID: '' },
      { apiGroup: 'a', cel: 'b', uid: 'c' },
    ],
    { APIGroup: 'a', CEL: 'b', UID: 'c' },
  ],
  ['a struct is there always', [{ In: { A: '' } }, {}], { In: { A: '' } }],
  ['a pointer is not', [{ To: { optional: { A: '' } } }, {}], { To: null }],
  ['a list of nothing is null', [{ All: [{ A: '' }] }, { all: [] }], { All: null }],
  ['elements are structs', [{ All: [{ A: '', B: '' }] }, { all: [{ b: 'x' }] }], { All: [{ A: '', B: 'x' }] }],
])('%s', (_, [fields, value], shown) => {
  expect(JSON.stringify(goStruct(fields, value))).toBe(JSON.stringify(shown));
});

test('a claim for devices', () => {
  const requests = [{ name: 'r', exactly: { deviceClassName: 'c', count: 1 } }];
  expect(goClaimSpec({ devices: { requests } })['Devices']).toMatchObject({
    Requests: [{ Name: 'r', Exactly: { DeviceClassName: 'c', Selectors: null, Count: 1 }, FirstAvailable: null }],
    Constraints: null,
  });
});
