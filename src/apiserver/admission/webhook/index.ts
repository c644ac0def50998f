/** The two webhook plugins, and the watch by which they learn of their configurations. */
import type { ResourceRef } from '#api/resource.js';
import type { Scheme } from '#api/scheme.js';
import type { Clock } from '#base/clock.js';
import type { InformerFactory } from '#client/informer.js';
import type { Registry } from '../../registry/registry.js';
import { WebhookClient } from '../../webhook/client.js';
import { clusterAddresses } from '../../webhook/services.js';
import type { AdmissionPlugin } from '../admission.js';
import { type MutatingDependencies, mutatingWebhooks } from './mutating.js';
import { type WebhookConfiguration, WebhookSource } from './source.js';
import { validatingWebhooks } from './validating.js';

const group = 'admissionregistration.k8s.io';

export interface AdmissionWebhooks {
  mutating: AdmissionPlugin;
  validating: AdmissionPlugin;
  /** Resolves when the configurations that there are have been seen. */
  follow(informers: InformerFactory, scheme: Scheme): Promise<void>;
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
    async follow(informers, scheme) {
      const informersOf = Object.entries(sources).flatMap(([plural, source]) => {
        const resource = scheme.byPlural({ group, plural }) as ResourceRef<WebhookConfiguration> | undefined;
        return resource ? [followOne(informers, resource, source)] : [];
      });
      await Promise.all(informersOf);
    },
  };
}

function followOne(
  informers: InformerFactory,
  resource: ResourceRef<WebhookConfiguration>,
  source: WebhookSource,
): Promise<void> {
  const informer = informers.of(resource);
  informer.onEvent({
    added: (configuration) => source.put(configuration),
    updated: (configuration) => source.put(configuration),
    deleted: ({ metadata }) => source.remove(metadata.name ?? ''),
  });
  return informer.synced;
}
