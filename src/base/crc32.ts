/** The checksum of gzip and PNG (ISO 3309): Node's own, and ours where Node is older than 20.15. */
import * as zlib from 'node:zlib';

type Checksum = (bytes: Uint8Array, before?: number) => number;

/** Of bytes that follow those of which `before` is the checksum. */
export const crc32: Checksum = (zlib as { crc32?: Checksum }).crc32 ?? crc32InTable;

let table: Int32Array | undefined;

export function crc32InTable(bytes: Uint8Array, before = 0): number {
  table ??= Int32Array.from({ length: 256 }, (_, byte) => remainderOf(byte));
  let value = ~before;
  for (let index = 0; index < bytes.length; index++) value = table[(value ^ bytes[index]!) & 0xff]! ^ (value >>> 8);
  return ~value >>> 0;
}

function remainderOf(byte: number): number {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
}
