/**
 * What managers hold of an object whose schema has since changed: who held fields of a map or list that is now one unit
 * holds the whole. The other way nothing is done, as upstream.
 */
import { FieldSet } from './field-set.js';
import type { Manager, Managers } from './managers.js';
import { childModel, type MapModel, type Model } from './model.js';
import type { PathElement } from './path-element.js';

/** `modelAt` gives the schema of a version; undefined for what is no version any more. Changes `managers`. */
export function reconcile(managers: Managers, modelAt: (apiVersion: string) => MapModel | undefined): void {
  for (const [id, manager] of managers) {
    const model = modelAt(manager.apiVersion);
    const fields = model ? reconciled(manager.fields, model) : manager.fields;
    if (fields !== manager.fields) managers.set(id, { ...manager, fields } satisfies Manager);
  }
}

/** The same set where nothing has become a unit. */
function reconciled(fields: FieldSet, model: Model): FieldSet {
  let changed = false;
  const entries: [PathElement, { member: boolean; below: FieldSet }][] = [];
  for (const [element, { member, below }] of fields.entries()) {
    const child = below.isEmpty ? undefined : childOf(model, element);
    const isUnit = child !== undefined && isAtomic(child);
    const kept = child && !isUnit ? reconciled(below, child) : below;
    if (isUnit || kept !== below) changed = true;
    entries.push([element, isUnit ? { member: true, below: FieldSet.empty } : { member, below: kept }]);
  }
  return changed ? FieldSet.from(entries) : fields;
}

/** Undefined for what the schema says nothing of. */
function childOf(model: Model, element: PathElement): Model | undefined {
  if (model.kind === 'list') return model.element;
  if (model.kind !== 'map' || element[0] !== 'f') return undefined;
  const name = element.slice(2);
  return model.field(name) || model.element ? childModel(model, name) : undefined;
}

function isAtomic(model: Model): boolean {
  return (model.kind === 'map' && model.atomic) || (model.kind === 'list' && model.relation === 'atomic');
}
