/** Chance as a parameter: a run with the same seed makes the same choices. */
import { randomBytes } from 'node:crypto';

export interface Prng {
  /** A whole number in [0, 2^32). */
  uint32(): number;
}

/** The machine's source, fit for names, tokens and uids. Draws in blocks, since one call per number is slow. */
export class SystemPrng implements Prng {
  #block = Buffer.alloc(0);
  #offset = 0;

  uint32(): number {
    if (this.#offset + 4 > this.#block.length) {
      this.#block = randomBytes(1024);
      this.#offset = 0;
    }
    const value = this.#block.readUInt32LE(this.#offset);
    this.#offset += 4;
    return value;
  }
}

/** The sfc32 generator: fast, passes PractRand, and needs four words of state. Not for secrets. */
export class SeededPrng implements Prng {
  #a: number;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed >>> 0;
    for (let round = 0; round < 12; round++) this.uint32();
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0;
    return sum;
  }
}

/** A number in [0, 1). */
export function fraction(prng: Prng): number {
  return prng.uint32() / 2 ** 32;
}

/** A whole number in [0, bound). The bias for bounds far below 2^32 does not matter to our uses. */
export function below(prng: Prng, bound: number): number {
  return Math.floor(fraction(prng) * bound);
}

/** A random (version 4) UUID, RFC 9562 section 5.4. */
export function uuid(prng: Prng): string {
  const a = prng.uint32();
  const b = (prng.uint32() & 0xffff0fff) | 0x4000;
  const c = (prng.uint32() & 0x3fffffff) | 0x80000000;
  const d = prng.uint32();
  return `${hex16(a >>> 16)}${hex16(a)}-${hex16(b >>> 16)}-${hex16(b)}-${hex16(c >>> 16)}-${hex16(c)}${hex16(d >>> 16)}${hex16(d)}`;
}

/** A table, because every request draws a UUID. */
const hexBytes = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'));

function hex16(value: number): string {
  return hexBytes[(value >>> 8) & 0xff]! + hexBytes[value & 0xff]!;
}
