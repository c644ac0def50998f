/**
 * The types of CEL: what the checker reasons with, and the values that `type(x)` gives.
 * https://github.com/google/cel-spec/blob/master/doc/langdef.md#values
 */

export type TypeKind =
  | ('bool' | 'bytes' | 'double' | 'duration' | 'int' | 'null' | 'string' | 'timestamp' | 'uint' | 'type')
  | ('list' | 'map')
  /** A type with named fields. */
  | 'struct'
  /** A type of which only functions know more, such as a quantity or an optional value. */
  | 'opaque'
  /** Not known before evaluation: everything goes. */
  | 'dyn'
  /** A placeholder in a function's signature. */
  | 'parameter'
  /** What has no type because it is wrong; nothing more is said about it. */
  | 'error';

export class Type {
  readonly kind: TypeKind;
  readonly name: string;
  readonly parameters: readonly Type[];

  constructor(kind: TypeKind, name: string, parameters: readonly Type[] = []) {
    this.kind = kind;
    this.name = name;
    this.parameters = parameters;
  }

  /** As complaints name it. */
  toString(): string {
    switch (this.kind) {
      case 'duration':
      case 'timestamp':
      case 'null':
        return this.kind;
      case 'error':
        return '!error!';
      default:
        return this.parameters.length === 0 ? this.name : `${this.name}(${this.parameters.join(', ')})`;
    }
  }

  equals(other: Type): boolean {
    return (
      this === other ||
      (this.kind === other.kind &&
        this.name === other.name &&
        this.parameters.length === other.parameters.length &&
        this.parameters.every((parameter, i) => parameter.equals(other.parameters[i]!)))
    );
  }
}

export const boolType = new Type('bool', 'bool');
export const bytesType = new Type('bytes', 'bytes');
export const doubleType = new Type('double', 'double');
export const durationType = new Type('duration', 'google.protobuf.Duration');
export const dynType = new Type('dyn', 'dyn');
export const errorType = new Type('error', 'error');
export const intType = new Type('int', 'int');
export const nullType = new Type('null', 'null_type');
export const stringType = new Type('string', 'string');
export const timestampType = new Type('timestamp', 'google.protobuf.Timestamp');
export const typeType = new Type('type', 'type');
export const uintType = new Type('uint', 'uint');

export const listType = (element: Type): Type => new Type('list', 'list', [element]);
export const mapType = (key: Type, value: Type): Type => new Type('map', 'map', [key, value]);
export const optionalType = (value: Type): Type => new Type('opaque', 'optional_type', [value]);
export const opaqueType = (name: string): Type => new Type('opaque', name);
export const structType = (name: string): Type => new Type('struct', name);
export const typeOf = (type: Type): Type => new Type('type', 'type', [type]);
export const typeParameter = (name: string): Type => new Type('parameter', name);

/** The types of lists and maps as values: `type([1]) == list`. */
export const anyListType = listType(dynType);
export const anyMapType = mapType(dynType, dynType);
export const anyOptionalType = optionalType(dynType);

export const isOptionalType = (type: Type): boolean => type.kind === 'opaque' && type.name === 'optional_type';
