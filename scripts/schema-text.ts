/**
 * Reads the text form of the API's types, `src/api/schema/*.schema`.
 *
 *     package io.k8s.api.core.v1
 *     enum Protocol = SCTP | TCP | UDP
 *     type Pod kind(core/v1/Pod)
 *       1 metadata?: meta.v1.ObjectMeta
 *       2 spec?: PodSpec
 *
 * A field line is: protobuf number (`-` for none), name, `?` when JSON omits the empty value, and a type: a scalar,
 * a type of this package, or another package's by its last two segments; `[T]` is a list, `{T}` a map with string
 * keys, a leading `*` a pointer. Words after it, such as `list(map:name)`, set the fields of `FieldSchema`.
 */
import type { FieldSchema, TypeSchema } from '#apimachinery/schema.js';

export interface SchemaPackage {
  name: string;
  types: TypeSchema[];
}

const scalars = new Set(['string', 'int32', 'int64', 'bool', 'double', 'bytes', 'any', 'int']);

/** Parses all files together, since a type may name another package's. Throws an Error with file and line. */
export function parseSchemas(files: { path: string; text: string }[]): SchemaPackage[] {
  const aliases = new Map<string, string>();
  const enums = new Map<string, string[]>();
  for (const { path, text } of files) {
    const name = /^package (\S+)$/m.exec(text)?.[1];
    if (!name) throw new Error(`${path}: no package line`);
    aliases.set(name.split('.').slice(-2).join('.'), name);
    for (const [, enumName, values] of text.matchAll(/^enum (\S+) =(.*)$/gm)) {
      enums.set(
        `${name}.${enumName}`,
        values!.split('|').map((value) => value.trim()),
      );
    }
  }
  return files.map(({ path, text }) => parsePackage({ path, text, aliases, enums }));
}

function parsePackage(source: {
  path: string;
  text: string;
  aliases: Map<string, string>;
  enums: Map<string, string[]>;
}): SchemaPackage {
  const out: SchemaPackage = { name: '', types: [] };
  const qualify = (name: string) => {
    if (!name.includes('.')) return `${out.name}.${name}`;
    const dot = name.lastIndexOf('.');
    const qualified = source.aliases.get(name.slice(0, dot));
    if (!qualified) throw new Error(`unknown package in ${name}`);
    return `${qualified}.${name.slice(dot + 1)}`;
  };
  source.text.split('\n').forEach((line, index) => {
    try {
      if (line.startsWith('package ')) out.name = line.slice(8).trim();
      else if (line.startsWith('type ')) out.types.push(parseType(line, out.name));
      else if (line.startsWith('  ')) {
        out.types.at(-1)!.fields.push(parseField(line, { qualify, enums: source.enums }));
      }
    } catch (cause) {
      throw new Error(`${source.path}:${index + 1}: ${(cause as Error).message}`, { cause });
    }
  });
  return out;
}

function parseType(line: string, packageName: string): TypeSchema {
  const words = splitWords(line.slice(5));
  const type: TypeSchema = { name: `${packageName}.${words.shift()}`, fields: [] };
  for (const { word, value } of words.map(parseWord)) {
    if (word === 'kind') {
      const [group, version, kind] = value.split('/') as [string, string, string];
      type.kind = { group: group === 'core' ? '' : group, version, kind };
      type.typeMeta = true;
    } else if (word === 'typemeta') type.typeMeta = true;
    else if (word === 'codec') type.codec = value as TypeSchema['codec'];
    else if (word === 'json') type.json = value as TypeSchema['json'];
    else if (word === 'format') type.format = value;
    else if (word === 'struct') type.structType = 'atomic';
    else if (word === 'noproto') type.noProtobuf = true;
    else if (word === 'union') type.unions = [...(type.unions ?? []), JSON.parse(value)];
    else if (word === 'check') type.checks = JSON.parse(value);
    else throw new Error(`unknown word ${word}`);
  }
  return type;
}

function parseField(
  line: string,
  scope: { qualify: (name: string) => string; enums: Map<string, string[]> },
): FieldSchema {
  const match = /^ {2}(-|\d+) ([^\s?:]*)(\?)?: (\*)?([[{]*)([\w.]+)[\]}]*(?: (.*))?$/.exec(line);
  if (!match) throw new Error('not a field');
  const [, number, name, optional, pointer, brackets, type, rest] = match;
  const shapes: Record<string, FieldSchema['shape']> = { '': 'single', '[': 'list', '{': 'map', '{[': 'mapOfLists' };
  const shape = shapes[brackets!];
  if (!shape) throw new Error(`unknown shape ${brackets}`);
  const scalar = scalars.has(type!) ? (type === 'int' ? 'int64' : type!) : undefined;
  const field: FieldSchema = { name: name!, shape, type: scalar ?? scope.qualify(type!) };
  if (number !== '-') field.number = Number(number);
  if (optional) field.omitEmpty = true;
  if (pointer) field.pointer = true;
  for (const { word, value } of splitWords(rest ?? '').map(parseWord)) setWord(field, { word, value, ...scope });
  return field;
}

function setWord(
  field: FieldSchema,
  given: { word: string; value: string; qualify: (name: string) => string; enums: Map<string, string[]> },
): void {
  const { word, value } = given;
  if (word === 'inline') field.inline = true;
  else if (word === 'required') field.required = true;
  else if (word === 'omitzero') field.omitZero = true;
  else if (word === 'nullable') field.nullable = true;
  else if (word === 'proto') field.protobufName = value;
  else if (word === 'format') field.format = value;
  else if (word === 'patch') field.patchStrategy = value;
  else if (word === 'key') field.patchMergeKey = value;
  else if (word === 'map') field.mapType = (value || 'atomic') as FieldSchema['mapType'];
  else if (word === 'struct') field.structType = value as FieldSchema['structType'];
  else if (word === 'gate') field.gates = value.split(',');
  else if (word === 'check') field.checks = JSON.parse(value);
  else if (word === 'default') field.default = JSON.parse(value);
  else if (word === 'wrapper') {
    // The shape mapOfLists says it already: protobuf's map value is a message {1: items}.
    if (field.shape === 'list') field.wrapped = true;
  } else if (word === 'enum') {
    field.enum = given.enums.get(given.qualify(value));
    if (!field.enum) throw new Error(`unknown enum ${value}`);
  } else if (word === 'list') {
    const [type, keys] = value.split(':') as [FieldSchema['listType'], string?];
    field.listType = type;
    if (keys) field.listMapKeys = keys.split(',');
  } else throw new Error(`unknown word ${word}`);
}

/** Splits at spaces outside parentheses (a `check(...)` may hold spaces and balanced parentheses in strings). */
function splitWords(text: string): string[] {
  const words: string[] = [];
  let depth = 0;
  let quoted = false;
  let word = '';
  for (let index = 0; index < text.length; index++) {
    const char = text[index]!;
    if (quoted && char === '\\') word += char + text[++index];
    else {
      if (char === '"') quoted = !quoted;
      if (!quoted && char === '(') depth++;
      if (!quoted && char === ')') depth--;
      if (char === ' ' && depth === 0 && !quoted) {
        if (word) words.push(word);
        word = '';
      } else word += char;
    }
  }
  if (word) words.push(word);
  return words;
}

function parseWord(word: string): { word: string; value: string } {
  const open = word.indexOf('(');
  return open < 0 ? { word, value: '' } : { word: word.slice(0, open), value: word.slice(open + 1, -1) };
}
