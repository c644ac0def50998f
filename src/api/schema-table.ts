/** The schema of every built-in type, parsed package by package when a type of it is first asked for. */
import type { SchemaTable, TypeSchema } from '#apimachinery/schema.js';
import { kinds, packages } from './gen/schema.js';

const parsed = new Map<string, Record<string, TypeSchema>>();

function typesOf(packageName: string): Record<string, TypeSchema> {
  let types = parsed.get(packageName);
  if (!types) {
    const text = Object.hasOwn(packages, packageName) ? packages[packageName] : undefined;
    types = text === undefined ? {} : (JSON.parse(text) as Record<string, TypeSchema>);
    if (text !== undefined) parsed.set(packageName, types);
  }
  return types;
}

/** Asked for several times a request. */
const byKind = new Map<string, TypeSchema>();

export const builtinSchemas: SchemaTable = {
  type(name) {
    const types = typesOf(name.slice(0, Math.max(name.lastIndexOf('.'), 0)));
    return Object.hasOwn(types, name) ? types[name] : undefined;
  },

  kind({ group, version, kind }) {
    const key = `${group}/${version}/${kind}`;
    let type = byKind.get(key);
    if (!type && Object.hasOwn(kinds, key)) {
      type = this.type(kinds[key]!);
      if (type) byKind.set(key, type);
    }
    return type;
  },

  *names() {
    for (const name in packages) yield* Object.keys(typesOf(name));
  },
};
