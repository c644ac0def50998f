/** Which objects of a resource a list or watch wants: its label and field selectors, checked against the definition. */
import type { AnyResource } from '#api/resource.js';
import { badRequest } from '#apimachinery/errors.js';
import { type FieldSelector, parseFieldSelector } from '#apimachinery/field-selector.js';
import type { KubeObject } from '#apimachinery/object.js';
import { ParseError } from '#apimachinery/parse-error.js';
import { type LabelSelector, parseLabelSelector } from '#apimachinery/selectors.js';
import { quote } from '#base/go-text.js';

export interface Selection {
  labels: LabelSelector;
  fields: FieldSelector;
  /** No selector at all, so that objects need not be decoded to be chosen. */
  isEverything: boolean;
  matches(object: KubeObject): boolean;
}

export interface SelectorTexts {
  labelSelector?: string | null;
  fieldSelector?: string | null;
}

/** Throws StatusError (400) for a selector that cannot be read or names a field that cannot be selected by. */
export function selectionOf(resource: AnyResource, texts: SelectorTexts): Selection {
  if (!texts.labelSelector && !texts.fieldSelector) return everything;
  return selectionBy(resource, parseSelectors(texts));
}

export interface Selectors {
  labels: LabelSelector;
  fields: FieldSelector;
}

/** Throws StatusError (400) for a selector that cannot be read. */
export function parseSelectors(texts: SelectorTexts): Selectors {
  return {
    labels: parsed(() => parseLabelSelector(texts.labelSelector ?? '')),
    fields: parsed(() => parseFieldSelector(texts.fieldSelector ?? '')),
  };
}

function unknownField(resource: AnyResource, field: string): string {
  const { group, kind, versions, version = versions[0], selectableFields, shape } = resource;
  if (!selectableFields && !shape)
    return `${quote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
  // The two kinds with words of their own.
  if (kind === 'Job' && !shape) return `field label ${quote(field)} not supported for Job`;
  if (kind === 'ResourceSlice' && !shape)
    return `field label not supported for ${group}/${version}, Kind=${kind}: ${field}`;
  return `field label not supported: ${field}`;
}

/** Throws StatusError (400) for a field that cannot be selected by. */
export function selectionBy(resource: AnyResource, { labels, fields }: Selectors): Selection {
  if (labels.isEverything && fields.isEverything) return everything;
  const selectable = resource.selectableFields ?? {};
  for (const { field } of fields.terms) {
    // Kinds that say nothing of fields take the namespace even where they have none.
    const hasNamespace = resource.namespaced || !(resource.selectableFields || resource.shape);
    const isMetadata = field === 'metadata.name' || (field === 'metadata.namespace' && hasNamespace);
    if (isMetadata || Object.hasOwn(selectable, field)) continue;
    throw badRequest(unknownField(resource, field));
  }
  return {
    labels,
    fields,
    isEverything: labels.isEverything && fields.isEverything,
    matches: (object) =>
      labels.matches(object.metadata.labels) && fields.matches((field) => fieldValue(object, field, selectable)),
  };
}

const everything: Selection = {
  labels: parseLabelSelector(''),
  fields: parseFieldSelector(''),
  isEverything: true,
  matches: () => true,
};

function fieldValue(object: KubeObject, field: string, selectable: NonNullable<AnyResource['selectableFields']>) {
  if (field === 'metadata.name') return object.metadata.name ?? '';
  if (field === 'metadata.namespace') return object.metadata.namespace ?? '';
  return selectable[field]!(object);
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ParseError) throw badRequest(error.message);
    throw error;
  }
}
