/** The standard functions: sizes, conversions, texts, and the parts of times. */
import * as convert from '../conversions.js';
import {
  type FunctionDeclaration,
  type Implementation,
  type Library,
  member,
  type Overload,
  overload,
} from '../declarations.js';
import { matches } from '../regex.js';
import { codePointCount } from '../syntax/source.js';
import { type TimePart, timePart } from '../time.js';
import {
  anyListType,
  anyMapType,
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  nullType,
  stringType,
  type Type,
  timestampType,
  typeOf,
  typeParameter,
  typeType,
  uintType,
} from '../types.js';
import {
  CelError,
  CelMap,
  type Duration,
  List,
  normalizeInt,
  noSuchOverload,
  type Result,
  type Timestamp,
  typeOfValue,
  type Value,
} from '../values.js';

const A = typeParameter('A');
const B = typeParameter('B');

function size(value: Value): Result {
  if (typeof value === 'string') return codePointCount(value);
  if (value instanceof List || value instanceof CelMap) return value.size;
  return value instanceof Uint8Array ? value.length : new CelError('no such overload: size');
}

const sizeOverloads = (
  [
    ['bytes', bytesType],
    ['list', listType(A)],
    ['map', mapType(A, B)],
    ['string', stringType],
  ] as const
).flatMap(([name, type]) => [overload(`size_${name}`, [type], intType), member(`${name}_size`, [type], intType)]);

const typeNames = new Map<Type, string>([
  [intType, 'int64'],
  [uintType, 'uint64'],
  [doubleType, 'double'],
  [boolType, 'bool'],
  [stringType, 'string'],
  [bytesType, 'bytes'],
  [timestampType, 'timestamp'],
  [durationType, 'duration'],
]);

/** `name(x)` for x of each of the types. */
function conversion(name: string, to: Type, from: Type[], call: Implementation): FunctionDeclaration {
  const overloads = from.map((type) => overload(`${typeNames.get(type)}_to_${typeNames.get(to)}`, [type], to, call));
  return { name, overloads };
}

function onTexts(test: (text: string, part: string) => Result): Implementation {
  return (text, part) => (typeof text === 'string' && typeof part === 'string' ? test(text, part) : noSuchOverload);
}

function textTest(name: string, id: string, test: (text: string, part: string) => boolean): FunctionDeclaration {
  return { name, overloads: [member(id, [stringType, stringType], boolType)], call: onTexts(test) };
}

const timeParts: readonly [name: string, id: string, part: TimePart, unitNanos?: bigint][] = [
  ['getFullYear', 'year', 'year'],
  ['getMonth', 'month', 'month'],
  ['getDayOfYear', 'day_of_year', 'dayOfYear'],
  ['getDayOfMonth', 'day_of_month', 'dayOfMonth'],
  ['getDate', 'day_of_month_1_based', 'date'],
  ['getDayOfWeek', 'day_of_week', 'dayOfWeek'],
  ['getHours', 'hours', 'hours', 3_600_000_000_000n],
  ['getMinutes', 'minutes', 'minutes', 60_000_000_000n],
  ['getSeconds', 'seconds', 'seconds', 1_000_000_000n],
  ['getMilliseconds', 'milliseconds', 'milliseconds', 1_000_000n],
];

function timeFunction([name, id, part, unitNanos]: (typeof timeParts)[number]): FunctionDeclaration {
  const withZone = id === 'seconds' ? 'timestamp_to_seconds_tz' : `timestamp_to_${id}_with_tz`;
  const ofTimestamp: Implementation = (time, zone) =>
    timePart(time as Timestamp, part, zone === undefined ? undefined : (zone as string));
  const overloads: Overload[] = [
    member(`timestamp_to_${id}`, [timestampType], intType, ofTimestamp),
    member(withZone, [timestampType, stringType], intType, ofTimestamp),
  ];
  if (unitNanos !== undefined) {
    const ofDuration: Implementation = (duration) => normalizeInt((duration as Duration).nanos / unitNanos)!;
    overloads.push(member(`duration_to_${id}`, [durationType], intType, ofDuration));
  }
  return { name, overloads };
}

export const standardLibrary: Library = {
  types: [
    ...[boolType, bytesType, doubleType, durationType, intType, nullType, stringType, timestampType, typeType],
    ...[uintType, anyListType, anyMapType],
  ],
  functions: [
    { name: 'size', overloads: sizeOverloads, call: size },
    { name: 'type', overloads: [overload('type', [A], typeOf(A))], call: typeOfValue },
    { name: 'dyn', overloads: [overload('to_dyn', [A], dynType)], call: (value) => value },
    conversion('bool', boolType, [boolType, stringType], convert.toBool),
    conversion('bytes', bytesType, [bytesType, stringType], convert.toBytes),
    conversion('double', doubleType, [doubleType, intType, stringType, uintType], convert.toDouble),
    conversion('duration', durationType, [durationType, stringType], convert.toDuration),
    conversion('int', intType, [intType, doubleType, durationType, stringType, timestampType, uintType], convert.toInt),
    conversion(
      'string',
      stringType,
      [stringType, boolType, bytesType, doubleType, durationType, intType, timestampType, uintType],
      convert.toText,
    ),
    conversion('timestamp', timestampType, [timestampType, intType, stringType], convert.toTimestamp),
    conversion('uint', uintType, [uintType, doubleType, intType, stringType], convert.toUint),
    textTest('contains', 'contains_string', (text, part) => text.includes(part)),
    textTest('endsWith', 'ends_with_string', (text, part) => text.endsWith(part)),
    textTest('startsWith', 'starts_with_string', (text, part) => text.startsWith(part)),
    {
      name: 'matches',
      overloads: [
        overload('matches', [stringType, stringType], boolType),
        member('matches_string', [stringType, stringType], boolType),
      ],
      call: onTexts(matches),
    },
    ...timeParts.map(timeFunction),
  ],
};
