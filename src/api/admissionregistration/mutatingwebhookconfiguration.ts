/** MutatingWebhookConfiguration: HTTPS servers that are asked about requests, and may change their objects. */
import type { MutatingWebhookConfiguration } from '#api/gen/admissionregistration-v1.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { group } from './rules.js';
import { checkWebhooks, defaultWebhook, loadForWebhooks } from './webhooks.js';

export default defineResource<MutatingWebhookConfiguration>({
  group,
  versions: ['v1'],
  kind: 'MutatingWebhookConfiguration',
  categories: ['api-extensions'],
  namespaced: false,
  metadataRepeats: { update: ['whole'] },
  freeFinalizers: true,
  storageVersionHash: 'Sqi0GUgDaX0=',
  bumpsGeneration: ['webhooks'],
  allowUnconditionalUpdate: false,
  default(configuration) {
    for (const webhook of configuration.webhooks ?? []) {
      defaultWebhook(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  load: loadForWebhooks,
  validate: ({ webhooks }) => checkWebhooks(webhooks),
  columns: [
    nameColumn,
    {
      name: 'Webhooks',
      type: 'integer',
      description: 'Webhooks indicates the number of webhooks registered in this configuration',
      cell: ({ webhooks }) => webhooks?.length ?? 0,
    },
    ageColumn,
  ],
});
