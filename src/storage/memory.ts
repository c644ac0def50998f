/** The store in memory: for tests, and for clusters that are not meant to outlive their process. */
import type { Backing, Changes, Head, LogRecord } from './backing.js';
import { RevisionStore } from './revision-store.js';
import type { Store } from './store.js';

export function openMemoryStore(): Store {
  return new RevisionStore(new MemoryBacking());
}

export class MemoryBacking implements Backing {
  revision = 1;
  compacted = 0;
  readonly #heads = new Map<string, Head>();
  /** The keys of `#heads`, sorted. */
  readonly #keys: string[] = [];
  /** Insertion order is revision order. */
  readonly #log = new Map<number, LogRecord>();

  head(key: string): Head | undefined {
    return this.#heads.get(key);
  }

  *heads(prefix: string, after?: string): Iterable<{ key: string; head: Head }> {
    let index = after === undefined ? this.#position(prefix) : this.#position(`${after}\0`);
    for (; index < this.#keys.length && this.#keys[index]!.startsWith(prefix); index++) {
      const key = this.#keys[index]!;
      yield { key, head: this.#heads.get(key)! };
    }
  }

  record(revision: number): LogRecord | undefined {
    return this.#log.get(revision);
  }

  *records(after: number): Iterable<LogRecord> {
    for (let revision = after + 1; revision <= this.revision; revision++) {
      const record = this.#log.get(revision);
      if (record) yield record;
    }
  }

  async commit({ revision, compacted, records, heads, dropped }: Changes): Promise<void> {
    for (const record of records) this.#log.set(record.revision, record);
    for (const one of dropped) this.#log.delete(one);
    for (const { key, head } of heads) this.#setHead(key, head);
    this.revision = revision;
    this.compacted = compacted;
  }

  async close(): Promise<void> {}

  #setHead(key: string, head: Head | undefined): void {
    const known = this.#heads.has(key);
    if (head) {
      if (!known) this.#keys.splice(this.#position(key), 0, key);
      this.#heads.set(key, head);
    } else if (known) {
      this.#keys.splice(this.#position(key), 1);
      this.#heads.delete(key);
    }
  }

  /** The index of the first key that is not before `key`. */
  #position(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
