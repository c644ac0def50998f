/** Runs the admission plugins in their order: first those that may change the object, then those that only judge. */
import type { AdmissionPlugin, AdmissionRequest } from '../admission/admission.js';
import { beginSecondRound } from '../admission/reinvocation.js';

export class AdmissionChain {
  readonly #plugins: readonly AdmissionPlugin[];
  readonly #rounds: readonly AdmissionPlugin[];
  readonly #last: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
    const mutating = plugins.filter(({ mutate }) => mutate);
    this.#rounds = mutating.filter(({ mutatesOnce }) => !mutatesOnce);
    this.#last = mutating.filter(({ mutatesOnce }) => mutatesOnce);
  }

  /** Throws StatusError when a plugin refuses. */
  async mutate(request: AdmissionRequest): Promise<void> {
    await mutateWith(this.#rounds, request);
    if (beginSecondRound(request)) await mutateWith(this.#rounds, request);
    await mutateWith(this.#last, request);
  }

  /** Tells the plugins that the write will not happen, so that they give back what they took for it. */
  abandon(request: AdmissionRequest): void {
    for (const plugin of this.#plugins) if (plugin.abandoned && plugin.handles(request)) plugin.abandoned(request);
  }

  async validate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.#plugins) if (plugin.validate && plugin.handles(request)) await plugin.validate(request);
  }
}

async function mutateWith(plugins: readonly AdmissionPlugin[], request: AdmissionRequest): Promise<void> {
  for (const plugin of plugins) if (plugin.handles(request)) await plugin.mutate!(request);
}
