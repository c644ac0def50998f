/** The two webhook plugins, and the watch by which they learn of their configurations. */
import type { Clock } from '#base/clock.js';
import type { Registry } from '../../registry/registry.js';
import { WebhookClient } from '../../webhook/client.js';
import { clusterAddresses } from '../../webhook/services.js';
import type { AdmissionPlugin } from '../admission.js';
import { type Followed, followKind } from '../follow.js';
import { type MutatingDependencies, mutatingWebhooks } from './mutating.js';
import { type WebhookConfiguration, WebhookSource } from './source.js';
import { validatingWebhooks } from './validating.js';

export interface AdmissionWebhooks {
  mutating: AdmissionPlugin;
  validating: AdmissionPlugin;
  /** Resolves when the configurations that there are have been seen. */
  follow(followed: Followed): Promise<void>;
}

export function admissionWebhooks(
  dependencies: Omit<MutatingDependencies, 'client'> & { registry: () => Registry; clock: Clock },
): AdmissionWebhooks {
  const client = new WebhookClient({ clock: dependencies.clock, resolveService: clusterAddresses(dependencies) });
  const sources = {
    mutatingwebhookconfigurations: new WebhookSource(),
    validatingwebhookconfigurations: new WebhookSource(),
  };
  const all = { ...dependencies, client };
  return {
    mutating: mutatingWebhooks(sources.mutatingwebhookconfigurations, all),
    validating: validatingWebhooks(sources.validatingwebhookconfigurations, all),
    async follow(followed) {
      const kinds = Object.entries(sources).map(([plural, source]) =>
        followKind<WebhookConfiguration>(followed, plural, {
          put: (configuration) => source.put(configuration),
          remove: (name) => source.remove(name),
        }),
      );
      await Promise.all(kinds);
    },
  };
}
