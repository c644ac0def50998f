/** A short hash of a text, which is neither secret nor free of collisions. */

const basis32 = 0x811c9dc5;
const prime32 = 0x01000193;

/** The 32-bit FNV-1a hash of the UTF-8 text or the bytes (draft-eastlake-fnv). */
export function fnv1a32(input: string | Uint8Array): number {
  let hash = basis32;
  for (const byte of Buffer.from(input)) hash = Math.imul(hash ^ byte, prime32);
  return hash >>> 0;
}

/** The 32-bit FNV-1 hash of the UTF-8 text. */
export function fnv1(text: string): number {
  let hash = basis32;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash, prime32) ^ byte;
  return hash >>> 0;
}

/** The 64-bit FNV-1 hash of the UTF-8 text, more than a number holds. */
export function fnv1Of64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, hash * 0x100000001b3n) ^ BigInt(byte);
  return hash;
}

const prime128 = 0x0000000001000000000000000000013bn;
const mask128 = (1n << 128n) - 1n;

/** The 128-bit FNV-1a hash of the UTF-8 text, as 32 hexadecimal digits. */
export function fnv1a128(text: string): string {
  let hash = 0x6c62272e07bb014262b821756295c58dn;
  for (const byte of Buffer.from(text)) hash = ((hash ^ BigInt(byte)) * prime128) & mask128;
  return hash.toString(16).padStart(32, '0');
}
