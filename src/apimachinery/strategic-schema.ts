/** What the schema says of a field to strategic merge patch. */
import type { FieldSchema, SchemaTable, TypeSchema } from './schema.js';
import { isScalar } from './schema.js';

/** A type in use: by OpenAPI name (or a scalar), single, or the values of a list or map of it. */
export interface PatchType {
  table: SchemaTable;
  name: string;
  shape: FieldSchema['shape'];
}

export interface PatchField {
  type: PatchType;
  /** Without `retainKeys`, which only clients need: the patch carries it as a directive. */
  strategy: '' | 'merge' | 'replace';
  /** '' when there is none. */
  mergeKey: string;
  /** Go's name for the kind of its type, for messages. */
  goKind: 'struct' | 'map' | 'string';
}

/** The field `name` of a value of this type. Throws what `fail` makes of a message when there is none. */
export function lookUp(type: PatchType, name: string, fail: (message: string) => Error): PatchField {
  const { table } = type;
  if (type.shape === 'map' || type.shape === 'mapOfLists') {
    const element: PatchType = { ...type, shape: type.shape === 'map' ? 'single' : 'list' };
    return { type: element, strategy: '', mergeKey: '', goKind: goKindOf(type) };
  }
  const schema = isScalar(type.name) ? undefined : table.type(type.name);
  if (!schema) throw fail(`merging an object in json but data type is not struct, instead is: ${type.name}`);
  const field = findField(schema, name, table);
  if (!field) {
    const goName = schema.name.slice(schema.name.lastIndexOf('.') + 1);
    throw fail(`unable to find api field in struct ${goName} for the json field ${JSON.stringify(name)}`);
  }
  const [strategy] = (field.patchStrategy ?? '').split(',').filter((one) => one !== '' && one !== 'retainKeys');
  const fieldType: PatchType = { table, name: field.type, shape: field.shape };
  return {
    type: fieldType,
    strategy: strategy === 'merge' || strategy === 'replace' ? strategy : '',
    mergeKey: field.patchMergeKey ?? '',
    goKind: goKindOf(fieldType),
  };
}

/** A field by its JSON name; those of inline fields stand in the parent. */
export function findField(schema: TypeSchema, name: string, table: SchemaTable): FieldSchema | undefined {
  for (const field of schema.fields) {
    if (!field.inline) {
      if (field.name === name) return field;
      continue;
    }
    const inner = table.type(field.type);
    const found = inner && findField(inner, name, table);
    if (found) return found;
  }
  return undefined;
}

function goKindOf({ name, shape }: PatchType): PatchField['goKind'] {
  if (shape === 'map' || shape === 'mapOfLists') return 'map';
  return isScalar(name) ? 'string' : 'struct';
}
