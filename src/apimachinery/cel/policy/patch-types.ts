/**
 * What expressions of MutatingAdmissionPolicies make: `JSONPatch{op: ...}`, and `Object{spec: Object.spec{...}}`.
 * https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
 */
import { type Library, overload } from '../declarations.js';
import type { StructDeclaration } from '../environment.js';
import { equalValues, type OwnEquality } from '../equality.js';
import { dynType, stringType, structType, type Type } from '../types.js';
import { CelError, CelMap, List, type Result, type Value } from '../values.js';

export const jsonPatchType = structType('JSONPatch');
export const objectType = structType('Object');

/** A struct that an expression made: its fields, under the name of its type. */
export class StructValue extends CelMap implements OwnEquality {
  readonly struct: Type;
  readonly fields: ReadonlyMap<string, Value>;

  constructor(struct: Type, fields: ReadonlyMap<string, Value>) {
    super();
    this.struct = struct;
    this.fields = fields;
  }

  override get size(): number {
    return this.fields.size;
  }

  override find(key: Value): Result | undefined {
    return typeof key === 'string' ? this.fields.get(key) : undefined;
  }

  override keys(): Iterable<Value> {
    return this.fields.keys();
  }

  override unset(field: Value): Value | undefined {
    if (this.struct !== jsonPatchType) return null;
    return textFields.has(field as string) ? '' : undefined;
  }

  equals(other: Value): boolean {
    if (!(other instanceof StructValue) || other.struct.name !== this.struct.name) return false;
    if (other.fields.size !== this.fields.size) return false;
    return [...this.fields].every(([name, value]) => {
      const theirs = other.fields.get(name);
      return theirs !== undefined && equalValues(value, theirs) === true;
    });
  }
}

const textFields = new Set(['op', 'path', 'from']);

const jsonPatch: StructDeclaration = {
  type: jsonPatchType,
  fieldType: (field) => (textFields.has(field) ? stringType : field === 'value' ? dynType : undefined),
  create(fields) {
    const set = new Map<string, Value>();
    for (const [name, value] of fields) {
      if (textFields.has(name) && typeof value !== 'string')
        return new CelError(`unexpected type for JSONPatchType '${name}' field`);
      // A text without characters is as good as none.
      if (!textFields.has(name) || value !== '') set.set(name, value);
    }
    return new StructValue(jsonPatchType, set);
  },
};

/** `Object`, `Object.spec` and whatever else begins like that has any fields. */
export function findPatchStruct(name: string): StructDeclaration | undefined {
  if (name === jsonPatchType.name) return jsonPatch;
  if (name !== objectType.name && !name.startsWith(`${objectType.name}.`)) return undefined;
  const type = structType(name);
  return { type, fieldType: () => dynType, create: (fields) => new StructValue(type, fields) };
}

/** What is wrong with the names of types: `Object.spec{}` may stand in the field `spec` of an `Object{}` alone. */
export function typeNameProblems(value: Value, path: readonly string[] = [objectType.name]): string[] {
  if (value instanceof StructValue) {
    const expected = path.join('.');
    const { name } = value.struct;
    const rule = `expected "${expected}", which matches field name path from root Object type`;
    const own = name === expected ? [] : [`unexpected type name "${name}", ${rule}`];
    return [...own, ...[...value.fields].flatMap(([field, inner]) => typeNameProblems(inner, [...path, field]))];
  }
  const parts =
    value instanceof List
      ? [...value]
      : value instanceof CelMap
        ? [...value.keys()].map((key) => value.find(key)!)
        : [];
  return parts.flatMap((part) => (part instanceof CelError ? [] : typeNameProblems(part, path)));
}

const escapes: Record<string, string> = { '/': '~1', '~': '~0' };

/** Keys within the path of a JSON patch. */
export const jsonPatchLibrary: Library = {
  functions: [
    {
      name: 'jsonpatch.escapeKey',
      overloads: [
        overload('string_jsonpatch_escapeKey_string', [stringType], stringType, (key) =>
          (key as string).replace(/[/~]/g, (character) => escapes[character]!),
        ),
      ],
    },
  ],
};
