/** DeviceClass: a sort of device that claims can name, as the administrator sees it. */
import type { DeviceClass, DeviceClassSpec } from '#api/gen/resource-v1.js';
import { invalidValue } from '#apimachinery/field-error.js';
import { subdomainProblems } from '#apimachinery/names.js';
import { isExtendedName } from '../core/pod/validate-resources.js';
import type { FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { checkConfiguration, checkSelectors, claimListMax } from './claim-rules.js';
import { loadForSelectors } from './expressions.js';
import { checkList } from './names.js';

export default defineResource<DeviceClass>({
  group: 'resource.k8s.io',
  versions: ['v1'],
  kind: 'DeviceClass',
  namespaced: false,
  validateName: (name) => subdomainProblems(name, 'bytes'),
  freePrefix: true,
  metadataRepeats: { update: ['whole', 'change'] },
  deletion: { returnsObject: true },
  storageVersionHash: 'Yk2PTc1Ybxk=',
  bumpsGeneration: ['spec'],
  gated: { DRAExtendedResource: ['spec.extendedResourceName'] },
  load: ({ spec }) => loadForSelectors(spec?.selectors),
  validate: ({ spec }) => checkSpec(spec ?? {}),
  columns: [nameColumn, ageColumn],
});

function* checkSpec({ selectors, config, extendedResourceName: name }: DeviceClassSpec): FieldErrors {
  yield* checkSelectors('spec.selectors', selectors);
  yield* checkList('spec.config', config, { max: claimListMax }, checkConfiguration);
  if (name !== undefined && !isExtendedName(name))
    yield invalidValue('spec.extendedResourceName', name, 'must be a valid extended resource name');
}
