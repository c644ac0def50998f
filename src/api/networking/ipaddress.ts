/** IPAddress: one address of the services' ranges, and whose it is. */

import type { IPAddress, ParentReference } from '#api/gen/networking-v1.js';
import { canonicalIpProblems } from '#apimachinery/addresses.js';
import { required } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { pathSegmentProblems } from '#apimachinery/names.js';
import { check, checkReference, type FieldErrors } from '../meta/check.js';
import { nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { goStruct } from '../meta/go-fields.js';
import { defineResource } from '../resource.js';

export default defineResource<IPAddress>({
  group: 'networking.k8s.io',
  versions: ['v1'],
  kind: 'IPAddress',
  shortNames: ['ip'],
  namespaced: false,
  metadataRepeats: { update: ['whole', 'change'] },
  storageVersionHash: '3f/plJFChNE=',
  validateName: canonicalIpProblems,
  validate: ({ spec }) => checkParent('spec.parentRef', spec?.parentRef),
  validateUpdate: ({ spec }, { spec: old }) =>
    validateImmutable('spec.parentRef', {
      value: spec?.parentRef,
      old: old?.parentRef,
      show: (parent) => parent && goStruct({ Group: '', Resource: '', Namespace: '', Name: '' }, parent),
    }),
  columns: [
    nameColumn,
    {
      name: 'ParentRef',
      type: 'string',
      description: fieldText('networking.v1.IPAddressSpec.parentRef'),
      cell: parentCell,
    },
  ],
});

function* checkParent(path: string, parent: ParentReference | undefined): FieldErrors {
  if (!parent) {
    yield required(path);
    return;
  }
  const { group, resource, name, namespace } = parent;
  yield* checkReference(`${path}.group`, group);
  for (const [field, value] of Object.entries({ resource, name })) {
    if (!value) yield required(`${path}.${field}`);
    else yield* check(`${path}.${field}`, value, pathSegmentProblems);
  }
  if (namespace) yield* check(`${path}.namespace`, namespace, pathSegmentProblems);
}

/** `services/default/web`. */
function parentCell({ spec }: IPAddress): string {
  if (!spec?.parentRef) return '<none>';
  const { group, resource, namespace, name } = spec.parentRef;
  const kind = group ? `${resource}.${group}` : (resource ?? '');
  return [kind.toLowerCase(), namespace, name].filter(Boolean).join('/');
}
