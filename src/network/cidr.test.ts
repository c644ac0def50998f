/** IPv4 ranges. */
import { expect, test } from 'vitest';
import { addressOf, gatewayOf, subnetOf } from './cidr.js';

test('finds addresses and parts of a range', () => {
  expect(gatewayOf('10.244.3.0/24')).toBe('10.244.3.1');
  expect(addressOf('10.96.0.0/12', 10)).toBe('10.96.0.10');
  expect(addressOf('10.96.5.7/12', 2 ** 20 - 1)).toBe('10.111.255.255');
  expect(subnetOf('10.244.0.0/16', { bits: 24, index: 255 })).toBe('10.244.255.0/24');
  expect(subnetOf('200.0.0.0/8', { bits: 24, index: 65535 })).toBe('200.255.255.0/24');
  expect(() => subnetOf('10.244.0.0/16', { bits: 24, index: 256 })).toThrow(RangeError);
});
