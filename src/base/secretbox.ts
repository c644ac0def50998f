/**
 * Secret boxes of NaCl: XSalsa20 and Poly1305, which node:crypto does not have.
 * https://nacl.cr.yp.to/secretbox.html, https://cr.yp.to/snuffle/xsalsa-20110204.pdf, https://cr.yp.to/mac/poly1305-20050329.pdf
 */
import { timingSafeEqual } from 'node:crypto';

export const nonceBytes = 24;
export const keyBytes = 32;
const tagBytes = 16;

/** The tag, then the ciphertext. */
export function sealBox(message: Uint8Array, { nonce, key }: { nonce: Uint8Array; key: Uint8Array }): Buffer {
  const { authenticator, cipher } = streamOf(message, { nonce, key });
  return Buffer.concat([poly1305(cipher, authenticator), cipher]);
}

/** Undefined when the box was not sealed with this key and nonce, or has been changed. */
export function openBox(box: Uint8Array, { nonce, key }: { nonce: Uint8Array; key: Uint8Array }): Buffer | undefined {
  if (box.length < tagBytes) return undefined;
  const cipher = box.subarray(tagBytes);
  const { authenticator, cipher: message } = streamOf(cipher, { nonce, key });
  return timingSafeEqual(poly1305(cipher, authenticator), box.subarray(0, tagBytes)) ? message : undefined;
}

/** The first 32 bytes of the key stream authenticate; what follows is combined with the text. */
function streamOf(text: Uint8Array, { nonce, key }: { nonce: Uint8Array; key: Uint8Array }) {
  const subkey = hsalsa20(key, nonce.subarray(0, 16));
  const out = Buffer.alloc(32 + text.length);
  out.set(text, 32);
  const block = new Uint8Array(64);
  for (let at = 0, counter = 0; at < out.length; at += 64, counter++) {
    salsa20(block, { key: subkey, nonce: nonce.subarray(16, 24), counter });
    const end = Math.min(64, out.length - at);
    for (let index = 0; index < end; index++) out[at + index]! ^= block[index]!;
  }
  return { authenticator: out.subarray(0, 32), cipher: out.subarray(32) };
}

/** `expand 32-byte k`. */
const constants = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

function wordsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, true));
}

/** The 4 × 4 matrix: constants on the diagonal, the key around, nonce and counter between. */
function matrix(key: readonly number[], input: readonly number[]): Uint32Array {
  const [a, b, c, d] = constants;
  const [k0, k1, k2, k3, k4, k5, k6, k7] = key as [number, number, number, number, number, number, number, number];
  const [n0, n1, n2, n3] = input as [number, number, number, number];
  return Uint32Array.of(a, k0, k1, k2, k3, b, n0, n1, n2, n3, c, k4, k5, k6, k7, d);
}

/** Indices of the quarter rounds of a double round: columns, then rows. */
const quarters = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const;

function rounds(x: Uint32Array): void {
  for (let round = 0; round < 10; round++)
    for (const [a, b, c, d] of quarters) {
      x[b]! ^= rotate(x[a]! + x[d]!, 7);
      x[c]! ^= rotate(x[b]! + x[a]!, 9);
      x[d]! ^= rotate(x[c]! + x[b]!, 13);
      x[a]! ^= rotate(x[d]! + x[c]!, 18);
    }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function salsa20(
  out: Uint8Array,
  { key, nonce, counter }: { key: readonly number[]; nonce: Uint8Array; counter: number },
): void {
  const start = matrix(key, [...wordsOf(nonce), counter >>> 0, Math.floor(counter / 2 ** 32)]);
  const x = start.slice();
  rounds(x);
  const view = new DataView(out.buffer);
  for (let index = 0; index < 16; index++) view.setUint32(index * 4, (x[index]! + start[index]!) >>> 0, true);
}

function hsalsa20(key: Uint8Array, nonce: Uint8Array): number[] {
  const x = matrix(wordsOf(key), wordsOf(nonce));
  rounds(x);
  return [0, 5, 10, 15, 6, 7, 8, 9].map((index) => x[index]!);
}

const prime = 2n ** 130n - 5n;
const clamp = 0x0ffffffc0ffffffc0ffffffc0fffffffn;

function poly1305(message: Uint8Array, key: Uint8Array): Buffer {
  const r = littleEndian(key.subarray(0, 16)) & clamp;
  const s = littleEndian(key.subarray(16, 32));
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const part = message.subarray(at, at + 16);
    sum = ((sum + littleEndian(part) + (1n << BigInt(8 * part.length))) * r) % prime;
  }
  const tag = (sum + s) & (2n ** 128n - 1n);
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse();
}

function littleEndian(bytes: Uint8Array): bigint {
  const hex = Buffer.from(bytes).reverse().toString('hex');
  return BigInt(`0x${hex || '0'}`);
}
