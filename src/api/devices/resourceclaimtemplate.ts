/** ResourceClaimTemplate: what each pod's own ResourceClaim is made from. */
import type { ResourceClaimTemplate } from '#api/gen/resource-v1.js';
import { validateImmutable, validateTemplateMetadata } from '#apimachinery/metadata-validation.js';
import type { FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { checkDeviceClaim, defaultDeviceClaim } from './claim-rules.js';
import { loadForClaim } from './expressions.js';
import { gatedInClaimTemplate } from './gated.js';
import { goClaimSpec } from './go-claim.js';

export default defineResource<ResourceClaimTemplate>({
  group: 'resource.k8s.io',
  versions: ['v1'],
  kind: 'ResourceClaimTemplate',
  namespaced: true,
  metadataRepeats: { update: ['whole', 'change'] },
  deletion: { returnsObject: true },
  storageVersionHash: 'TuzjC49aUfM=',
  gated: gatedInClaimTemplate,
  default: ({ spec }) => defaultDeviceClaim(spec?.spec?.devices),
  load: ({ spec }) => loadForClaim(spec?.spec?.devices),
  validate: (template) => checkTemplate(template),
  validateUpdate: (template, old) =>
    validateImmutable('spec', {
      value: template.spec,
      old: old.spec,
      show: (spec) => ({ ...spec?.metadata, Spec: goClaimSpec(spec?.spec) }),
    }),
  columns: [nameColumn, ageColumn],
});

function* checkTemplate({ spec }: ResourceClaimTemplate): FieldErrors {
  yield* validateTemplateMetadata(spec?.metadata, 'spec.metadata');
  yield* checkDeviceClaim('spec.spec.devices', spec?.spec?.devices ?? {});
}
