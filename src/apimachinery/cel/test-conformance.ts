/** What the conformance tests write as protobuf's JSON, as values and types. */

import { toDuration, toTimestamp } from './conversions.js';
import {
  ArrayList,
  anyOptionalType,
  boolType,
  bytesType,
  Double,
  Duration,
  doubleType,
  durationType,
  dynType,
  EntryMap,
  intType,
  listType,
  mapType,
  nullType,
  stringType,
  Timestamp,
  type Type,
  timestampType,
  typeOf,
  Uint,
  uintType,
  type Value,
} from './index.js';
import { normalizeInt } from './values.js';

export interface ProtoValue {
  nullValue?: unknown;
  boolValue?: boolean;
  int64Value?: string;
  uint64Value?: string;
  doubleValue?: number | string;
  stringValue?: string;
  bytesValue?: string;
  typeValue?: string;
  listValue?: { values?: ProtoValue[] };
  mapValue?: { entries?: { key: ProtoValue; value: ProtoValue }[] };
  objectValue?: { '@type': string; value?: unknown };
}

export interface ProtoType {
  primitive?: string;
  wellKnown?: string;
  dyn?: object;
  null?: unknown;
  listType?: { elemType?: ProtoType };
  mapType?: { keyType?: ProtoType; valueType?: ProtoType };
  messageType?: string;
  type?: ProtoType;
  abstractType?: { name: string; parameterTypes?: ProtoType[] };
}

/** One of these, or that the result is true. */
export interface Expected {
  value?: ProtoValue;
  evalError?: unknown;
  typedResult?: { result?: ProtoValue; deducedType?: ProtoType };
}

/** A message of protobuf, which there is none of here. */
export class NoMessages extends Error {}

const doubles: Record<string, number> = { NaN: Number.NaN, Infinity: Infinity, '-Infinity': -Infinity };

const typeValues = new Map<string, Type>(
  [boolType, bytesType, doubleType, durationType, intType, nullType, stringType, timestampType, uintType].map(
    (type) => [type.name, type],
  ),
)
  .set('list', listType(dynType))
  .set('map', mapType(dynType, dynType))
  .set('type', typeOf(dynType));

export function fromProto(proto: ProtoValue): Value {
  if (proto.boolValue !== undefined) return proto.boolValue;
  if (proto.int64Value !== undefined) return normalizeInt(BigInt(proto.int64Value))!;
  if (proto.uint64Value !== undefined) return Uint.of(BigInt(proto.uint64Value))!;
  if (proto.doubleValue !== undefined) {
    const { doubleValue } = proto;
    return new Double(typeof doubleValue === 'number' ? doubleValue : (doubles[doubleValue] ?? Number(doubleValue)));
  }
  if (proto.stringValue !== undefined) return proto.stringValue;
  if (proto.bytesValue !== undefined) return Buffer.from(proto.bytesValue, 'base64');
  if (proto.listValue) return new ArrayList((proto.listValue.values ?? []).map(fromProto));
  if (proto.mapValue)
    return EntryMap.of((proto.mapValue.entries ?? []).map(({ key, value }) => [fromProto(key), fromProto(value)]));
  if (proto.typeValue !== undefined) {
    const type = typeValues.get(proto.typeValue);
    if (!type) throw new NoMessages(proto.typeValue);
    return type;
  }
  if (proto.objectValue) return fromObject(proto.objectValue);
  return null;
}

function fromObject(object: { '@type': string; value?: unknown }): Value {
  const text = object.value as string;
  const value = object['@type'].endsWith('google.protobuf.Timestamp')
    ? toTimestamp(text)
    : object['@type'].endsWith('google.protobuf.Duration')
      ? toDuration(text)
      : undefined;
  if (value instanceof Timestamp || value instanceof Duration) return value;
  throw new NoMessages(object['@type']);
}

const primitives: Record<string, Type> = {
  BOOL: boolType,
  INT64: intType,
  UINT64: uintType,
  DOUBLE: doubleType,
  STRING: stringType,
  BYTES: bytesType,
};
const wellKnown: Record<string, Type> = { TIMESTAMP: timestampType, DURATION: durationType };

export function typeFromProto(proto: ProtoType): Type {
  if (proto.primitive) return primitives[proto.primitive]!;
  if (proto.wellKnown && wellKnown[proto.wellKnown]) return wellKnown[proto.wellKnown]!;
  if (proto.dyn) return dynType;
  if (proto.listType) return listType(typeFromProto(proto.listType.elemType ?? { dyn: {} }));
  if (proto.mapType)
    return mapType(
      typeFromProto(proto.mapType.keyType ?? { dyn: {} }),
      typeFromProto(proto.mapType.valueType ?? { dyn: {} }),
    );
  if (proto.type) return typeOf(typeFromProto(proto.type));
  if (proto.abstractType) return anyOptionalType;
  if ('null' in proto) return nullType;
  throw new NoMessages(JSON.stringify(proto));
}
