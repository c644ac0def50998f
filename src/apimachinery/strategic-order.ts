/** In which order the elements of a strategically merged list stand: the patch's among themselves, the rest between. */
import type { Json } from '#base/json.js';

/** What tells one element from another. */
export type ElementKey = (element: Json) => Json;

/** Those of `list` that `by` has, and the others; both in the order of `list`. */
export function partition(list: Json[], by: Json[], keyOf: ElementKey): { chosen: Json[]; others: Json[] } {
  const keys = new Set(by.map(keyOf));
  const chosen: Json[] = [];
  const others: Json[] = [];
  for (const element of list) (keys.has(keyOf(element)) ? chosen : others).push(element);
  return { chosen, others };
}

/**
 * `chosen` in the `order` that the patch wants, `others` in the order they had `before`, merged so that an element of
 * `others` stands before a chosen one that came after it.
 */
export function mergeInOrder(lists: {
  chosen: Json[];
  order: Json[];
  others: Json[];
  before: Json[];
  keyOf: ElementKey;
}): Json[] {
  const { keyOf } = lists;
  const before = placesOf(lists.before, keyOf);
  const right = sortByPlace(lists.chosen, placesOf(lists.order, keyOf), keyOf);
  const left = sortByPlace(lists.others, before, keyOf);
  const merged: Json[] = [];
  let taken = 0;
  for (const element of right) {
    const place = before.get(keyOf(element));
    if (place !== undefined) {
      while (taken < left.length && (before.get(keyOf(left[taken]!)) ?? Number.POSITIVE_INFINITY) < place)
        merged.push(left[taken++]!);
    }
    merged.push(element);
  }
  return merged.concat(left.slice(taken));
}

function placesOf(list: Json[], keyOf: ElementKey): Map<Json, number> {
  const places = new Map<Json, number>();
  for (const [index, element] of list.entries()) {
    const key = keyOf(element);
    if (!places.has(key)) places.set(key, index);
  }
  return places;
}

function sortByPlace(list: Json[], places: Map<Json, number>, keyOf: ElementKey): Json[] {
  const placeOf = (element: Json) => places.get(keyOf(element)) ?? Number.MAX_SAFE_INTEGER;
  return list
    .map((element) => ({ element, place: placeOf(element) }))
    .sort((a, b) => a.place - b.place)
    .map(({ element }) => element);
}
