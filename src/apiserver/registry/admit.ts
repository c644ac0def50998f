/** Runs the admission plugins in their order: first those that may change the object, then those that only judge. */
import { decodeManagers } from '#apimachinery/managed-fields/managers.js';
import type { ManagedFieldsEntry } from '#apimachinery/object.js';
import { ParseError } from '#apimachinery/parse-error.js';
import type { Clock } from '#base/clock.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission/admission.js';
import { beginSecondRound } from '../admission/reinvocation.js';
import type { AdmissionObserver, AdmissionSeries, AdmissionStep } from '../metrics/admission-metrics.js';

export interface AdmissionObservation {
  observer: AdmissionObserver;
  clock: Clock;
}

/** A plugin in one of its two parts. */
interface Part {
  plugin: AdmissionPlugin;
  run(request: AdmissionRequest): Promise<void> | void;
  series: AdmissionSeries | undefined;
}

export class AdmissionChain {
  readonly #plugins: readonly AdmissionPlugin[];
  readonly #rounds: readonly Part[];
  readonly #last: readonly Part[];
  readonly #validating: readonly Part[];
  readonly #clock: Clock | undefined;
  readonly #steps: Record<AdmissionStep, AdmissionSeries> | undefined;

  constructor(plugins: readonly AdmissionPlugin[], observation?: AdmissionObservation) {
    const observer = observation?.observer;
    this.#plugins = plugins;
    this.#clock = observation?.clock;
    this.#steps = observer && { admit: observer('admit'), validate: observer('validate') };
    const mutating = plugins.flatMap((plugin): Part[] => {
      const { name, mutate } = plugin;
      return mutate ? [{ plugin, run: mutate.bind(plugin), series: observer?.('admit', name) }] : [];
    });
    this.#rounds = mutating.filter(({ plugin }) => !plugin.mutatesOnce);
    this.#last = mutating.filter(({ plugin }) => plugin.mutatesOnce);
    this.#validating = plugins.flatMap((plugin): Part[] => {
      const { name, validate } = plugin;
      return validate ? [{ plugin, run: validate.bind(plugin), series: observer?.('validate', name) }] : [];
    });
  }

  /** Throws StatusError when a plugin refuses. */
  mutate(request: AdmissionRequest): Promise<void> | void {
    return this.#observed(this.#steps?.admit, request, this.#mutate);
  }

  /** Tells the plugins that the write will not happen, so that they give back what they took for it. */
  abandon(request: AdmissionRequest): void {
    for (const plugin of this.#plugins) if (plugin.abandoned && plugin.handles(request)) plugin.abandoned(request);
  }

  validate(request: AdmissionRequest): Promise<void> | void {
    return this.#observed(this.#steps?.validate, request, this.#validate);
  }

  readonly #mutate = async (request: AdmissionRequest): Promise<void> => {
    const held = managedFieldsOf(request);
    await this.#run(this.#rounds, request);
    if (beginSecondRound(request)) await this.#run(this.#rounds, request);
    await this.#run(this.#last, request);
    if (managedFieldsOf(request) !== held) keepReadable(request, held);
  };

  readonly #validate = (request: AdmissionRequest): Promise<void> | void => this.#run(this.#validating, request);

  /** Stays synchronous as long as the plugins do: most requests have only one or two that look at anything. */
  #run(parts: readonly Part[], request: AdmissionRequest, from = 0): Promise<void> | void {
    for (let index = from; index < parts.length; index++) {
      const { plugin, run, series } = parts[index]!;
      if (!plugin.handles(request)) continue;
      const running = this.#observed(series, request, run);
      if (running) return running.then(() => this.#run(parts, request, index + 1));
    }
  }

  #observed(series: AdmissionSeries | undefined, request: AdmissionRequest, run: Part['run']): Promise<void> | void {
    const clock = this.#clock;
    if (!clock || !series) return run(request);
    const startMs = clock.monotonic();
    const told = (rejected: boolean) =>
      series.observe(request.operation, { seconds: (clock.monotonic() - startMs) / 1000, rejected });
    const failed = (error: unknown): never => {
      told(true);
      throw error;
    };
    let running: Promise<void> | void;
    try {
      running = run(request);
    } catch (error) {
      return failed(error);
    }
    if (running) return running.then(() => told(false), failed);
    told(false);
  }
}

function managedFieldsOf({ object }: AdmissionRequest): ManagedFieldsEntry[] | undefined {
  return object?.metadata?.managedFields;
}

/** What admission has made unreadable of managedFields is as it was before. */
function keepReadable({ object, warn }: AdmissionRequest, held: ManagedFieldsEntry[] | undefined): void {
  const { metadata } = object!;
  try {
    decodeManagers(metadata.managedFields);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    metadata.managedFields = held;
    const state = '.metadata.managedFields was in an invalid state after admission';
    const cause = 'this could be caused by an outdated mutating admission controller';
    warn(`${state}; ${cause}; please fix your requests: ${error.message}`);
  }
}
