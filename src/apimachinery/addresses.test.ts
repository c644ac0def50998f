import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  canonicalCidrProblems,
  canonicalIpProblems,
  cidrProblems,
  formatAddress,
  formatRange,
  ipProblems,
  isStrictSubset,
  parseAddress,
  parseRange,
  rangeHolds,
  rangeSize,
} from './addresses.js';

const notIp = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const notCidr = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

test.each<[string, string[], string[]]>([
  ['10.0.0.1', [], []],
  ['2001:db8::1', [], []],
  ['2001:DB8:0::1', [], ['must be in canonical form ("2001:db8::1")']],
  ['010.0.0.1', ['must not have leading 0s'], ['must not have leading 0s']],
  ['::ffff:1.2.3.4', ['must not be an IPv4-mapped IPv6 address'], ['must not be an IPv4-mapped IPv6 address']],
  ['fe80::1%eth0', [notIp], [notIp]],
  ['10.0.0', [notIp], [notIp]],
  ['', [notIp], [notIp]],
])('%j is an address, or why not', (text, problems, canonical) => {
  expect(ipProblems(text)).toEqual(problems);
  expect(canonicalIpProblems(text)).toEqual(canonical);
});

test.each<[string, string[], string[]]>([
  ['10.0.0.0/8', [], []],
  ['::/0', [], []],
  ['FD00::/8', [], ['must be in canonical form ("fd00::/8")']],
  [
    '10.0.0.1/8',
    ['must not have bits set beyond the prefix length'],
    ['must not have bits set beyond the prefix length'],
  ],
  [
    '010.0.0.0/8',
    ['must not have leading 0s in IP or prefix length'],
    ['must not have leading 0s in IP or prefix length'],
  ],
  [
    '10.0.0.0/08',
    ['must not have leading 0s in IP or prefix length'],
    ['must not have leading 0s in IP or prefix length'],
  ],
  ['::ffff:10.0.0.0/104', ['must not have an IPv4-mapped IPv6 address'], ['must not have an IPv4-mapped IPv6 address']],
  ['10.0.0.0/33', [notCidr], [notCidr]],
  ['10.0.0.0', [notCidr], [notCidr]],
  ['10.0.0.0/8/8', [notCidr], [notCidr]],
  ['10.0.0.0/-1', [notCidr], [notCidr]],
])('%j is a range, or why not', (text, problems, canonical) => {
  expect(cidrProblems(text)).toEqual(problems);
  expect(canonicalCidrProblems(text)).toEqual(canonical);
});

test('every address is what its canonical text says', () => {
  const addresses = fc.oneof(
    fc.record({ family: fc.constant(4 as const), value: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }) }),
    fc.record({ family: fc.constant(6 as const), value: fc.bigInt({ min: 2n ** 64n, max: 2n ** 128n - 1n }) }),
  );
  fc.assert(
    fc.property(addresses, (address) => {
      const text = formatAddress(address);
      expect(parseAddress(text)).toEqual({ ...address, text });
      expect(canonicalIpProblems(text)).toEqual([]);
    }),
  );
});

test('any text is told apart in bounded time', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:./]{0,40}$/)), (text) => {
      expect(parseAddress(text) === undefined).toBe(ipProblems(text).some((problem) => !problem.includes('mapped')));
      expect(canonicalCidrProblems(text).length > 0 || parseRange(text) !== undefined).toBe(true);
    }),
  );
});

test('ranges hold addresses and parts', () => {
  const range = parseRange('10.1.2.3/16')!;
  expect(formatRange(range)).toBe('10.1.0.0/16');
  expect(rangeSize(range)).toBe(65536n);
  expect(rangeHolds(range, parseAddress('10.1.255.255')!)).toBe(true);
  expect(rangeHolds(range, parseAddress('10.2.0.0')!)).toBe(false);
  expect(isStrictSubset(parseRange('10.1.4.0/24')!, range)).toBe(true);
  expect(isStrictSubset(range, range)).toBe(false);
  expect(isStrictSubset(parseRange('fd00::/64')!, parseRange('0.0.0.0/0')!)).toBe(false);
});
