import { expect, test } from 'vitest';
import { crc32, crc32InTable } from './crc32.js';

test.each([
  ['of Node or ours', crc32],
  ['ours', crc32InTable],
])('%s gives the check value of its standard, whole and in parts', (_, checksum) => {
  const bytes = Buffer.from('123456789');
  expect(checksum(bytes)).toBe(0xcbf43926);
  expect(checksum(bytes.subarray(4), checksum(bytes.subarray(0, 4)))).toBe(0xcbf43926);
  expect(checksum(new Uint8Array(0))).toBe(0);
});
