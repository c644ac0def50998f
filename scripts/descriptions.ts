/**
 * Reads the description of every type and field from the models of `@kubernetes/client-node`, which carry upstream's
 * own texts. Only files of models are read: the package's root does not load on Node 20.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { SchemaPackage } from './schema-text.js';

/** Type name to field name to text; '' is the type itself. */
export type Descriptions = Record<string, Record<string, string>>;

/** Throws an Error when the models are not installed. */
export function readDescriptions(packages: readonly SchemaPackage[]): Descriptions {
  const folder = modelsFolder();
  const out: Descriptions = {};
  for (const type of packages.flatMap(({ types }) => types)) {
    const path = candidates(type.name)
      .map((name) => join(folder, name))
      .find((one) => existsSync(`${one}.d.ts`));
    if (path) out[type.name] = readModel(path);
  }
  return out;
}

function modelsFolder(): string {
  const { resolve } = createRequire(import.meta.url);
  let folder = dirname(resolve('@kubernetes/client-node'));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  const models = join(folder, 'dist/gen/models');
  if (!existsSync(models)) throw new Error(`${models} does not exist: run npm ci with development dependencies`);
  return models;
}

/** `io.k8s.api.core.v1.Event` is CoreV1Event where the plain V1Event would be ambiguous. */
function candidates(typeName: string): string[] {
  const [group, version, name] = typeName.split('.').slice(-3).map(capitalize) as [string, string, string];
  return [`${group}${version}${name}`, `${version}${name}`];
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function readModel(path: string): Record<string, string> {
  const baseNames = new Map<string, string>();
  for (const [, name, baseName] of readFileSync(`${path}.js`, 'utf8').matchAll(
    /"name": "([^"]+)",\s+"baseName": "([^"]+)"/g,
  )) {
    baseNames.set(name!, baseName!);
  }
  const out: Record<string, string> = {};
  const comments = /\/\*\*\n((?:\s*\*(?!\/).*\n)+)\s*\*\/\n\s*(?:export declare class \w+|'([^']+)'\??:)/g;
  for (const [, comment, field] of readFileSync(`${path}.d.ts`, 'utf8').matchAll(comments)) {
    out[field === undefined ? '' : (baseNames.get(field) ?? field)] = textOf(comment!);
  }
  return out;
}

function textOf(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .trim()
    .replace(/\\(['"\\])/g, '$1');
}
