/**
 * What every object's metadata must satisfy, on creation and on update. The rules and texts are those of
 * k8s.io/apimachinery's `api/validation`; kinds add only the check of their names.
 */
import { equal } from '#base/json.js';
import { endsStep } from '#base/turns.js';
import { type FieldError, type FieldErrors, forbiddenField, invalidValue, required, tooLong } from './field-error.js';
import { labelProblems, labelValueProblems, namePrefixProblems, qualifiedNameProblems } from './names.js';
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from './object.js';
import { parseApiVersion } from './object.js';
import type { LabelSelectorObject } from './selectors.js';

export const annotationsBytesMax = 256 * 1024;
export const fieldManagerBytesMax = 128;
const subresourceBytesMax = 256;

export const immutableMessage = 'field is immutable';

export interface MetadataRules {
  namespaced: boolean;
  validateName: (name: string) => string[];
  /** Built-in kinds refuse finalizers that have no domain and are not Kubernetes' own. Custom ones do not. */
  standardFinalizers?: boolean;
  /** generateName is not looked at, only what has become of it. */
  freePrefix?: boolean | undefined;
  /** Default: `metadata`. */
  path?: string;
}

/** Rules for creation. The name is generated before. */
export function* validateObjectMeta(meta: ObjectMeta, rules: MetadataRules): FieldErrors {
  const { path = 'metadata', validateName } = rules;
  const prefix = meta.generateName;
  if (prefix && !rules.freePrefix)
    for (const problem of namePrefixProblems(prefix, validateName))
      yield invalidValue(`${path}.generateName`, prefix, problem);
  if (!meta.name) yield required(`${path}.name`, 'name or generateName is required');
  else for (const problem of validateName(meta.name)) yield invalidValue(`${path}.name`, meta.name, problem);
  yield* validateNamespace(meta, { namespaced: rules.namespaced, path });
  yield* validateGeneration(meta, path);
  yield* validateLabels(meta.labels, `${path}.labels`);
  yield* validateAnnotations(meta.annotations, `${path}.annotations`);
  yield* validateOwnerReferences(meta.ownerReferences, `${path}.ownerReferences`);
  yield* validateFinalizers(meta.finalizers, `${path}.finalizers`);
  if (rules.standardFinalizers) yield* unqualifiedFinalizers(meta.finalizers, `${path}.finalizers`);
  yield* validateManagedFields(meta.managedFields, `${path}.managedFields`);
}

const constantFields = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** Rules for an update of `old` to `meta`. */
export function* validateObjectMetaUpdate(
  meta: ObjectMeta,
  old: ObjectMeta,
  rules: Pick<MetadataRules, 'path' | 'standardFinalizers'> = {},
): FieldErrors {
  const { path = 'metadata' } = rules;
  if (old.deletionTimestamp) yield* addedFinalizers(meta, old, path);
  if (!meta.resourceVersion) yield invalidValue(`${path}.resourceVersion`, '', 'must be specified for an update');
  yield* validateGeneration(meta, path);
  const generation = meta.generation ?? 0;
  if (generation < (old.generation ?? 0))
    yield invalidValue(`${path}.generation`, generation, 'must not be decremented');
  for (const field of constantFields) {
    if ((meta[field] ?? '') === (old[field] ?? '')) continue;
    const isText = field === 'name' || field === 'namespace' || field === 'uid';
    yield invalidValue(`${path}.${field}`, meta[field] ?? (isText ? '' : null), immutableMessage);
  }
  yield* validateLabels(meta.labels, `${path}.labels`);
  yield* validateAnnotations(meta.annotations, `${path}.annotations`);
  yield* validateOwnerReferences(meta.ownerReferences, `${path}.ownerReferences`);
  if (rules.standardFinalizers) yield* unqualifiedFinalizers(meta.finalizers, `${path}.finalizers`);
  yield* validateManagedFields(meta.managedFields, `${path}.managedFields`);
}

/** In Go's order; a path begins with the Go name in lower case. */
const untemplated: readonly (readonly [keyof ObjectMeta, string?])[] = [
  ['name'],
  ['generateName'],
  ['namespace'],
  ['selfLink'],
  ['uid', 'uID'],
  ['resourceVersion'],
  ['generation'],
  ['creationTimestamp'],
  ['deletionTimestamp'],
  ['deletionGracePeriodSeconds'],
  ['ownerReferences'],
  ['finalizers'],
  ['managedFields'],
];

/** Of what is made from a template for each pod, only labels and annotations can be chosen. */
export function* validateTemplateMetadata(meta: ObjectMeta | undefined, path: string): FieldErrors {
  yield* validateAnnotations(meta?.annotations, `${path}.annotations`);
  yield* validateLabels(meta?.labels, `${path}.labels`);
  for (const [name, goName = name] of untemplated)
    if (meta?.[name]) yield forbiddenField(`${path}.${goName}`, 'cannot be set');
}

/** A list with the error when the two differ, else an empty one. */
/** `show` gives what the message shows of the value. Default: the value. */
export function validateImmutable<T>(
  path: string,
  { value, old, show = (given) => given }: { value: T; old: T; show?: (value: T) => unknown },
): FieldError[] {
  return equal(value, old) ? [] : [invalidValue(path, show(value), immutableMessage)];
}

export function* validateLabels(labels: Record<string, string> | undefined, path: string): FieldErrors {
  for (const [key, value] of Object.entries(labels ?? {})) {
    for (const problem of qualifiedNameProblems(key)) yield invalidValue(path, key, problem);
    for (const problem of labelValueProblems(value)) yield invalidValue(path, value, problem);
    if (endsStep()) yield;
  }
}

