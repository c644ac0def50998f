/** Rules of a PersistentVolume, new and changed (kubernetes/kubernetes pkg/apis/core/validation). */
import type { PersistentVolume, PersistentVolumeSource, PersistentVolumeSpec } from '#api/gen/core-v1.js';
import { forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { immutableMessage, validateImmutable } from '#apimachinery/metadata-validation.js';
import { Quantity } from '#apimachinery/quantity.js';
import { equal } from '#base/json.js';
import { checkOptionalEnum, checkReference, checkSubdomain, type FieldErrors, forbidSet } from '../../meta/check.js';
import { describeChanges } from '../../meta/diff.js';
import { goDump } from '../../meta/go-dump.js';
import { checkModes } from '../claim-spec.js';
import { checkNodeSelector } from '../pod/validate-scheduling.js';
import { checkVolumeSource, sourceNames } from './validate-source.js';

export function validateVolume({ metadata, spec }: PersistentVolume): FieldErrors {
  return checkSpec('spec', spec ?? {}, { name: metadata.name ?? '' });
}

const inline = 'in the context of inline volumes';

/** Of a VolumeAttachment, in place of a PersistentVolume: a volume of a CSI driver, and nothing about claims. */
export function* checkInlineVolume(path: string, spec: PersistentVolumeSpec): FieldErrors {
  const { capacity = {}, claimRef, csi, nodeAffinity, storageClassName, volumeMode } = spec;
  const forbidden = { claimRef, capacity: Object.keys(capacity).length > 0 };
  yield* forbidSet(path, forbidden, { why: `may not be specified ${inline}` });
  if (!csi) yield required(`${path}.csi`, `has to be specified ${inline}`);
  if (!spec.accessModes?.length) yield required(`${path}.accessModes`);
  yield* checkModes(`${path}.accessModes`, spec.accessModes ?? []);
  const policy = spec.persistentVolumeReclaimPolicy ?? '';
  if (policy !== 'Retain')
    yield forbiddenField(`${path}.persistentVolumeReclaimPolicy`, `may only be Retain ${inline}`);
  yield* checkVolumeSource(path, spec, { name: '' });
  yield* forbidSet(path, { nodeAffinity, storageClassName }, { why: `may not be specified ${inline}` });
  if (volumeMode !== undefined && volumeMode !== 'Filesystem')
    yield forbiddenField(`${path}.volumeMode`, `may not specify volumeMode other than Filesystem ${inline}`);
}

function* checkSpec(path: string, spec: PersistentVolumeSpec, { name }: { name: string }): FieldErrors {
  if (!spec.accessModes?.length) yield required(`${path}.accessModes`);
  yield* checkModes(`${path}.accessModes`, spec.accessModes ?? []);
  yield* checkCapacity(`${path}.capacity`, spec.capacity);
  const policy = spec.persistentVolumeReclaimPolicy;
  if (policy)
    yield* checkOptionalEnum(`${path}.persistentVolumeReclaimPolicy`, policy, ['Delete', 'Recycle', 'Retain']);
  if (spec.nodeAffinity) {
    const { required: terms } = spec.nodeAffinity;
    if (terms) yield* checkNodeSelector(`${path}.nodeAffinity.required`, terms);
    else yield required(`${path}.nodeAffinity.required`, 'must specify required node constraints');
  }
  yield* checkVolumeSource(path, spec, { name });
  if (isRoot(spec.hostPath?.path) && policy === 'Recycle') {
    const why = "may not be 'recycle' for a hostPath mount of '/'";
    yield forbiddenField(`${path}.persistentVolumeReclaimPolicy`, why);
  }
  yield* checkReference(`${path}.storageClassName`, spec.storageClassName);
  yield* checkOptionalEnum(`${path}.volumeMode`, spec.volumeMode, ['Block', 'Filesystem']);
  yield* checkAttributesClass(path, spec);
}

function* checkCapacity(path: string, given: Record<string, string> | undefined): FieldErrors {
  const capacity = given ?? {};
  const names = Object.keys(capacity);
  if (names.length === 0) yield required(path);
  if (names.length !== 1 || names[0] !== 'storage') yield notSupported(path, given, ['storage']);
  for (const [name, amount] of Object.entries(capacity)) {
    const at = `${path}[${name}]`;
    const quantity = Quantity.tryParse(amount);
    if (quantity && quantity.sign < 0)
      yield invalidValue(at, Number(quantity.milli() / 1000n), 'must be a valid resource quantity');
    if (quantity && quantity.sign <= 0) yield invalidValue(at, quantity.toString(), 'must be greater than zero');
  }
}

/** `/` however it is written. */
function isRoot(path: string | undefined): boolean {
  if (!path?.startsWith('/')) return false;
  let depth = 0;
  for (const part of path.split('/')) {
    if (part === '..') depth = Math.max(0, depth - 1);
    else if (part !== '' && part !== '.') depth++;
  }
  return depth === 0;
}

function* checkAttributesClass(
  path: string,
  { volumeAttributesClassName: name, csi }: PersistentVolumeSpec,
): FieldErrors {
  if (name === undefined) return;
  const at = `${path}.volumeAttributesClassName`;
  if (name === '') yield required(at, 'an empty string is disallowed');
  else yield* checkSubdomain(at, name);
  if (!csi) yield required(`${path}.csi`, 'has to be specified when using volumeAttributesClassName');
}

export function* validateVolumeUpdate(volume: PersistentVolume, { spec: old = {} }: PersistentVolume): FieldErrors {
  // Upstream looks at the whole of it twice.
  yield* validateVolume(volume);
  yield* checkUpdate(volume.spec ?? {}, old);
}

function* checkUpdate(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): FieldErrors {
  const [source, before] = [sourceOf(spec), sourceOf(old)];
  // A secret for expansion may be added to a volume that had none.
  if (source.csi && before.csi && !before.csi.controllerExpandSecretRef) {
    const { controllerExpandSecretRef: _, ...csi } = source.csi;
    source.csi = csi;
  }
  if (!equal(source, before)) {
    const why = 'spec.persistentvolumesource is immutable after creation';
    yield forbiddenField(
      'spec.persistentvolumesource',
      `${why}\n${describeChanges('io.k8s.api.core.v1.PersistentVolumeSource', before, source)}`,
    );
  }
  yield* validateImmutable('volumeMode', { value: spec.volumeMode, old: old.volumeMode });
  if (old.nodeAffinity && !equal(withoutBetaLabels(spec.nodeAffinity), withoutBetaLabels(old.nodeAffinity))) {
    const why = `${immutableMessage}, except for updating from beta label to GA`;
    const affinity = spec.nodeAffinity;
    const shown = affinity ? goDump('io.k8s.api.core.v1.VolumeNodeAffinity', affinity) : null;
    yield invalidValue('nodeAffinity', shown, why);
  }
  if (old.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined)
    yield forbiddenField('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden');
}

function sourceOf(spec: PersistentVolumeSpec): PersistentVolumeSource {
  return Object.fromEntries(sourceNames.flatMap((name) => (spec[name] ? [[name, spec[name]]] : [])));
}

const finalLabels: Record<string, string> = {
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
};

/** The same affinity in the words of today. */
function withoutBetaLabels(affinity: PersistentVolumeSpec['nodeAffinity']): unknown {
  const terms = affinity?.required?.nodeSelectorTerms;
  return terms?.map(({ matchExpressions, matchFields }) => ({
    matchFields,
    matchExpressions: matchExpressions?.map((one) => ({ ...one, key: finalLabels[one.key] ?? one.key })),
  }));
}
