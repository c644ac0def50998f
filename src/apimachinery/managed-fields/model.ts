/**
 * What server-side apply needs of the schema: which maps and lists are one unit, which lists are told apart by keys.
 * Values of no known type are taken as they come: maps by field, lists whole.
 */
import type { Json } from '#base/json.js';
import { isObject } from '../patch.js';
import type { FieldSchema, Scalar, SchemaTable, TypeSchema } from '../schema.js';
import { isScalar } from '../schema.js';

export type Model = ScalarModel | ListModel | MapModel | OpenModel;

export interface ScalarModel {
  kind: 'scalar';
  scalar: 'numeric' | 'string' | 'boolean' | 'untyped';
}

export interface ListModel {
  kind: 'list';
  relation: 'atomic' | 'map' | 'set';
  /** The names of the fields that tell elements apart, for a list that is a map. */
  keys: readonly string[];
  element: Model;
}

export interface MapModel {
  kind: 'map';
  atomic: boolean;
  /** The declared fields, of a struct. */
  field(name: string): FieldModel | undefined;
  /** Of all other keys; none for a struct. */
  element: Model | undefined;
}

export interface FieldModel {
  model: Model;
  default: Json | undefined;
  /**
   * What upstream's JSON has where the field is not set: its structs write some fields always, and whoever creates an
   * object is not held to own those. undefined where the field is left out.
   */
  zero: Json | undefined;
}

/** Any value. */
export interface OpenModel {
  kind: 'open';
  /** Maps and lists are one unit. */
  atomic: boolean;
}

/** A model that says what the value is. */
export type Shape = ScalarModel | ListModel | MapModel;

const deduced: OpenModel = { kind: 'open', atomic: false };
const unit: OpenModel = { kind: 'open', atomic: true };
const untyped: ScalarModel = { kind: 'scalar', scalar: 'untyped' };
const openLists: ListModel = { kind: 'list', relation: 'atomic', keys: [], element: unit };
const openMaps: MapModel = { kind: 'map', atomic: false, field: () => undefined, element: deduced };
const unitMaps: MapModel = { kind: 'map', atomic: true, field: () => undefined, element: unit };

const objectMetaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** Of an object of this type; without one, only its metadata has a schema. */
export function modelOf(schema: {
  table: SchemaTable;
  type: TypeSchema | undefined;
  model?: MapModel | undefined;
}): MapModel {
  const { table, type, model } = schema;
  if (model) return model;
  const models = modelsOf(table);
  return type ? models.struct(type) : models.schemaless;
}

export function shapeOf(model: Model, value: Json | undefined): Shape {
  if (model.kind !== 'open') return model;
  if (value === null || value === undefined || isObject(value)) return model.atomic ? unitMaps : openMaps;
  return Array.isArray(value) ? openLists : untyped;
}

export function childModel(map: MapModel, name: string): Model {
  return map.field(name)?.model ?? map.element ?? deduced;
}

const modelsByTable = new WeakMap<SchemaTable, Models>();

function modelsOf(table: SchemaTable): Models {
  let models = modelsByTable.get(table);
  if (!models) modelsByTable.set(table, (models = new Models(table)));
  return models;
}

/** Made when first asked for, since a few types would pull in most others. */
class Models {
  readonly #table: SchemaTable;
  readonly #structs = new Map<TypeSchema, MapModel>();
  readonly schemaless: MapModel;

  constructor(table: SchemaTable) {
    this.#table = table;
    this.schemaless = {
      kind: 'map',
      atomic: false,
      field: (name) => {
        const meta = name === 'metadata' ? table.type(objectMetaName) : undefined;
        return meta && { model: this.struct(meta), default: undefined, zero: undefined };
      },
      element: deduced,
    };
  }

  struct(type: TypeSchema): MapModel {
    let model = this.#structs.get(type);
    if (!model) this.#structs.set(type, (model = this.#makeStruct(type)));
    return model;
  }

  #makeStruct(type: TypeSchema): MapModel {
    const fields = new Map<string, FieldSchema>();
    this.#collect(type, fields);
    const made = new Map<string, FieldModel>();
    const field = (name: string) => {
      let model = made.get(name);
      const schema = model ? undefined : fields.get(name);
      if (!schema) return model;
      const zero = this.#zero(schema);
      // OpenAPI says of a scalar that is always written that it is zero by default.
      const standard =
        (schema.default as Json | undefined) ?? (isScalar(schema.type) ? (zero ?? undefined) : undefined);
      model = { model: this.#field(schema), default: standard, zero };
      made.set(name, model);
      return model;
    };
    return { kind: 'map', atomic: type.structType === 'atomic', field, element: undefined };
  }

  #collect(type: TypeSchema, fields: Map<string, FieldSchema>): void {
    if (type.kind || type.typeMeta)
      for (const name of ['apiVersion', 'kind']) fields.set(name, { name, shape: 'single', type: 'string' });
    for (const field of type.fields) {
      const inner = field.inline ? this.#table.type(field.type) : undefined;
      if (inner) this.#collect(inner, fields);
      else fields.set(field.name, field);
    }
  }

  #field(field: FieldSchema): Model {
    const element = this.#named(field.type);
    switch (field.shape) {
      case 'single':
        return field.structType && element.kind === 'map'
          ? { ...element, atomic: field.structType === 'atomic' }
          : element;
      case 'list':
        return { kind: 'list', relation: field.listType ?? 'atomic', keys: field.listMapKeys ?? [], element };
      case 'map':
        return { kind: 'map', atomic: field.mapType === 'atomic', field: () => undefined, element };
      case 'mapOfLists': {
        const lists: ListModel = { kind: 'list', relation: 'atomic', keys: [], element };
        return { kind: 'map', atomic: field.mapType === 'atomic', field: () => undefined, element: lists };
      }
    }
  }

  #zero({ shape, type, pointer, omitEmpty, omitZero }: FieldSchema): Json | undefined {
    if (omitZero) return undefined;
    if (shape !== 'single' || pointer) return omitEmpty ? undefined : null;
    if (isScalar(type)) return omitEmpty ? undefined : zeroScalars[type];
    const codec = this.#table.type(type)?.codec;
    // Go's omitempty does not leave out structs.
    if (codec === undefined) return {};
    if (codec === 'items') return omitEmpty ? undefined : null;
    return codec === 'quantity' ? '0' : codec === 'duration' ? '0s' : codec === 'intOrString' ? 0 : null;
  }

  #named(name: string): Model {
    if (isScalar(name)) return scalarModels[name];
    const type = this.#table.type(name);
    if (!type) return deduced;
    switch (type.codec) {
      case undefined:
        return this.struct(type);
      case 'time':
      case 'microTime':
      case 'duration':
      case 'quantity':
      case 'intOrString':
        return untyped;
      case 'items':
        return openLists;
      default:
        return unit;
    }
  }
}

const scalarModels: Record<Scalar, Model> = {
  string: { kind: 'scalar', scalar: 'string' },
  bytes: { kind: 'scalar', scalar: 'string' },
  int32: { kind: 'scalar', scalar: 'numeric' },
  int64: { kind: 'scalar', scalar: 'numeric' },
  double: { kind: 'scalar', scalar: 'numeric' },
  bool: { kind: 'scalar', scalar: 'boolean' },
  any: unit,
};

const zeroScalars: Record<Scalar, Json> = {
  string: '',
  bytes: null,
  int32: 0,
  int64: 0,
  double: 0,
  bool: false,
  any: null,
};
