/** Which fields one object has added, changed or removed against another. */
import { EmptiedList, equal, type Json, UnsetList } from '#base/json.js';
import { atOnce, inTurns, type Steps, type Turns } from '#base/turns.js';
import { isObject, type JsonObject } from '../patch.js';
import { FieldSet } from './field-set.js';
import { ElementProblem, listElement } from './list-element.js';
import { childModel, type ListModel, type MapModel, type Model, type Shape, shapeOf } from './model.js';
import { fieldElement, type PathElement } from './path-element.js';

export interface Comparison {
  added: FieldSet;
  modified: FieldSet;
  removed: FieldSet;
  /** A list whose elements have keys has one without: who looks at paths cannot read such an object. */
  isNameless?: boolean;
}

export function compare(before: JsonObject, after: JsonObject, model: Model): Comparison {
  const walker = new Walker();
  walker.compare({ before, after, model });
  return walker.comparison;
}

/** `compare`; with turns, others may have theirs between the entries of maps and lists. */
export function compareInTurns(sides: Objects, turns: Turns | undefined): Comparison | Promise<Comparison> {
  return turns ? inTurns(compareLarge(sides), turns) : compare(sides.before, sides.after, sides.model);
}

export function* compareLarge(sides: Objects): Steps<Comparison> {
  const walker = new Walker();
  yield* walker.steps(sides);
  return walker.comparison;
}

interface Objects {
  before: JsonObject;
  after: JsonObject;
  model: Model;
}

export function isSame({ added, modified, removed }: Comparison): boolean {
  return added.isEmpty && modified.isEmpty && removed.isEmpty;
}

/** undefined where one side has nothing. */
interface Sides {
  before: Json | undefined;
  after: Json | undefined;
  model: Model;
}

/** The entries of more than so many are each compared at once. */
const fewMax = 64;

class Walker {
  readonly comparison: Comparison = { added: new FieldSet(), modified: new FieldSet(), removed: new FieldSet() };
  readonly #path: PathElement[] = [];

  compare({ before, after, model }: Sides): void {
    if (before === after) return;
    const shape = shapeOf(model, after ?? before);
    let isLeaf = this.#compareAs(shape, before, after);
    // A value that changed its kind is one thing gone and another come.
    if (before !== undefined && after !== undefined) {
      const old = shapeOf(model, before);
      if (old.kind !== shape.kind) isLeaf = this.#compareAs(old, before, after) || isLeaf;
    }
    if (isLeaf) return;
    if (before === undefined) this.comparison.added.insert(this.#path);
    else if (after === undefined) this.comparison.removed.insert(this.#path);
  }

  *steps(sides: Sides): Steps<void> {
    const { before, after, model } = sides;
    if (before === after) return;
    const shape = shapeOf(model, after ?? before);
    const isMixed = before !== undefined && after !== undefined && shapeOf(model, before).kind !== shape.kind;
    if (isMixed || shape.kind === 'scalar' || isUnit(shape, before, after)) {
      this.compare(sides);
      return;
    }
    yield* shape.kind === 'map' ? this.#mapSteps(shape, before, after) : this.#listSteps(shape, before, after);
    if (before === undefined) this.comparison.added.insert(this.#path);
    else if (after === undefined) this.comparison.removed.insert(this.#path);
  }

  *#mapSteps(map: MapModel, before: Json | undefined, after: Json | undefined): Steps<void> {
    const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
    const sideOf = (side: Json | undefined, name: string) =>
      isObject(side) ? valueOrZero(map, side, name) : undefined;
    for (const name of names) {
      const sides = { before: sideOf(before, name), after: sideOf(after, name), model: childModel(map, name) };
      if (names.size > fewMax) this.#descend(fieldElement(name), sides);
      else {
        this.#path.push(fieldElement(name));
        yield* this.steps(sides);
        this.#path.pop();
      }
      yield;
    }
  }

  *#listSteps(list: ListModel, before: Json | undefined, after: Json | undefined): Steps<void> {
    const [left, right] = [itemsOf(before), itemsOf(after)];
    if (before !== undefined && after !== undefined && equal(left, right)) return;
    const lefts = yield* indexSteps(list, left);
    const rights = yield* indexSteps(list, right);
    this.#look(lefts, left);
    this.#look(rights, right);
    for (const element of new Set([...lefts.keys(), ...rights.keys()])) {
      this.#compareElements(list, { element, left: lefts.get(element) ?? [], right: rights.get(element) ?? [] });
      yield;
    }
  }

  /** Whether it was compared as one unit. */
  #compareAs(shape: Shape, before: Json | undefined, after: Json | undefined): boolean {
    if (shape.kind === 'map') return this.#compareMaps(shape, before, after);
    if (shape.kind === 'list') return this.#compareLists(shape, before, after);
    return this.#compareUnits(before, after);
  }

  #compareUnits(before: Json | undefined, after: Json | undefined): true {
    if (before === undefined) this.comparison.added.insert(this.#path);
    else if (after === undefined) this.comparison.removed.insert(this.#path);
    else if (!equal(before, after) && !(isUnset(before) && isUnset(after))) this.comparison.modified.insert(this.#path);
    return true;
  }

  #compareMaps(map: MapModel, before: Json | undefined, after: Json | undefined): boolean {
    const left = isObject(before) ? before : {};
    const right = isObject(after) ? after : {};
    if (isUnit(map, before, after)) return this.#compareUnits(before, after);
    for (const name of Object.keys(left)) {
      const value = isObject(after) ? valueOrZero(map, after, name) : undefined;
      this.#descend(fieldElement(name), { before: left[name], after: value, model: childModel(map, name) });
    }
    for (const name of Object.keys(right)) {
      if (Object.hasOwn(left, name)) continue;
      const value = isObject(before) ? valueOrZero(map, before, name) : undefined;
      this.#descend(fieldElement(name), { before: value, after: right[name], model: childModel(map, name) });
    }
    return false;
  }

  #compareLists(list: ListModel, before: Json | undefined, after: Json | undefined): boolean {
    if (isUnit(list, before, after)) return this.#compareUnits(before, after);
    const [left, right] = [itemsOf(before), itemsOf(after)];
    if (before !== undefined && after !== undefined && equal(left, right)) return false;
    const [lefts, rights] = [indexElements(list, left), indexElements(list, right)];
    this.#look(lefts, left);
    this.#look(rights, right);
    for (const [element, values] of lefts)
      this.#compareElements(list, { element, left: values, right: rights.get(element) ?? [] });
    for (const [element, values] of rights)
      if (!lefts.has(element)) this.#compareElements(list, { element, left: [], right: values });
    return false;
  }

  #look(index: ReadonlyMap<PathElement, Json[]>, values: readonly Json[]): void {
    if (index.size === values.length) return;
    let named = 0;
    for (const same of index.values()) named += same.length;
    if (named < values.length) this.comparison.isNameless = true;
  }

