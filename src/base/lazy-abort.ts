/** An AbortController that is made only when somebody asks for its signal: most calls end before anybody does. */
export class LazyAbort {
  #controller: AbortController | undefined;
  #aborted = false;
  #follower: LazyAbort | undefined;

  get aborted(): boolean {
    return this.#aborted;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#controller?.abort();
    this.#follower?.abort();
  }

  /** From now on `other`, and no other, aborts with this one. */
  leads(other: LazyAbort | undefined): void {
    this.#follower = other;
    if (this.#aborted) other?.abort();
  }
}
