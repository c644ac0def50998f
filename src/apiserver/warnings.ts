/**
 * The warnings of one answer, each told once. Beyond a limit for all of them each is cut short, and then no more are
 * taken, so that headers stay of a size that clients and proxies take (KEP-1693).
 */
const runesMax = 4096;
const cutRunes = 256;

export class Warnings {
  #texts: string[] = [];
  readonly #whole = new Set<string>();
  #runes = 0;
  #cuts = false;

  constructor(first = '') {
    this.add(first);
  }

  /** As they are to be sent. */
  get texts(): string[] {
    return this.#texts;
  }

  add(text: string): void {
    if (text === '' || (this.#cuts && this.#runes >= runesMax) || this.#whole.has(text)) return;
    this.#whole.add(text);
    if (!this.#cuts && this.#runes + text.length > runesMax) this.#beginToCut();
    else this.#take(text);
  }

  #beginToCut(): void {
    this.#cuts = true;
    this.#texts = [];
    this.#runes = 0;
    for (const text of this.#whole) this.#take(text);
  }

  #take(text: string): void {
    const taken =
      this.#cuts && text.length > cutRunes ? [...text.slice(0, 2 * cutRunes)].slice(0, cutRunes).join('') : text;
    this.#texts.push(taken);
    this.#runes += taken.length;
  }
}
