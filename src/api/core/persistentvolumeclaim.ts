/** PersistentVolumeClaim: a wish for storage, and once it is bound, the volume that fulfils it. */

import type { PersistentVolumeClaim, PersistentVolumeClaimSpec, TypedObjectReference } from '#api/gen/core-v1.js';
import { collect, forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { immutableMessage, validateImmutable } from '#apimachinery/metadata-validation.js';
import { qualifiedNameProblems } from '#apimachinery/names.js';
import { Quantity } from '#apimachinery/quantity.js';
import { copy, equal } from '#base/json.js';
import type { FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { describeChanges } from '../meta/diff.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';
import { checkClaimSpec, claimWarnings, defaultClaim } from './claim-spec.js';
import { isNativeResource } from './pod/resources.js';
import { checkQuantity } from './pod/validate-resources.js';
import { accessModesText, betaClassAnnotation, betaClassWarnings, storageClassOf } from './storage-texts.js';

export default defineResource<PersistentVolumeClaim>({
  group: '',
  versions: ['v1'],
  kind: 'PersistentVolumeClaim',
  shortNames: ['pvc'],
  namespaced: true,
  metadataRepeats: { update: ['change', 'whole'] },
  subresources: { status: true },
  storageVersionHash: 'QWTyNDq0dC4=',
  default: defaultClaim,
  prepareForCreate(claim) {
    claim.status = { phase: 'Pending' };
    settleSources(claim.spec ?? {}, undefined);
  },
  prepareForUpdate: (claim, old) => settleSources(claim.spec ?? {}, old.spec),
  validate: ({ spec }) => checkClaimSpec('spec', spec ?? {}),
  validateUpdate: (claim, old) => checkUpdate(claim, old),
  validateStatusUpdate: (claim) => checkStatus(claim),
  warnings: ({ metadata, spec }) => [...betaClassWarnings(metadata), ...claimWarnings('spec', spec ?? {})],
  deletion: { returnsObject: true },
  columns: [
    nameColumn,
    {
      name: 'Status',
      type: 'string',
      description: fieldText('core.v1.PersistentVolumeClaimStatus.phase'),
      cell: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '')),
    },
    {
      name: 'Volume',
      type: 'string',
      description: fieldText('core.v1.PersistentVolumeClaimSpec.volumeName'),
      cell: ({ spec }) => spec?.volumeName ?? '',
    },
    {
      name: 'Capacity',
      type: 'string',
      description: fieldText('core.v1.PersistentVolumeClaimStatus.capacity'),
      cell: ({ spec, status }) => (spec?.volumeName ? (status?.capacity?.['storage'] ?? '0') : ''),
    },
    {
      name: 'Access Modes',
      type: 'string',
      description: fieldText('core.v1.PersistentVolumeClaimStatus.accessModes'),
      cell: ({ spec, status }) => (spec?.volumeName ? accessModesText(status?.accessModes) : ''),
    },
    { name: 'StorageClass', type: 'string', description: 'StorageClass of the pvc', cell: storageClassOf },
    {
      name: 'VolumeAttributesClass',
      type: 'string',
      description: 'VolumeAttributesClass of the pvc',
      cell: ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>',
    },
    ageColumn,
    {
      name: 'VolumeMode',
      type: 'string',
      priority: 1,
      description: fieldText('core.v1.PersistentVolumeClaimSpec.volumeMode'),
      cell: ({ spec }) => spec?.volumeMode ?? '<unset>',
    },
  ],
});

/** What a volume is filled from stands in two fields, of which the older one knows claims and snapshots only. */
function settleSources(spec: PersistentVolumeClaimSpec, old: PersistentVolumeClaimSpec | undefined): void {
  // A source in another namespace is an alpha feature, which drops what it does not serve.
  if (!old?.dataSourceRef && spec.dataSourceRef?.namespace) delete spec.dataSourceRef;
  if (!old?.dataSource && !old?.dataSourceRef && !isClaimOrSnapshot(spec.dataSource)) delete spec.dataSource;
  if (spec.dataSource && !spec.dataSourceRef) spec.dataSourceRef = copy(spec.dataSource);
  else if (!spec.dataSource && spec.dataSourceRef && !spec.dataSourceRef.namespace) {
    const { apiGroup, kind, name } = spec.dataSourceRef;
    spec.dataSource = { ...(typeof apiGroup === 'string' && { apiGroup }), kind, name };
  }
}

function isClaimOrSnapshot(source: Pick<TypedObjectReference, 'apiGroup' | 'kind'> | undefined): boolean {
  if (source?.kind === 'PersistentVolumeClaim') return !source.apiGroup;
  return source?.kind === 'VolumeSnapshot' && source.apiGroup === 'snapshot.storage.k8s.io';
}

function* checkUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldErrors {
  const [spec, before] = [claim.spec ?? {}, old.spec ?? {}];
  const allowed = { ...before };
  // The volume is set once, by whoever binds.
  if (!before.volumeName) setOrDelete(allowed, 'volumeName', spec.volumeName);
  yield* checkClassUpdate(claim, old);
  if (mayTakeClass(claim, old)) setOrDelete(allowed, 'storageClassName', spec.storageClassName);
  const { storage } = spec.resources?.requests ?? {};
  const isBound = claim.status?.phase === 'Bound';
  if (isBound && storage !== undefined)
    allowed.resources = { ...before.resources, requests: { ...before.resources?.requests, storage } };
  if (isBound) setOrDelete(allowed, 'volumeAttributesClassName', spec.volumeAttributesClassName);
  if (!equal(spec, allowed)) {
    const why =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    yield forbiddenField(
      'spec',
      `${why}\n${describeChanges('io.k8s.api.core.v1.PersistentVolumeClaimSpec', allowed, spec)}`,
    );
  }
  yield* checkShrinking(claim, old);
  yield* validateImmutable('volumeMode', { value: spec.volumeMode, old: before.volumeMode });
  const attributes = spec.volumeAttributesClassName;
  if (attributes || attributes === before.volumeAttributesClassName) return;
  if (old.status?.currentVolumeAttributesClassName === undefined) return;
  const to = attributes === undefined ? 'nil' : 'empty string';
  const why = `update to ${to} is forbidden when status.currentVolumeAttributesClassName is not nil`;
  yield forbiddenField('spec.volumeAttributesClassName', why);
}

function setOrDelete<T extends object, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value === undefined) delete target[key];
  else target[key] = value;
}

/** The annotation is as immutable as the field, unless the field takes its place. */
function* checkClassUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldErrors {
  const now = claim.metadata.annotations?.[betaClassAnnotation];
  const before = old.metadata.annotations?.[betaClassAnnotation];
  const isMoved =
    before !== undefined &&
    old.spec?.storageClassName === undefined &&
    claim.spec?.storageClassName === before &&
    (now === undefined || now === before);
  if (!isMoved && (now ?? '') !== (before ?? ''))
    yield invalidValue(`metadata.annotations[${betaClassAnnotation}]`, now ?? '', immutableMessage);
}

/** A claim without a class may be given one, such as the default that came later. */
function mayTakeClass({ spec }: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  const before = old.metadata.annotations?.[betaClassAnnotation];
  return (
    spec?.storageClassName !== undefined &&
    old.spec?.storageClassName === undefined &&
    (before === undefined || before === spec.storageClassName)
  );
}

/** An expansion that fails may be taken back, to what there is at least. */
function* checkShrinking({ spec }: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldErrors {
  const size = (amount: string | undefined) => Quantity.tryParse(amount) ?? Quantity.zero;
  const wanted = size(spec?.resources?.requests?.['storage']);
  if (wanted.compare(size(old.spec?.resources?.requests?.['storage'])) >= 0) return;
  if (wanted.compare(size(old.status?.capacity?.['storage'])) <= 0)
    yield forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity');
}

const resizeStatuses = [
  'ControllerResizeFailed',
  'ControllerResizeInProgress',
  'NodeResizeFailed',
  'NodeResizeInProgress',
  'NodeResizePending',
];

function* checkStatus({ spec, status = {} }: PersistentVolumeClaim): FieldErrors {
  if (!spec?.accessModes?.length) yield required('Spec.accessModes');
  for (const [name, amount] of Object.entries(status.capacity ?? {}))
    yield* checkAmount(`status.capacity[${name}]`, amount);
  const statusPath = 'status.allocatedResourceStatuses';
  for (const [name, state] of Object.entries(status.allocatedResourceStatuses ?? {})) {
    yield* checkName(statusPath, name);
    if (!resizeStatuses.includes(state)) yield notSupported(statusPath, name, resizeStatuses);
  }
  for (const [name, amount] of Object.entries(status.allocatedResources ?? {})) {
    const errors = collect(checkName('status.allocatedResources', name));
    yield* errors;
    if (errors.length > 0) continue;
    const at = `status.allocatedResources[${name}]`;
    const ofAmount = collect(checkAmount(at, amount));
    yield* ofAmount.length > 0 ? ofAmount : checkQuantity(at, amount, 'storage');
  }
}

function* checkAmount(path: string, amount: string): FieldErrors {
  const quantity = Quantity.tryParse(amount);
  if (quantity && quantity.sign < 0)
    yield invalidValue(path, Number(quantity.milli() / 1000n), 'must be a valid resource quantity');
}

function* checkName(path: string, name: string): FieldErrors {
  const problems = qualifiedNameProblems(name);
  for (const problem of problems) yield invalidValue(path, name, problem);
  if (problems.length === 0 && isNativeResource(name) && name !== 'storage')
    yield notSupported(path, name, ['storage']);
}
