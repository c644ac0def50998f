/** Printer columns that many kinds show alike (kubernetes/kubernetes pkg/printers/internalversion/printers.go). */
import type { PodTemplateSpec } from '#api/gen/core-v1.js';
import type { LabelSelector } from '#api/gen/meta-v1.js';
import { humanAge } from '#apimachinery/duration.js';
import type { KubeObject } from '#apimachinery/object.js';
import { formatLabelSelector } from '#apimachinery/selectors.js';
import type { Column } from '../resource.js';
import { fieldText } from './field-text.js';

export const nameColumn: Column<KubeObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: fieldText('meta.v1.ObjectMeta.name'),
  cell: ({ metadata }) => metadata.name ?? '',
};

/** Text, as of all built-in kinds: the server knows what time it is. */
export const ageColumn: Column<KubeObject> = {
  name: 'Age',
  type: 'string',
  description: fieldText('meta.v1.ObjectMeta.creationTimestamp'),
  cell: ({ metadata }, { nowMs }) => humanAge(metadata.creationTimestamp, nowMs),
};

/** A date, which kubectl turns into an age: kinds without a printer of their own. */
export const createdColumn: Column<KubeObject> = {
  name: 'Created At',
  type: 'date',
  description: fieldText('meta.v1.ObjectMeta.creationTimestamp'),
  cell: ({ metadata }) => metadata.creationTimestamp ?? null,
};

interface Templated extends KubeObject {
  spec: { template?: PodTemplateSpec };
}

interface Controller extends KubeObject {
  spec: { selector?: LabelSelector };
}

/** Of the kinds that make pods, `-o wide`. */
export const templateColumns: readonly Column<Templated>[] = [
  {
    name: 'Containers',
    type: 'string',
    priority: 1,
    description: 'Names of each container in the template.',
    cell: ({ spec }) => joinedContainers(spec?.template, 'name'),
  },
  {
    name: 'Images',
    type: 'string',
    priority: 1,
    description: 'Images referenced by each container in the template.',
    cell: ({ spec }) => joinedContainers(spec?.template, 'image'),
  },
];

export const selectorColumn: Column<Controller> = {
  name: 'Selector',
  type: 'string',
  priority: 1,
  cell: ({ spec }) => formatLabelSelector(spec?.selector),
};

export function joinedContainers(template: PodTemplateSpec | undefined, field: 'name' | 'image'): string {
  return (template?.spec?.containers ?? []).map((container) => container[field] ?? '').join(',');
}

/** The first few, and how many there are beyond them: `a,b,c + 2 more...`. */
export function abbreviate(items: readonly string[], { max, none }: { max: number; none: string }): string {
  if (items.length === 0) return none;
  const text = items.slice(0, max).join(',');
  return items.length > max ? `${text} + ${items.length - max} more...` : text;
}

/** Of classes, of which one may be the default: an annotation says so. */
export function defaultNameColumn(...annotations: readonly string[]): Column<KubeObject> {
  return {
    ...nameColumn,
    cell({ metadata }) {
      const isDefault = annotations.some((annotation) => metadata.annotations?.[annotation] === 'true');
      return isDefault ? `${metadata.name} (default)` : (metadata.name ?? '');
    },
  };
}
