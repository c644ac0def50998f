/** Merges what a client applies onto the live object: fields of maps one by one, elements of lists by their keys. */
import type { Json } from '#base/json.js';
import { isObject, type JsonObject, setKey } from '../patch.js';
import { listElement } from './list-element.js';
import { childModel, type ListModel, type MapModel, type Model, shapeOf } from './model.js';
import type { PathElement } from './path-element.js';

/** The applied value must have been checked; what is unchanged is shared with the arguments. */
export function mergeApplied(live: JsonObject, applied: JsonObject, model: Model): JsonObject {
  return (merge(live, applied, model) ?? {}) as JsonObject;
}

function merge(live: Json | undefined, applied: Json | undefined, model: Model): Json | undefined {
  const shape = shapeOf(model, applied ?? live);
  if (shape.kind === 'scalar') return applied === undefined ? live : applied;
  return shape.kind === 'map' ? mergeMaps(live, applied, shape) : mergeLists(live, applied, shape);
}

function mergeMaps(live: Json | undefined, applied: Json | undefined, map: MapModel): Json | undefined {
  const left = isObject(live) ? live : {};
  const right = isObject(applied) ? applied : {};
  const names = Object.keys(right);
  if (map.atomic || (names.length === 0 && Object.keys(left).length === 0))
    return applied === undefined ? live : applied;
  const merged: JsonObject = {};
  for (const name of Object.keys(left)) {
    const change = Object.hasOwn(right, name) ? right[name] : undefined;
    const value = merge(left[name], change, childModel(map, name));
    if (value !== undefined) setKey(merged, name, value);
  }
  for (const name of names) {
    if (Object.hasOwn(left, name)) continue;
    const value = merge(undefined, right[name], childModel(map, name));
    if (value !== undefined) setKey(merged, name, value);
  }
  return merged;
}

function mergeLists(live: Json | undefined, applied: Json | undefined, list: ListModel): Json | undefined {
  const left = Array.isArray(live) ? live : [];
  const right = Array.isArray(applied) ? applied : [];
  if (list.relation === 'atomic' || (left.length === 0 && right.length === 0))
    return applied === undefined ? live : applied;
  if (right.length === 0) return left;
  return mergeElements(left, right, list);
}

/**
 * The applied elements stand in their own order. A live element that was not applied keeps its place relative to the
 * live ones before it, as far as the applied order allows.
 */
function mergeElements(left: Json[], right: Json[], list: ListModel): Json[] {
  const leftElements = left.map((value) => listElement(list, value));
  const rightElements = right.map((value) => listElement(list, value));
  const lives = onlyOnes(leftElements, left);
  const applieds = new Map(rightElements.map((element, index) => [element, right[index]!]));
  const shared = rightElements.filter((element) => lives.has(element));
  const merged: Json[] = [];
  const done = new Set<PathElement>();
  let nextShared = 0;
  const push = (value: Json | undefined) => {
    if (value !== undefined) merged.push(value);
  };
  const take = (element: PathElement) => {
    done.add(element);
    push(merge(lives.get(element), applieds.get(element), list.element));
    if (shared[nextShared] === element) nextShared++;
  };
  let [l, r] = [0, 0];
  while (l < left.length || r < right.length) {
    const mine = leftElements[l];
    const theirs = rightElements[r];
    if (mine !== undefined && mine === theirs) {
      take(mine);
      l++;
      r++;
      continue;
    }
    if (mine !== undefined && !applieds.has(mine)) {
      push(left[l]);
      l++;
      continue;
    }
    const waits = mine !== undefined && nextShared < shared.length && shared[nextShared] !== mine;
    if (mine !== undefined && (done.has(mine) || (theirs !== undefined && waits))) {
      l++;
      continue;
    }
    if (theirs === undefined) break;
    take(theirs);
    r++;
  }
  return merged;
}

/** By their elements. What stands twice has no one value to merge with. */
function onlyOnes(elements: readonly PathElement[], values: readonly Json[]): Map<PathElement, Json | undefined> {
  const ones = new Map<PathElement, Json | undefined>();
  for (const [index, element] of elements.entries()) ones.set(element, ones.has(element) ? undefined : values[index]!);
  return ones;
}
