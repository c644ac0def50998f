/** `canonicalize` of what may be large: others may have their turns between the elements of its long lists. */
import type { Steps } from '#base/turns.js';
import { writeAbsent } from './absent.js';
import {
  type CanonicalizeOptions,
  type Cursor,
  convertEntries,
  convertField,
  convertMessage,
  enter,
  type Fields,
  isFields,
  mapKeys,
  startOf,
  toldFirst,
} from './canonical.js';
import type { FieldPlan, TypePlan } from './plan.js';

/** Throws SchemaError. */
export function* canonicalizeLarge(
  plan: TypePlan,
  value: unknown,
  { trusted = false, words = 'json' }: CanonicalizeOptions = {},
): Steps<unknown> {
  const start = startOf({ trusted, words });
  try {
    return yield* messageSteps(plan, value ?? {}, { ...start, fields: [] });
  } catch (error) {
    throw toldFirst(error, { plan, value, start });
  }
}

function* messageSteps(plan: TypePlan, value: unknown, at: Cursor): Steps<unknown> {
  if (plan.codec || !isFields(value)) return convertMessage(plan, value, at);
  const input = value as Fields;
  const out = enter(plan, input, at);
  for (const field of plan.fields) {
    const given = input[field.name];
    if (given === undefined || given === null) writeAbsent(field, out);
    else if (field.schema.shape === 'map' || field.schema.shape === 'mapOfLists')
      yield* mapSteps(field, { given, out, at });
    else if (field.scalar || field.type.codec) convertField(field, { given, out, at });
    else yield* fieldSteps(field, { given, out, at });
  }
  at.depth--;
  return out;
}

/** A list or map that is longer is converted in parts of so many elements, each at once. */
const partLength = 64;

function* mapSteps(field: FieldPlan, { given, out, at }: { given: unknown; out: Fields; at: Cursor }): Steps<void> {
  at.fields.push(field);
  const keys = mapKeys(field, given, at);
  const map: Fields = {};
  for (let from = 0; keys && from < keys.length; from += partLength) {
    convertEntries(field, { input: given as Fields, keys: keys.slice(from, from + partLength), out: map }, at);
    yield;
  }
  if (keys) out[field.name] = map;
  at.fields.pop();
}

function* fieldSteps(field: FieldPlan, { given, out, at }: { given: unknown; out: Fields; at: Cursor }): Steps<void> {
  const { name, schema } = field;
  const isList = schema.shape === 'list' && Array.isArray(given) && given.length > 0;
  if (!isList && schema.shape !== 'single') {
    convertField(field, { given, out, at });
  } else if (!isList) {
    at.fields.push(field);
    out[name] = yield* messageSteps(field.type, given, at);
    at.fields.pop();
  } else if (given.length > partLength) {
    const list: unknown[] = (out[name] = []);
    for (let index = 0; index < given.length; index += partLength) {
      const part: Fields = {};
      convertField(field, { given: given.slice(index, index + partLength), out: part, at });
      for (const element of part[name] as unknown[]) list.push(element);
      yield;
    }
  } else {
    const list: unknown[] = (out[name] = []);
    at.fields.push(field);
    for (const element of given) list.push(yield* messageSteps(field.type, element ?? {}, at));
    at.fields.pop();
  }
}
