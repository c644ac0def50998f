/** Keeps what we know of the runtime current: its events at once, and a full list now and then for what they missed. */
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { PodStates } from './pod-states.js';
import type { Runtime, RuntimeEvent } from './runtime/runtime.js';

const relistMs = 10_000;
/** While the runtime gives no events. */
const blindRelistMs = 1000;

export interface RuntimeWatchOptions {
  runtime: Runtime;
  clock: Clock;
  log: Log;
  states: PodStates;
  changed: (podUid: string) => void;
  relisted: (tookMs: number) => void;
}

export class RuntimeWatch {
  readonly #options: RuntimeWatchOptions;
  #isBlind = true;

  constructor(options: RuntimeWatchOptions) {
    this.#options = options;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#followEvents(signal), this.#relistForever(signal)]);
  }

  /** Resolves after the first list that succeeded: until then nobody knows what runs here. */
  async relist(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#relistOnce();
        return;
      } catch (err) {
        log.warn('runtime could not be listed', { err });
        await clock.sleep(blindRelistMs, signal).catch(() => {});
      }
    }
  }

  async #relistForever(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(this.#isBlind ? blindRelistMs : relistMs, signal).catch(() => {});
      if (!signal.aborted) await this.relist(signal);
    }
  }

  async #relistOnce(): Promise<void> {
    const { runtime, states, clock, changed, relisted } = this.#options;
    const since = states.version;
    const beganMs = clock.monotonic();
    const list = await runtime.list();
    relisted(clock.monotonic() - beganMs);
    for (const uid of states.replaceAll(list, since)) changed(uid);
  }

  async #followEvents(signal: AbortSignal): Promise<void> {
    const { runtime, clock, log } = this.#options;
    while (!signal.aborted) {
      try {
        this.#isBlind = false;
        for await (const event of runtime.events(signal)) {
          this.#take(event).catch((err) => log.warn('runtime event could not be followed', { event: event.type, err }));
        }
      } catch (err) {
        if (!signal.aborted) log.warn('runtime events ended', { err });
      }
      this.#isBlind = true;
      await clock.sleep(blindRelistMs, signal).catch(() => {});
    }
  }

  /** What we do not know is not ours yet: who makes it asks for its state when it is made. */
  async #take({ type, id }: RuntimeEvent): Promise<void> {
    const { runtime, states, changed } = this.#options;
    const known = states.find(id);
    if (!known) return;
    if (type === 'deleted') {
      states.remove(id);
      changed(known.uid);
      return;
    }
    if (known.kind === 'container') {
      // Whoever starts or stops a container asks for its state afterwards, most often before this event is here.
      if (type === 'started' && known.state.state !== 'exited') return;
      if (type === 'exited' && known.state.state === 'exited') return;
      const state = await runtime.container(id);
      if (state) states.setContainer(state);
      else states.remove(id);
    } else {
      const state = await runtime.sandbox(id);
      if (state) states.setSandbox(state);
      else states.remove(id);
    }
    changed(known.uid);
  }
}
