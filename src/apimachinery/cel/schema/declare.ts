/**
 * The types of data with a schema, and how large the data can be.
 * https://kubernetes.io/docs/reference/using-api/cel/#cel-expressions-for-extending-kubernetes
 */
import type { SizeFinder } from '../cost/range.js';
import type { StructDeclaration, StructFinder } from '../environment.js';
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  stringType,
  structType,
  type Type,
  timestampType,
} from '../types.js';
import { escapeName, isReserved } from './escape.js';
import { isEmbedded, itemsOf, type Schema, valuesOf, withTypeAndObjectMeta } from './schema.js';

export interface DeclaredType {
  type: Type;
  /** By their escaped names; of objects. */
  fields?: ReadonlyMap<string, DeclaredType>;
  /** Of the keys of maps. */
  key?: DeclaredType;
  /** Of the elements of lists and the values of maps. */
  element?: DeclaredType;
  /** How many characters, elements or entries there can be; 0 where that is no question. */
  elementsMax: number;
  /** The shortest JSON, in bytes. */
  bytesMin: number;
}

/** The largest request; data is no larger. */
export const requestBytesMax = 3 * 1024 * 1024;

const durationBytesMax = 32;
const durationBytesMin = 3;
const dateBytes = 12;
const dateTimeBytesMax = 32;
const dateTimeBytesMin = 21;
const characterBytesMax = 4;

const simple = (type: Type, bytesMin: number, elementsMax = 0): DeclaredType => ({ type, elementsMax, bytesMin });

const anyText = simple(stringType, 2);

/** Undefined for data that expressions cannot see, since nothing is known of it. */
export function declareType(schema: Schema, options: { name: string; isRoot?: boolean }): DeclaredType | undefined {
  if (schema['x-kubernetes-int-or-string']) return simple(dynType, 1, textLengthMax(schema));
  const resource = options.isRoot ? withTypeAndObjectMeta(schema) : schema;
  switch (resource.type) {
    case 'array':
      return declareList(resource, options.name);
    case 'object':
      return valuesOf(resource) ? declareMap(resource, options.name) : declareObject(resource, options.name);
    case 'string':
      return declareText(resource);
    case 'boolean':
      return simple(boolType, 4);
    case 'number':
      return simple(doubleType, 1);
    case 'integer':
      return simple(intType, 1);
    default:
      return undefined;
  }
}

function declareList(schema: Schema, name: string): DeclaredType | undefined {
  const items = itemsOf(schema);
  const element = items && declareType(items, { name: `${name}.@idx`, isRoot: isEmbedded(items) });
  if (!element) return undefined;
  const elementsMax = atLeastZero(schema.maxItems) ?? Math.floor((requestBytesMax - 2) / (element.bytesMin + 1));
  return { type: listType(element.type), element, elementsMax, bytesMin: 2 };
}

function declareMap(schema: Schema, name: string): DeclaredType | undefined {
  const values = valuesOf(schema)!;
  const element = declareType(values, { name: `${name}.@elem`, isRoot: isEmbedded(values) });
  if (!element) return undefined;
  const elementsMax = atLeastZero(schema.maxProperties) ?? Math.floor((requestBytesMax - 2) / (element.bytesMin + 6));
  return { type: mapType(stringType, element.type), key: anyText, element, elementsMax, bytesMin: 2 };
}

function declareObject({ properties = {}, required = [] }: Schema, name: string): DeclaredType {
  const fields = new Map<string, DeclaredType>();
  let bytesMin = 2;
  for (const [property, schema] of Object.entries(properties)) {
    const escaped = escapeName(property);
    const field = declareType(schema, { name: `${name}.${escaped ?? property}`, isRoot: isEmbedded(schema) });
    if (!field) continue;
    if (escaped !== undefined) fields.set(escaped, field);
    // Fields with a default may be left out of a request.
    if (required.includes(property) && schema.default === undefined)
      bytesMin += Buffer.byteLength(property) + field.bytesMin + 4;
  }
  return { type: structType(name), fields, elementsMax: 0, bytesMin };
}

function declareText(schema: Schema): DeclaredType {
  switch (schema.format) {
    case 'byte':
      return simple(bytesType, 2, atLeastZero(schema.maxLength) ?? requestBytesMax - 2);
    case 'duration':
      return simple(durationType, durationBytesMin, durationBytesMax);
    case 'date':
      return simple(timestampType, dateBytes, dateBytes);
    case 'date-time':
      return simple(timestampType, dateTimeBytesMin, dateTimeBytesMax);
    default:
      return simple(stringType, 2, textLengthMax(schema));
  }
}

function textLengthMax(schema: Schema): number {
  const length = atLeastZero(schema.maxLength);
  if (length !== undefined) return length * characterBytesMax;
  if (!schema.enum?.length || schema['x-kubernetes-int-or-string']) return requestBytesMax - 2;
  return Math.max(0, ...schema.enum.map((value) => (typeof value === 'string' ? Buffer.byteLength(value) : 0)));
}

const atLeastZero = (limit: number | undefined): number | undefined =>
  limit === undefined ? undefined : Math.max(limit, 0);

function fieldOf(fields: ReadonlyMap<string, DeclaredType>, name: string): DeclaredType | undefined {
  return fields.get(name) ?? (isReserved(name) ? fields.get(`__${name}__`) : undefined);
}

/** Finds the types of objects within the given types, by their names. */
export function structsOf(...roots: readonly DeclaredType[]): StructFinder {
  const structs = new Map<string, StructDeclaration>();
  const visit = (declared: DeclaredType): void => {
    const { type, fields, element } = declared;
    if (fields) {
      structs.set(type.name, { type, fieldType: (name) => fieldOf(fields, name)?.type });
      for (const field of fields.values()) visit(field);
    }
    if (element) visit(element);
  };
  for (const root of roots) visit(root);
  return (name) => structs.get(name);
}

/** Finds the sizes of data of this type. Whatever the variable is called that a path begins with, it has this type. */
export function sizesOf(root: DeclaredType): SizeFinder {
  return ([variable, ...parts]) => {
    if (variable === undefined) return undefined;
    let declared: DeclaredType | undefined = root;
    for (const part of parts) {
      if (part === '@items' || part === '@values') declared = declared.element;
      else declared = part === '@keys' ? declared.key : declared.fields?.get(part);
      if (!declared) return undefined;
    }
    return { min: 0, max: declared.elementsMax };
  };
}

/** How often data of this type can occur in one request, at most. */
export function cardinalityMax({ bytesMin }: DeclaredType): number {
  return Math.floor(requestBytesMax / (bytesMin + 1));
}
