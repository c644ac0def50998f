/** Renders the TypeScript interfaces of one schema package. */
import { type FieldSchema, isScalar, type TypeSchema } from '#apimachinery/schema.js';
import type { SchemaPackage } from './schema-text.js';

/** `io.k8s.api.core.v1` is in `core-v1.ts`. */
export function typesFileOf(packageName: string): string {
  return packageName.split('.').slice(-2).join('-');
}

const codecTypes: Record<string, string> = {
  time: 'string',
  microTime: 'string',
  duration: 'string',
  quantity: 'string',
  intOrString: 'number | string',
  raw: 'any',
  rawJSON: 'any',
  items: 'string[]',
  schemaOrArray: 'JSONSchemaProps | JSONSchemaProps[]',
  schemaOrBool: 'JSONSchemaProps | boolean',
  schemaOrStringArray: 'JSONSchemaProps | string[]',
};

export function renderTypes(schema: SchemaPackage): string {
  const byName = new Map(schema.types.map((type) => [type.name, type]));
  const imports = new Map<string, string>();
  const nameOf = (type: string) => {
    const dot = type.lastIndexOf('.');
    const owner = type.slice(0, dot);
    const name = type.slice(dot + 1);
    if (owner === schema.name) return name;
    const alias = typesFileOf(owner).replace(/-(\w)/, (_, letter: string) => letter.toUpperCase());
    imports.set(alias, typesFileOf(owner));
    return `${alias}.${name}`;
  };
  const body = schema.types.map((type) => renderType(type, { byName, nameOf })).join('\n');
  const header = [...imports].map(([alias, file]) => `import type * as ${alias} from './${file}.js';`);
  return `${header.join('\n')}\n\n${body}`;
}

interface Scope {
  byName: Map<string, TypeSchema>;
  nameOf: (type: string) => string;
}

function renderType(type: TypeSchema, scope: Scope): string {
  const name = type.name.slice(type.name.lastIndexOf('.') + 1);
  if (type.codec) return `export type ${name} = ${codecTypes[type.codec]};\n`;
  const inlined = type.fields.filter((field) => field.inline).map((field) => scope.nameOf(field.type));
  const heritage = inlined.length > 0 ? ` extends ${inlined.join(', ')}` : '';
  const lines: string[] = [];
  if (type.kind) lines.push('  apiVersion: string;', '  kind: string;');
  else if (type.typeMeta) lines.push('  apiVersion?: string;', '  kind?: string;');
  for (const field of type.fields) {
    if (!field.inline) lines.push(`  ${renderField(field, { type, scope })}`);
  }
  return `export interface ${name}${heritage} {\n${lines.join('\n')}\n}\n`;
}

function renderField(field: FieldSchema, { type, scope }: { type: TypeSchema; scope: Scope }): string {
  const scalars: Record<string, string> = { bool: 'boolean', any: 'any', string: 'string', bytes: 'string' };
  const single = isScalar(field.type) ? (scalars[field.type] ?? 'number') : scope.nameOf(field.type);
  const shaped = {
    single,
    list: `${single.includes(' ') ? `(${single})` : single}[]`,
    map: `Record<string, ${single}>`,
    mapOfLists: `Record<string, ${single}[]>`,
  }[field.shape];
  // An object of a kind always has metadata, and its spec by the time anything of ours reads it.
  const always = type.kind && (field.name === 'metadata' || (field.name === 'spec' && !field.pointer));
  const optional = field.required || always ? '' : '?';
  const key = /^[\w$]+$/.test(field.name) ? field.name : JSON.stringify(field.name);
  return `${key}${optional}: ${shaped};`;
}
