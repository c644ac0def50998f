/** ValidatingWebhookConfiguration: HTTPS servers that are asked about requests, and may refuse them. */
import type { ValidatingWebhookConfiguration } from '#api/gen/admissionregistration-v1.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { group } from './rules.js';
import { checkWebhooks, defaultWebhook, loadForWebhooks } from './webhooks.js';

export default defineResource<ValidatingWebhookConfiguration>({
  group,
  versions: ['v1'],
  kind: 'ValidatingWebhookConfiguration',
  categories: ['api-extensions'],
  namespaced: false,
  metadataRepeats: { update: ['whole'] },
  freeFinalizers: true,
  storageVersionHash: 'B0wHjQmsGNk=',
  bumpsGeneration: ['webhooks'],
  allowUnconditionalUpdate: false,
  default(configuration) {
    for (const webhook of configuration.webhooks ?? []) {
      defaultWebhook(webhook);
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
