/** A store in which values lie encrypted: what goes through it is sealed on the way in, and opened on the way out. */
import { type Entry, type Event, type RangeOptions, type Store, StoreError, type Written } from '#storage/store.js';
import { openBy, type Provider, sealBy } from './providers.js';

/** The providers of now: a configuration may change while the store is in use. */
export type CurrentProviders = () => readonly Provider[];

export class EncryptedStore implements Store {
  readonly #store: Store;
  readonly #providers: CurrentProviders;

  constructor(store: Store, providers: CurrentProviders) {
    this.#store = store;
    this.#providers = providers;
  }

  revision(): Promise<number> {
    return this.#store.revision();
  }

  async get(key: string, options?: { revision?: number }): Promise<Entry | undefined> {
    const entry = await this.#store.get(key, options);
    return entry && this.#open(entry);
  }

  async range(prefix: string, options?: RangeOptions) {
    const { entries, ...rest } = await this.#store.range(prefix, options);
    return { ...rest, entries: await Promise.all(entries.map((entry) => this.#open(entry))) };
  }

  async put(key: string, value: Uint8Array, expected: number): Promise<Written> {
    return this.#answer(await this.#store.put(key, this.#seal(value, key), expected));
  }

  async delete(key: string, expected: number): Promise<Written> {
    return this.#answer(await this.#store.delete(key, expected));
  }

  async *watch(prefix: string, options: { since: number; signal: AbortSignal }): AsyncIterable<Event[]> {
    for await (const events of this.#store.watch(prefix, options))
      yield await Promise.all(
        events.map(async (event) => ({
          ...event,
          entry: await this.#open(event.entry),
          previous: event.previous && (await this.#open(event.previous)),
        })),
      );
  }

  compact(revision: number): Promise<void> {
    return this.#store.compact(revision);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #answer(written: Written): Promise<Written> {
    return written.ok ? written : { ok: false, current: written.current && (await this.#open(written.current)) };
  }

  #seal(value: Uint8Array, key: string): Uint8Array {
    try {
      return sealBy(this.#providers(), value, key);
    } catch (error) {
      throw new StoreError('write failed', (error as Error).message, { cause: error });
    }
  }

  async #open(entry: Entry): Promise<Entry> {
    try {
      return { ...entry, ...(await openBy(this.#providers(), entry.value, entry.key)) };
    } catch (error) {
      const why = (error as Error).message;
      throw new StoreError('corrupt', `unable to transform key "${entry.key}": ${why}`, { cause: error });
    }
  }
}
