/** The set of fields that a value has, in the sense of owning them; and a value without the fields of a set. */
import type { Json } from '#base/json.js';
import { isObject, type JsonObject, setKey } from '../patch.js';
import { indexElements } from './compare.js';
import { FieldSet } from './field-set.js';
import { listElement } from './list-element.js';
import { childModel, type ListModel, type MapModel, type Model, shapeOf } from './model.js';
import { fieldElement, type PathElement } from './path-element.js';

export function fieldsOf(value: JsonObject, model: Model): FieldSet {
  const set = new FieldSet();
  collect(value, model, { set, path: [] });
  return set;
}

interface Collected {
  set: FieldSet;
  path: PathElement[];
}

function collect(value: Json, model: Model, into: Collected): void {
  const shape = shapeOf(model, value);
  const isUnit = shape.kind === 'scalar' || (shape.kind === 'list' ? shape.relation === 'atomic' : shape.atomic);
  if (isUnit) into.set.insert(into.path);
  else if (shape.kind === 'map') collectMap(value, shape, into);
  else collectList(value, shape, into);
}

function collectMap(value: Json, map: MapModel, { set, path }: Collected): void {
  if (!isObject(value)) return;
  for (const name of Object.keys(value)) {
    const child = value[name]!;
    path.push(fieldElement(name));
    collect(child, childModel(map, name), { set, path });
    const isEmpty = child === null || (isObject(child) && Object.keys(child).length === 0);
    // A key that the schema does not name is a thing of its own.
    if (isEmpty || !map.field(name)) set.insert(path);
    path.pop();
  }
}

function collectList(value: Json, list: ListModel, { set, path }: Collected): void {
  if (!Array.isArray(value)) return;
  for (const [element, values] of indexElements(list, value)) {
    path.push(element);
    if (values.length === 1) collect(values[0]!, list.element, { set, path });
    set.insert(path);
    path.pop();
  }
}

/** The set with every declared field that has members below it made a member too. */
export function withNamedFields(set: FieldSet, model: Model | undefined): FieldSet {
  return FieldSet.from(
    [...set.entries()].map(([element, { member, below }]) => {
      const child = descend(model, element);
      const isNamed = element[0] === 'f' && model?.kind === 'map' && model.field(element.slice(2)) !== undefined;
      const isMember = member || (isNamed && !below.isEmpty);
      return [element, { member: isMember, below: withNamedFields(below, child) }] as const;
    }),
  );
}

function descend(model: Model | undefined, element: PathElement): Model | undefined {
  if (model === undefined || model.kind === 'open') return model;
  if (model.kind === 'map' && element[0] === 'f') return childModel(model, element.slice(2));
  return model.kind === 'list' ? model.element : undefined;
}

/** Without what the set names. A map or list that loses all it has by that is null, as upstream has it. */
export function withoutFields(value: JsonObject, set: FieldSet, model: Model): JsonObject {
  return (remove(value, set, model) ?? {}) as JsonObject;
}

function remove(value: Json, set: FieldSet, model: Model): Json {
  const shape = shapeOf(model, value);
  if (shape.kind === 'list') return removeFromList(value, set, shape);
  if (shape.kind === 'map') return removeFromMap(value, set, shape);
  return value;
}

function removeFromMap(value: Json, set: FieldSet, map: MapModel): Json {
  if (!isObject(value) || map.atomic) return null;
  const kept: JsonObject = {};
  for (const name of Object.keys(value)) {
    const element = fieldElement(name);
    if (set.hasElement(element)) continue;
    const below = set.below(element);
    setKey(kept, name, below.isEmpty ? value[name]! : remove(value[name]!, below, childModel(map, name)));
  }
  return Object.keys(kept).length > 0 ? kept : null;
}

function removeFromList(value: Json, set: FieldSet, list: ListModel): Json {
  if (!Array.isArray(value) || list.relation === 'atomic') return null;
  const kept: Json[] = [];
  for (const one of value) {
    const element = listElement(list, one);
    if (set.hasElement(element)) continue;
    const below = set.below(element);
    kept.push(below.isEmpty ? one : remove(one, below, list.element));
  }
  return kept.length > 0 ? kept : null;
}