  /** Elements that stand more than once are one unit. */
  #compareElements(
    list: ListModel,
    { element, left, right }: { element: PathElement; left: Json[]; right: Json[] },
  ): void {
    const model = list.element;
    if (left.length <= 1 && right.length <= 1) {
      this.#descend(element, { before: left[0], after: right[0], model });
    } else if (left.length >= 2 && right.length >= 2) {
      if (!equal(left, right)) this.comparison.modified.insert([...this.#path, element]);
    } else if (left.length >= 2) {
      if (right.length > 0) this.#descend(element, { before: undefined, after: right[0], model });
      this.comparison.removed.insert([...this.#path, element]);
    } else {
      if (left.length > 0) this.#descend(element, { before: left[0], after: undefined, model });
      this.comparison.added.insert([...this.#path, element]);
    }
  }

  #descend(element: PathElement, sides: Sides): void {
    if (sides.before === sides.after) return;
    this.#path.push(element);
    this.compare(sides);
    this.#path.pop();
  }
}

/** Two empty values are one unit, so that null and empty are told apart. */
function isUnit(shape: MapModel | ListModel, before: Json | undefined, after: Json | undefined): boolean {
  if (shape.kind === 'list') return shape.relation === 'atomic' || itemsOf(before).length + itemsOf(after).length === 0;
  return shape.atomic || ((!isObject(before) || isEmpty(before)) && (!isObject(after) || isEmpty(after)));
}

function itemsOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

/** By path element; those that have none are passed over. */
export function indexElements(list: ListModel, values: readonly Json[]): Map<PathElement, Json[]> {
  return atOnce(indexSteps(list, values));
}

function* indexSteps(list: ListModel, values: readonly Json[]): Steps<Map<PathElement, Json[]>> {
  const index = new Map<PathElement, Json[]>();
  for (const [count, value] of values.entries()) {
    if (count % fewMax === fewMax - 1) yield;
    const element = elementOrNone(list, value);
    if (element === undefined) continue;
    const same = index.get(element);
    if (same) same.push(value);
    else index.set(element, [value]);
  }
  return index;
}

function elementOrNone(list: ListModel, value: Json): PathElement | undefined {
  try {
    return listElement(list, value);
  } catch (error) {
    if (error instanceof ElementProblem) return undefined;
    throw error;
  }
}

/** A list that was never made is null in JSON. */
function isUnset(value: Json): boolean {
  return value === null || (value instanceof UnsetList && !(value instanceof EmptiedList) && value.length === 0);
}

function isEmpty(map: JsonObject): boolean {
  for (const _ in map) return false;
  return true;
}

function valueOrZero(map: MapModel, value: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(value, name) ? value[name] : map.field(name)?.zero;
}
