/**
 * The shape of every API type, as one value that the JSON codec, the protobuf codec, OpenAPI, patches and field
 * validation all read. Built-in types come from the text files in `api/schema/`; a CustomResourceDefinition will
 * make the same value at run time.
 */

/** How a field's value, or the elements of a list or map, is written. Scalars use protobuf's names. */
export type Scalar = 'string' | 'int32' | 'int64' | 'bool' | 'double' | 'bytes' | 'any';

/** Types whose JSON form is not the object that their protobuf message describes. */
export type SpecialCodec =
  | 'time' // RFC 3339 with seconds; protobuf seconds and nanos
  | 'microTime' // RFC 3339 with microseconds
  | 'duration' // Go's duration text; protobuf int64 nanoseconds
  | 'quantity'
  | 'intOrString'
  | 'raw' // any object; protobuf bytes of its JSON
  | 'rawJSON' // any JSON value; protobuf bytes of its JSON
  | 'items' // a plain array; in protobuf a message around a repeated field
  | 'schemaOrArray'
  | 'schemaOrBool'
  | 'schemaOrStringArray';

export interface TypeSchema {
  /** The OpenAPI name, `io.k8s.api.core.v1.Pod`. */
  name: string;
  /** Set on types that can stand alone in a request. The core group is ''. */
  kind?: { group: string; version: string; kind: string };
  /** apiVersion and kind are part of the JSON form (they have no protobuf number). Implied by `kind`. */
  typeMeta?: boolean;
  codec?: SpecialCodec;
  /** The OpenAPI type of a special codec. */
  json?: 'string' | 'object' | 'array' | 'boolean';
  format?: string;
  /** The whole value is one unit to server-side apply. */
  structType?: 'atomic';
  /** Has no protobuf message. */
  noProtobuf?: boolean;
  /** Discriminated unions: `d` is the discriminator's name, `f` maps a member field to its discriminator value. */
  unions?: { d?: string; f: Record<string, string> }[];
  /** Declarative validation tags of the type (KEP-5073), without the `k8s:` prefix. */
  checks?: string[];
  /** In protobuf and JSON emission order. */
  fields: FieldSchema[];
}

export interface FieldSchema {
  /** The JSON name. For an inline field, the protobuf name: in JSON its fields stand in the parent. */
  name: string;
  /** The protobuf field number; absent where the type has no protobuf message. */
  number?: number;
  /** The protobuf name, where it differs. */
  protobufName?: string;
  shape: 'single' | 'list' | 'map' | 'mapOfLists';
  /** A `Scalar` or an OpenAPI name; of the elements when the shape is a list or map (whose keys are strings). */
  type: string;
  inline?: boolean;
  /** In protobuf, the list stands in a message of its own: {1: elements}. */
  wrapped?: boolean;
  /** OpenAPI's required. */
  required?: boolean;
  /** JSON leaves the field out when it is empty (Go's omitempty: false, 0, "", nil; never a struct). */
  omitEmpty?: boolean;
  /** JSON leaves the field out when it is a zero struct. */
  omitZero?: boolean;
  /** A Go pointer: unset differs from zero, and an unset message is left out rather than written empty. */
  pointer?: boolean;
  nullable?: boolean;
  format?: string;
  /** The allowed values, for OpenAPI; the validation of each kind decides what is refused. */
  enum?: string[];
  /** OpenAPI's default marker, which server-side defaulting need not share. */
  default?: unknown;
  /** Strategic merge patch: `merge`, `replace`, `retainKeys`, or two of them joined by a comma. */
  patchStrategy?: string;
  patchMergeKey?: string;
  /** Server-side apply. A list without it is atomic. */
  listType?: 'map' | 'set' | 'atomic';
  listMapKeys?: string[];
  mapType?: 'atomic' | 'granular';
  /** Granular: the fields of a type that is one unit elsewhere have owners each. */
  structType?: 'atomic' | 'granular';
  /** Names the feature gates that govern the field. */
  gates?: string[];
  checks?: string[];
}

/** Where to find types. Implementations decode lazily: start-up must not pay for types that nobody asks for. */
export interface SchemaTable {
  /** By OpenAPI name. */
  type(name: string): TypeSchema | undefined;
  /** By group, version and kind. */
  kind(gvk: { group: string; version: string; kind: string }): TypeSchema | undefined;
  /** All names, in no promised order. */
  names(): Iterable<string>;
}

/** Whether a field's `type` is a scalar rather than the name of a type. */
export function isScalar(type: string): type is Scalar {
  return !type.includes('.');
}
