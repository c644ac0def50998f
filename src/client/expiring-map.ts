/** A map of bounded size of what holds for a while only, such as the answers of another server. */
import type { Clock } from '#base/clock.js';
import { RecentMap } from './recent-map.js';

export class ExpiringMap<K, V> {
  readonly #clock: Clock;
  readonly #entries: RecentMap<K, { value: V; untilMs: number }>;

  constructor({ clock, entriesMax }: { clock: Clock; entriesMax: number }) {
    this.#clock = clock;
    this.#entries = new RecentMap(entriesMax);
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    return entry && this.#clock.now() < entry.untilMs ? entry.value : undefined;
  }

  /** For so long from now; 0: not at all. */
  set(key: K, value: V, lastsMs: number): void {
    if (lastsMs > 0) this.#entries.set(key, { value, untilMs: this.#clock.now() + lastsMs });
  }
}
