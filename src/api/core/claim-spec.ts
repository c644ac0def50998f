/** Rules of a PersistentVolumeClaim's spec, which stands in claims, in templates of them and in ephemeral volumes. */
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec, TypedLocalObjectReference } from '#api/gen/core-v1.js';
import { forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { Quantity } from '#apimachinery/quantity.js';
import { checkLabel, checkOptionalEnum, checkReference, checkSubdomain, type FieldErrors } from '../meta/check.js';
import { byteWarnings } from './pod/byte-warnings.js';
import { roundResources, roundUpToMilli } from './pod/defaults.js';

/** Upstream shows the path of `dataSource` here, as an object with no field that is seen. */
const pathShown = {};

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];

export function* checkClaimSpec(path: string, spec: PersistentVolumeClaimSpec): FieldErrors {
  if (!spec.accessModes?.length) yield required(`${path}.accessModes`, 'at least 1 access mode is required');
  yield* validateLabelSelector(spec.selector, `${path}.selector`);
  yield* checkModes(`${path}.accessModes`, spec.accessModes ?? []);
  yield* checkStorage(`${path}.resources[storage]`, spec.resources?.requests?.['storage']);
  yield* checkReference(`${path}.storageClassName`, spec.storageClassName);
  yield* checkOptionalEnum(`${path}.volumeMode`, spec.volumeMode, ['Block', 'Filesystem']);
  const { dataSource, dataSourceRef } = spec;
  if (dataSource) yield* checkDataSource(`${path}.dataSource`, dataSource);
  if (dataSourceRef) yield* checkDataSource(`${path}.dataSourceRef`, dataSourceRef);
  if (dataSourceRef?.namespace) yield* checkLabel(`${path}.dataSourceRef.namespace`, dataSourceRef.namespace);
  if (dataSource && dataSourceRef?.namespace)
    yield invalidValue(path, pathShown, 'may not be specified when dataSourceRef.namespace is specified');
  else if (dataSource && dataSourceRef && !isSameSource(dataSource, dataSourceRef))
    yield invalidValue(path, pathShown, 'must match dataSourceRef');
  yield* checkReference(`${path}.volumeAttributesClassName`, spec.volumeAttributesClassName);
}

/** Of a claim, and of one that is made from a template later. */
export function defaultClaim(claim: PersistentVolumeClaim): void {
  claim.spec ??= {};
  claim.spec.volumeMode ??= 'Filesystem';
  if (claim.spec.resources) roundResources(claim.spec.resources);
  claim.status ??= {};
  claim.status.phase ||= 'Pending';
  for (const amounts of [claim.status.capacity, claim.status.allocatedResources]) if (amounts) roundUpToMilli(amounts);
}

export function claimWarnings(path: string, { resources }: PersistentVolumeClaimSpec): string[] {
  return [...byteWarnings(`${path}.resources.requests`, 'storage', resources?.requests)];
}

export function* checkModes(path: string, modes: readonly string[]): FieldErrors {
  for (const mode of modes) if (!accessModes.includes(mode)) yield notSupported(path, mode, accessModes);
  if (
    modes.includes('ReadWriteOncePod') &&
    modes.some((mode) => mode !== 'ReadWriteOncePod' && accessModes.includes(mode))
  )
    yield forbiddenField(path, 'may not use ReadWriteOncePod with other access modes');
}

function* checkStorage(path: string, amount: string | undefined): FieldErrors {
  if (amount === undefined) {
    yield required(path);
    return;
  }
  const quantity = Quantity.tryParse(amount);
  if (quantity && quantity.sign <= 0) yield invalidValue(path, quantity.toString(), 'must be greater than zero');
}

function* checkDataSource(path: string, { apiGroup, kind, name }: TypedLocalObjectReference): FieldErrors {
  if (!name) yield required(`${path}.name`);
  if (!kind) yield required(`${path}.kind`);
  if (!apiGroup && kind !== 'PersistentVolumeClaim')
    yield invalidValue(path, kind ?? '', "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
  if (apiGroup) yield* checkSubdomain(`${path}.apiGroup`, apiGroup);
}

function isSameSource(one: TypedLocalObjectReference, other: TypedLocalObjectReference): boolean {
  return (one.apiGroup ?? '') === (other.apiGroup ?? '') && one.kind === other.kind && one.name === other.name;
}