export function* validateAnnotations(annotations: Record<string, string> | undefined, path: string): FieldErrors {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    for (const problem of qualifiedNameProblems(key.toLowerCase())) yield invalidValue(path, key, problem);
    if (endsStep()) yield;
  }
  if (bytes > annotationsBytesMax) yield tooLong(path, annotationsBytesMax);
}

export function* validateOwnerReferences(owners: readonly OwnerReference[] | undefined, path: string): FieldErrors {
  let controller = '';
  for (const owner of owners ?? []) {
    // Upstream tells the list, not the entry.
    yield* validateOwnerReference(owner, path);
    if (endsStep()) yield;
    if (!owner.controller) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller) {
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`;
      yield invalidValue(path, owners, detail);
    } else controller = name;
  }
}

export function* validateFinalizers(finalizers: readonly string[] | undefined, path: string): FieldErrors {
  for (const finalizer of finalizers ?? []) {
    for (const problem of qualifiedNameProblems(finalizer)) yield invalidValue(path, finalizer, problem);
    if (endsStep()) yield;
  }
  if (finalizers?.includes('orphan') && finalizers.includes('foregroundDeletion'))
    yield invalidValue(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set');
}

export function* validateManagedFields(entries: readonly ManagedFieldsEntry[] | undefined, path: string): FieldErrors {
  for (const [index, entry] of (entries ?? []).entries()) {
    const at = `${path}[${index}]`;
    if (entry.operation !== 'Apply' && entry.operation !== 'Update')
      yield invalidValue(`${at}.operation`, entry.operation ?? '', 'must be `Apply` or `Update`');
    if (entry.fieldsType && entry.fieldsType !== 'FieldsV1')
      yield invalidValue(`${at}.fieldsType`, entry.fieldsType, 'must be `FieldsV1`');
    if (endsStep()) yield;
    yield* validateFieldManager(entry.manager ?? '', `${at}.manager`);
    if (Buffer.byteLength(entry.subresource ?? '') > subresourceBytesMax)
      yield tooLong(`${at}.subresource`, subresourceBytesMax);
  }
}

/** The name of a field manager, in options and in managedFields: at most 128 bytes, printable. */
export function validateFieldManager(manager: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(manager) > fieldManagerBytesMax) errors.push(tooLong(path, fieldManagerBytesMax));
  let position = 0;
  for (const rune of manager) {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(rune)) {
      const number = rune.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
      errors.push(invalidValue(path, manager, `invalid character U+${number} (at position ${position})`));
    }
    position += Buffer.byteLength(rune);
  }
  return errors;
}

/** A LabelSelector inside an object's spec. */
export function* validateLabelSelector(selector: LabelSelectorObject | undefined, path: string): FieldErrors {
  if (!selector) return;
  yield* validateLabels(selector.matchLabels, `${path}.matchLabels`);
  for (const [index, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${index}]`;
    const needsValues = operator === 'In' || operator === 'NotIn';
    if (needsValues && values.length === 0)
      yield required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
    else if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0)
      yield forbiddenField(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    else if (!needsValues && operator !== 'Exists' && operator !== 'DoesNotExist')
      yield invalidValue(`${at}.operator`, operator, 'not a valid selector operator');
    for (const problem of qualifiedNameProblems(key ?? '')) yield invalidValue(`${at}.key`, key, problem);
    if (endsStep()) yield;
    for (const [place, value] of values.entries()) {
      for (const problem of labelValueProblems(value)) yield invalidValue(`${at}.values[${place}]`, value, problem);
      if (endsStep()) yield;
    }
  }
}

function validateNamespace(
  meta: ObjectMeta,
  { namespaced, path }: { namespaced: boolean; path: string },
): FieldError[] {
  const { namespace } = meta;
  if (!namespaced) return namespace ? [forbiddenField(`${path}.namespace`, 'not allowed on this type')] : [];
  if (!namespace) return [required(`${path}.namespace`)];
  return labelProblems(namespace).map((problem) => invalidValue(`${path}.namespace`, namespace, problem));
}

function validateGeneration({ generation = 0 }: ObjectMeta, path: string): FieldError[] {
  return generation < 0 ? [invalidValue(`${path}.generation`, generation, 'must be greater than or equal to 0')] : [];
}

function* validateOwnerReference(owner: OwnerReference, path: string): FieldErrors {
  const { group, version } = parseApiVersion(owner.apiVersion ?? '');
  if (!version) yield invalidValue(`${path}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty');
  for (const field of ['kind', 'name', 'uid'] as const)
    if (!owner[field]) yield invalidValue(`${path}.${field}`, '', 'must not be empty');
  if (group === '' && version === 'v1' && owner.kind === 'Event')
    yield invalidValue(path, owner, '/v1, Kind=Event is disallowed from being an owner');
}

function addedFinalizers(meta: ObjectMeta, old: ObjectMeta, path: string): FieldError[] {
  const before = new Set(old.finalizers);
  const added = [...new Set(meta.finalizers)].filter((finalizer) => !before.has(finalizer)).sort();
  if (added.length === 0) return [];
  const list = added.map((one) => JSON.stringify(one)).join(', ');
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
  return [forbiddenField(`${path}.finalizers`, detail)];
}

const standardFinalizers = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

function* unqualifiedFinalizers(finalizers: readonly string[] | undefined, path: string): FieldErrors {
  for (const [index, finalizer] of (finalizers ?? []).entries()) {
    if (finalizer.includes('/') || standardFinalizers.has(finalizer)) continue;
    const detail = 'name is neither a standard finalizer name nor is it fully qualified';
    yield invalidValue(`${path}[${index}]`, finalizer, detail);
  }
}
