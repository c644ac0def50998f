/** What the macros `transformMap` and `transformMapEntry` call. */
import { toText } from '../conversions.js';
import { type Library, overload } from '../declarations.js';
import { mapType, typeParameter } from '../types.js';
import { CelError, type CelMap, EntryMap, GrowingMap, type Result, type Value } from '../values.js';

const K = typeParameter('K');
const V = typeParameter('V');
const map = mapType(K, V);

/** A key may be inserted once. */
function insert(into: Value, key: Value, value: Value): Result {
  const target = into as EntryMap;
  if (target.find(key) !== undefined) {
    const shown = toText(key);
    return new CelError(`insert failed: key ${typeof shown === 'string' ? shown : ''} already exists`);
  }
  const grown = target instanceof GrowingMap ? target : copyOf(target);
  return grown.set(key, value) ? grown : new CelError('unsupported map key type');
}

function copyOf(source: CelMap): EntryMap {
  const copy = EntryMap.of();
  for (const key of source.keys()) copy.set(key, source.find(key) as Value);
  return copy;
}

function insertAll(into: Value, added: Value): Result {
  let target: Result = into;
  for (const key of (added as CelMap).keys()) {
    const value = (added as CelMap).find(key)!;
    if (value instanceof CelError) return value;
    target = insert(target as Value, key, value);
    if (target instanceof CelError) return target;
  }
  return target;
}

export const comprehensionLibrary: Library = {
  functions: [
    {
      name: 'cel.@mapInsert',
      overloads: [
        overload('@mapInsert_map_key_value', [map, K, V], map, insert),
        overload('@mapInsert_map_map', [map, map], map, insertAll),
      ],
    },
  ],
};
