/** The two webhook plugins, and the watch by which they learn of their configurations. */
import type { Clock } from '#base/clock.js';
import { type ResolveService, WebhookClient } from '../../webhook/client.js';
import type { WebhookCredentials } from '../../webhook/credentials.js';
import type { AdmissionPlugin } from '../admission.js';
import { type Followed, followKind } from '../follow.js';
import type { AdmissionChoice } from '../plugins.js';
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
  dependencies: Omit<MutatingDependencies, 'client'> & {
    clock: Clock;
    resolveService: ResolveService;
    webhookCredentials?: AdmissionChoice['webhookCredentials'];
  },
): AdmissionWebhooks {
  const { clock, resolveService, webhookCredentials } = dependencies;
  const all = (credentials: WebhookCredentials | undefined) => ({
    ...dependencies,
    client: new WebhookClient({ clock, resolveService, credentials }),
  });
  const sources = {
    mutatingwebhookconfigurations: new WebhookSource(),
    validatingwebhookconfigurations: new WebhookSource(),
  };
  return {
    mutating: mutatingWebhooks(sources.mutatingwebhookconfigurations, all(webhookCredentials?.mutating)),
    validating: validatingWebhooks(sources.validatingwebhookconfigurations, all(webhookCredentials?.validating)),
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
