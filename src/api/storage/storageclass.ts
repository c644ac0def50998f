/** StorageClass: a sort of volume, and who makes it. */

import type { TopologySelectorTerm } from '#api/gen/core-v1.js';
import type { StorageClass } from '#api/gen/storage-v1.js';
import { duplicate, type FieldError, required } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { equal } from '#base/json.js';
import {
  checkEnum,
  checkOptionalEnum,
  checkQualifiedName,
  checkUnique,
  each,
  type FieldErrors,
} from '../meta/check.js';
import { ageColumn, defaultNameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { deprecatedLabelWarnings } from '../meta/node-labels.js';
import { defineResource } from '../resource.js';
import { checkParameters, checkProvisioner } from './rules.js';

export default defineResource<StorageClass>({
  group: 'storage.k8s.io',
  versions: ['v1'],
  kind: 'StorageClass',
  shortNames: ['sc'],
  namespaced: false,
  metadataRepeats: { update: ['whole', 'change'] },
  deletion: { returnsObject: true },
  storageVersionHash: 'K+m6uJwbjGY=',
  default(storageClass) {
    storageClass.reclaimPolicy ??= 'Delete';
    storageClass.volumeBindingMode ??= 'Immediate';
  },
  validate: (storageClass) => checkClass(storageClass),
  validateUpdate,
  warnings,
  columns: [
    defaultNameColumn(
      'storageclass.kubernetes.io/is-default-class',
      'storageclass.beta.kubernetes.io/is-default-class',
    ),
    {
      name: 'Provisioner',
      type: 'string',
      description: fieldText('storage.v1.StorageClass.provisioner'),
      cell: ({ provisioner }) => provisioner ?? '',
    },
    {
      name: 'ReclaimPolicy',
      type: 'string',
      description: fieldText('storage.v1.StorageClass.reclaimPolicy'),
      cell: ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete',
    },
    {
      name: 'VolumeBindingMode',
      type: 'string',
      description: fieldText('storage.v1.StorageClass.volumeBindingMode'),
      cell: ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate',
    },
    {
      name: 'AllowVolumeExpansion',
      type: 'string',
      description: fieldText('storage.v1.StorageClass.allowVolumeExpansion'),
      cell: ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
    },
    ageColumn,
  ],
});

function* checkClass(storageClass: StorageClass): FieldErrors {
  const { provisioner, parameters, reclaimPolicy, volumeBindingMode, allowedTopologies } = storageClass;
  yield* checkProvisioner('provisioner', provisioner);
  yield* checkParameters('parameters', parameters, { mayBeEmpty: true });
  if (reclaimPolicy) yield* checkOptionalEnum('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain']);
  yield* checkEnum('volumeBindingMode', volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']);
  yield* checkTopologies('allowedTopologies', allowedTopologies ?? []);
}

/** Terms are compared as what they allow: sets of values by key. A term that says nothing equals nothing yet said. */
function* checkTopologies(path: string, terms: readonly TopologySelectorTerm[]): FieldErrors {
  const seen: unknown[] = terms.map(() => ({}));
  for (const { path: at, value } of each(path, terms)) {
    yield* checkTopology(`${at}.matchLabelExpressions`, value);
    const expressions = value.matchLabelExpressions ?? [];
    const allowed = Object.fromEntries(expressions.map(({ key, values }) => [key, [...new Set(values)].sort()]));
    for (const before of seen) if (equal(before, allowed)) yield duplicate(`${at}.matchLabelExpressions`, '');
    seen.push(allowed);
  }
}

function* checkTopology(path: string, { matchLabelExpressions }: TopologySelectorTerm): FieldErrors {
  const keys = new Set<string>();
  for (const { path: at, value } of each(path, matchLabelExpressions)) {
    const { key = '', values } = value;
    if (!values?.length) yield required(`${at}.values`);
    yield* checkUnique(`${at}.values`, values);
    yield* checkQualifiedName(`${at}.key`, key);
    if (keys.has(key)) yield duplicate(`${at}.key`, key);
    keys.add(key);
  }
}

const fixedFields = ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const;

function validateUpdate(storageClass: StorageClass, old: StorageClass): FieldError[] {
  return fixedFields.flatMap((field) =>
    validateImmutable(field, { value: storageClass[field], old: old[field], show: (value) => value ?? null }),
  );
}

function warnings({ allowedTopologies }: StorageClass): string[] {
  return [...each('allowedTopologies', allowedTopologies)].flatMap((term) =>
    [...each(`${term.path}.matchLabelExpressions`, term.value.matchLabelExpressions)].flatMap(({ path, value }) =>
      deprecatedLabelWarnings([value.key], () => `${path}.key`),
    ),
  );
}
