/** Whether what is wrong with a part of an object was wrong with it before, and so need not be mended now. */
import type { Correlation } from '../correlation.js';

export class Ratchet {
  /** Without an old object. */
  static readonly none = new Ratchet(undefined, undefined);

  readonly #current: Correlation | undefined;
  /** The nearest part around this one that has a counterpart. */
  readonly #around: Correlation | undefined;

  private constructor(current: Correlation | undefined, around: Correlation | undefined) {
    this.#current = current;
    this.#around = around;
  }

  static of(root: Correlation): Ratchet {
    return new Ratchet(root, undefined);
  }

  get isUnchanged(): boolean {
    return (this.#current ?? this.#around)?.isUnchanged ?? false;
  }

  key(name: string): Ratchet {
    if (!this.#current) return this;
    // Both objects are of the version that is asked for.
    if (!this.#around && (name === 'apiVersion' || name === 'kind')) return Ratchet.none;
    return new Ratchet(this.#current.key(name), this.#current);
  }

  index(index: number): Ratchet {
    return this.#current ? new Ratchet(this.#current.index(index), this.#current) : this;
  }

  /** For what the parts of allOf say: only what is around can excuse it. */
  uncorrelated(): Ratchet {
    return new Ratchet(undefined, this.#around);
  }
}
