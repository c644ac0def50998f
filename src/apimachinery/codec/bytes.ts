/** Base64 as Go's encoding/json reads it into a []byte: standard alphabet, padding required, line breaks ignored. */
import type { Words } from './mismatch.js';
import { SchemaError } from './schema-error.js';

const canonical = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The same bytes in canonical base64. Throws a SchemaError that names the first bad byte, in upstream's words. */
export function canonicalizeBytes(text: string, words: Words = 'json'): string {
  if (canonical.test(text)) {
    // The last group may carry stray bits below the last byte, which Go drops on the way out.
    return text.endsWith('=') ? Buffer.from(text, 'base64').toString('base64') : text;
  }
  const bare = text.replace(/[\r\n]/g, '');
  if (bare !== text && canonical.test(bare)) return Buffer.from(bare, 'base64').toString('base64');
  // Go's converter has its decoder of JSON read them.
  const start = words === 'converter' ? 'error decoding from json: ' : '';
  throw new SchemaError('Format', `${start}illegal base64 data at input byte ${firstBadByte(text)}`);
}

/** Go reports the offset of the byte where the quantum broke; at the end of input, the length read so far. */
function firstBadByte(text: string): number {
  const bytes = Buffer.from(text, 'utf8');
  let inQuantum = 0;
  let offset = 0;
  for (; offset < bytes.length; offset++) {
    const byte = bytes[offset]!;
    if (byte === 0x0a || byte === 0x0d) continue;
    if (isAlphabet(byte)) inQuantum = (inQuantum + 1) % 4;
    else if (byte === 0x3d) return badPadding(bytes, { offset, inQuantum });
    else return offset;
  }
  return offset - inQuantum;
}

function badPadding(bytes: Buffer, { offset, inQuantum }: { offset: number; inQuantum: number }): number {
  if (inQuantum < 2) return offset;
  let next = offset + 1;
  const skipBreaks = () => {
    while (bytes[next] === 0x0a || bytes[next] === 0x0d) next++;
  };
  skipBreaks();
  if (inQuantum === 2) {
    if (next === bytes.length) return bytes.length;
    if (bytes[next] !== 0x3d) return next - 1;
    next++;
    skipBreaks();
  }
  return next;
}

function isAlphabet(byte: number): boolean {
  return (
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2b ||
    byte === 0x2f
  );
}
