/** What server-side apply needs of a custom resource's schema; see `managed-fields/model.ts`. */
import type { Json } from '#base/json.js';
import { type FieldModel, type MapModel, type Model, modelOf } from '../managed-fields/model.js';
import type { SchemaTable } from '../schema.js';
import { objectMetaName } from './embedded.js';
import { itemsOf, propertyOf, type Schema, valuesOf } from './schema.js';

const open: Model = { kind: 'open', atomic: false };
const untyped: Model = { kind: 'scalar', scalar: 'untyped' };
const text: Model = { kind: 'scalar', scalar: 'string' };
const scalars: Record<string, Model> = {
  string: text,
  integer: { kind: 'scalar', scalar: 'numeric' },
  number: { kind: 'scalar', scalar: 'numeric' },
  boolean: { kind: 'scalar', scalar: 'boolean' },
};

export function structuralModel(schema: Schema, table: SchemaTable): MapModel {
  return new Models(table).object({ ...schema, 'x-kubernetes-embedded-resource': true });
}

class Models {
  readonly #metadata: Model;

  constructor(table: SchemaTable) {
    this.#metadata = modelOf({ table, type: table.type(objectMetaName) });
  }

  /** What keeps unknown fields lets all that stands below it keep them. */
  object(schema: Schema, { kept = false } = {}): MapModel {
    const { properties = {} } = schema;
    const keeps = kept || schema['x-kubernetes-preserve-unknown-fields'] === true;
    const values = valuesOf(schema);
    const isFree = Object.keys(properties).length === 0 && !values && !schema['x-kubernetes-embedded-resource'];
    const made = new Map<string, FieldModel | undefined>();
    return {
      kind: 'map',
      atomic: schema['x-kubernetes-map-type'] === 'atomic',
      field: (name) => {
        if (!made.has(name)) made.set(name, this.#field(schema, name, keeps));
        return made.get(name);
      },
      element: values ? this.#model(values, keeps) : keeps || isFree ? open : undefined,
    };
  }

  #field(schema: Schema, name: string, keeps: boolean): FieldModel | undefined {
    if (schema['x-kubernetes-embedded-resource']) {
      if (name === 'metadata') return fieldModel(this.#metadata);
      if (name === 'apiVersion' || name === 'kind') return fieldModel(text);
    }
    const property = propertyOf(schema, name);
    return property && fieldModel(this.#model(property, keeps), property.default);
  }

  #model(schema: Schema, kept: boolean): Model {
    // Upstream says no type, which is any: that it is a number or a text, validation tells.
    if (schema['x-kubernetes-int-or-string']) return open;
    const { type, format } = schema;
    const keeps = kept || schema['x-kubernetes-preserve-unknown-fields'] === true;
    if (type === 'array') {
      const items = itemsOf(schema);
      const listType = schema['x-kubernetes-list-type'];
      const relation = listType === 'map' || listType === 'set' ? listType : 'atomic';
      const keys = schema['x-kubernetes-list-map-keys'] ?? [];
      return { kind: 'list', relation, keys, element: items ? this.#model(items, keeps) : open };
    }
    if (type === 'object') return this.object(schema, { kept });
    // A text with a format is any scalar to upstream.
    if (type === 'string' && format && format !== 'byte') return untyped;
    return (type && scalars[type]) || open;
  }
}

function fieldModel(model: Model, fallback?: Json): FieldModel {
  return { model, default: fallback, zero: undefined };
}
