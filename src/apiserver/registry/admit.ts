/** Runs the admission plugins in their order: first those that may change the object, then those that only judge. */
import type { AdmissionPlugin, AdmissionRequest } from '../admission/admission.js';

export class AdmissionChain {
  readonly #plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
  }

  /** Throws StatusError when a plugin refuses. */
  async mutate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.#plugins) if (plugin.mutate && plugin.handles(request)) await plugin.mutate(request);
  }

  /** Tells the plugins that the write will not happen, so that they give back what they took for it. */
  abandon(request: AdmissionRequest): void {
    for (const plugin of this.#plugins) if (plugin.abandoned && plugin.handles(request)) plugin.abandoned(request);
  }

  async validate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.#plugins) if (plugin.validate && plugin.handles(request)) await plugin.validate(request);
  }
}
