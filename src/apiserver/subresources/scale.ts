/**
 * Scale: the number of replicas of anything that has one, in one form for all.
 * https://kubernetes.io/docs/reference/kubernetes-api/autoscaling-resources/ (autoscaling/v1 Scale)
 */
import type { Scale } from '#api/gen/autoscaling-v1.js';
import { ageColumn, nameColumn } from '#api/meta/columns.js';
import { fieldText } from '#api/meta/field-text.js';
import type { AnyResource, Column } from '#api/resource.js';
import { conflict, internalError, invalid, optimisticLockMessage } from '#apimachinery/errors.js';
import { invalidValue } from '#apimachinery/field-error.js';
import { fieldElement } from '#apimachinery/managed-fields/path-element.js';
import { managersWithScale, scaleManagers } from '#apimachinery/managed-fields/scale.js';
import type { KubeObject } from '#apimachinery/object.js';
import { type LabelSelectorObject, labelSelectorFrom, labelSelectorFromMap } from '#apimachinery/selectors.js';
import { copy } from '#base/json.js';
import type { SubresourceHandler } from './subresource.js';

const countColumns: readonly Column<Scale>[] = [
  {
    name: 'Desired',
    type: 'integer',
    description: fieldText('autoscaling.v1.ScaleSpec.replicas'),
    cell: ({ spec }) => spec?.replicas ?? 0,
  },
  {
    name: 'Available',
    type: 'integer',
    description: fieldText('autoscaling.v1.ScaleStatus.replicas'),
    cell: ({ status }) => status?.replicas ?? 0,
  },
];
/** Of built-in kinds a plain text, which no client takes for the object's name. */
const plainNameColumn: Column<KubeObject> = { ...nameColumn, format: '' };
/** Of custom resources a date by its type, and text all the same, as in their own tables. */
const customAge: Column<KubeObject> = { ...ageColumn, type: 'date' };

export const scaleHandler: SubresourceHandler = {
  resource: '*',
  name: 'scale',
  columns: ({ shape }) =>
    [shape ? nameColumn : plainNameColumn, ...countColumns, shape ? customAge : ageColumn] as AnyResource['columns'],
  tracksBody: true,
  async get({ registry, resource, key }) {
    const object = await registry.of(resource).get(key);
    const path = pathsOf(resource).replicas;
    if (resource.shape && fieldAt(object, path) === undefined)
      throw internalError(`the spec replicas field ${JSON.stringify(path)} does not exist`);
    return scaleOf(resource, object);
  },
  async update({ registry, resource, key, write }, change) {
    const { replicas } = pathsOf(resource);
    const path = partsOf(replicas).map(fieldElement);
    const set = async (current: KubeObject) => {
      const scale = scaleOf(resource, current);
      const { metadata, apiVersion } = current;
      scale.metadata.managedFields = scaleManagers(metadata.managedFields, path);
      const wanted = (await change(scale)) as Scale;
      check(wanted, { resource, current });
      setField(current, replicas, wanted.spec?.replicas ?? 0);
      const scaled = wanted.metadata.managedFields;
      metadata.managedFields = managersWithScale(metadata.managedFields, scaled, { path, apiVersion });
      return current;
    };
    return scaleOf(resource, await registry.of(resource).update(key, set, { ...write, fieldsTracked: true }));
  },
};

export function scaleOf(resource: AnyResource, object: KubeObject): Scale {
  const { replicas, statusReplicas, selector } = pathsOf(resource);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const count = (path: string) => {
    const value = fieldAt(object, path);
    return typeof value === 'number' ? value : 0;
  };
  const selected = selector ? selectorText(fieldAt(object, selector)) : '';
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: copy({ name, namespace, uid, resourceVersion, creationTimestamp }),
    // As upstream's Scale, which leaves none out.
    spec: count(replicas) === 0 ? {} : { replicas: count(replicas) },
    status: { replicas: count(statusReplicas ?? 'status.replicas'), ...(selected ? { selector: selected } : {}) },
  };
}

function check(wanted: Scale, { resource, current }: { resource: AnyResource; current: KubeObject }): void {
  const { name = '', uid, resourceVersion } = current.metadata;
  const { replicas = 0 } = wanted.spec ?? {};
  const subject = { group: resource.group, resource: resource.plural, name };
  if (wanted.metadata.uid && wanted.metadata.uid !== uid)
    throw conflict(
      subject,
      `Precondition failed: UID in precondition: ${wanted.metadata.uid}, UID in object meta: ${uid}`,
    );
  if (wanted.metadata.resourceVersion && wanted.metadata.resourceVersion !== resourceVersion)
    throw conflict(subject, optimisticLockMessage);
  // A custom resource's own rules say what it can have.
  if (replicas < 0 && !resource.shape)
    throw invalid({ group: 'autoscaling', kind: 'Scale', name }, [
      invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
}

function pathsOf({ kind, subresources }: AnyResource) {
  const scale = subresources?.scale;
  if (!scale) throw new TypeError(`${kind} has no scale`);
  return scale;
}

/** A label selector, a plain map of labels (ReplicationController), or the text itself (custom resources). */
function selectorText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  if ('matchLabels' in value || 'matchExpressions' in value)
    return labelSelectorFrom(value as LabelSelectorObject).toString();
  return labelSelectorFromMap(value as Record<string, string>).toString();
}

/** `path` is dotted, as in the definition; a leading dot (as in custom resources) is allowed. */
function fieldAt(object: object, path: string): unknown {
  return partsOf(path).reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], object);
}

function setField(object: object, path: string, value: unknown): void {
  const parts = partsOf(path);
  const last = parts.pop()!;
  let target = object as Record<string, unknown>;
  for (const part of parts) target = (target[part] ??= {}) as Record<string, unknown>;
  target[last] = value;
}

function partsOf(path: string): string[] {
  return path.split('.').filter((part) => part !== '');
}
