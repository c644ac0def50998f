/**
 * Reads the description of every type and field from installed models that carry upstream's own texts: those of
 * `kubernetes-models`, and for what these lack, such as kinds and lists, those of `@kubernetes/client-node`, which say
 * nothing of fields that refer to other types, nor what the values of enumerations mean, and know no paragraphs. Only
 * declarations are read: the packages' roots do not load on Node 20.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { SchemaPackage } from './schema-text.js';

/** Type name to field name to text; '' is the type itself. */
export type Descriptions = Record<string, Record<string, string>>;

/** Throws an Error when the models are not installed. */
export function readDescriptions(packages: readonly SchemaPackage[]): Descriptions {
  const client = packageFolder('@kubernetes/client-node', 'dist/gen/models');
  const folders = modelFolders();
  const out: Descriptions = {};
  const ofOptions = readOptions(packageFolder('@kubernetes/client-node', 'dist/gen/apis'));
  for (const type of packages.flatMap(({ types }) => types)) {
    const ofClient = clientNames(type.name).map((name) => join(client, name));
    const found = ofClient.find((path) => existsSync(`${path}.d.ts`));
    const described = {
      ...ofOptions[type.name],
      ...(found && readClientModel(found)),
      ...readModel(modelPath(folders, type.name)),
    };
    if (Object.keys(described).length > 0) out[type.name] = described;
  }
  // The models say of a field that has no text of its own what its type says.
  for (const { name, fields } of packages.flatMap(({ types }) => types)) {
    const texts = out[name];
    for (const field of fields) if (texts?.[field.name] === out[field.type]?.['']) delete texts?.[field.name];
  }
  return out;
}

type Texts = Record<string, string>;

/** Options are no models: their fields are the parameters of operations, of which these stand for all. */
const operationsByOptions: Record<string, string> = {
  'io.k8s.api.core.v1.NodeProxyOptions': 'connectGetNodeProxy',
  'io.k8s.api.core.v1.PodAttachOptions': 'connectGetNamespacedPodAttach',
  'io.k8s.api.core.v1.PodExecOptions': 'connectGetNamespacedPodExec',
  'io.k8s.api.core.v1.PodLogOptions': 'readNamespacedPodLog',
  'io.k8s.api.core.v1.PodPortForwardOptions': 'connectGetNamespacedPodPortforward',
  'io.k8s.api.core.v1.PodProxyOptions': 'connectGetNamespacedPodProxy',
  'io.k8s.api.core.v1.ServiceProxyOptions': 'connectGetNamespacedServiceProxy',
  'io.k8s.apimachinery.pkg.apis.meta.v1.CreateOptions': 'createNamespace',
  'io.k8s.apimachinery.pkg.apis.meta.v1.GetOptions': 'listNamespace',
  'io.k8s.apimachinery.pkg.apis.meta.v1.ListOptions': 'listNamespace',
  'io.k8s.apimachinery.pkg.apis.meta.v1.PatchOptions': 'patchNamespace',
  'io.k8s.apimachinery.pkg.apis.meta.v1.UpdateOptions': 'replaceNamespace',
};

function readOptions(folder: string): Record<string, Texts> {
  const declarations = readFileSync(join(folder, 'CoreV1Api.d.ts'), 'utf8');
  return Object.fromEntries(
    Object.entries(operationsByOptions).map(([type, operation]) => {
      const end = declarations.indexOf(` ${operation}(`);
      const comment = declarations.slice(declarations.lastIndexOf('/**', end), end);
      const texts = [...comment.matchAll(/@param _?(\w+) (.*)/g)].map(([, name, text]) => [
        name!,
        textOfParameter(text!, type),
      ]);
      if (texts.length === 0) throw new Error(`${operation} has no parameters that are described`);
      return [type, Object.fromEntries(texts)];
    }),
  );
}

/** The client's generator escapes as for HTML, and has spaces for line ends: of these, those of options of `meta` tell. */
function textOfParameter(text: string, type: string): string {
  const plain = text
    .replace(/\\?&#(x?)([0-9A-Fa-f]+);/g, (_, hex, code) => String.fromCodePoint(Number.parseInt(code, hex ? 16 : 10)))
    .replace(/\\?&quot;/g, '"')
    .replace(/\\?&(lt|gt);/g, (_, name) => (name === 'lt' ? '<' : '>'))
    .replace(/\\?&amp;/g, '&');
  if (!type.includes('.meta.')) return plain;
  return plain
    .replace(/(?<=[.:)]) {2}(?=[A-Z`])/g, '\n\n')
    .replace(/(?<=\.) (?=- `)/g, '\n')
    .replace(/(?<=\S) {2}(?=hex)/g, '\n\n')
    .replace(/(?<=\S) {3,5}(?=\S)/g, ({ length }) =>
      length % 2 === 1 ? `\n${' '.repeat(length - 1)}` : `\n\n${' '.repeat(length - 2)}`,
    );
}

function packageFolder(name: string, inside: string): string {
  const { resolve } = createRequire(import.meta.url);
  let folder = dirname(resolve(`${name}/package.json`));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  const models = join(folder, inside);
  if (!existsSync(models)) throw new Error(`${models} does not exist: run npm ci with development dependencies`);
  return models;
}

/** `io.k8s.api.core.v1.Event` is CoreV1Event where the plain V1Event would be ambiguous. */
function clientNames(typeName: string): string[] {
  const { group, version, name } = partsOf(typeName);
  const plain = `${capitalize(version)}${name}`;
  return [`${capitalize(group)}${plain}`, plain];
}

function partsOf(typeName: string): { group: string; version: string; name: string } {
  const [group, version, name] = typeName.split('.').slice(-3) as [string, string, string];
  return { group, version, name };
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function readClientModel(path: string): Texts {
  const baseNames = new Map<string, string>();
  const javascript = readFileSync(`${path}.js`, 'utf8');
  for (const [, name, baseName] of javascript.matchAll(/"name": "([^"]+)",\s+"baseName": "([^"]+)"/g)) {
    baseNames.set(name!, baseName!);
  }
  const described = readModel(`${path}.d.ts`, /\\(['"\\/*])/g);
  return Object.fromEntries(Object.entries(described).map(([field, text]) => [baseNames.get(field) ?? field, text]));
}

/** By group as types are named: `rbac` to `rbac.authorization.k8s.io`; core has no folder of its own. */
function modelFolders(): ReadonlyMap<string, string> {
  const root = packageFolder('kubernetes-models', '.');
  const groups = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return new Map([
    ...groups.map(({ name }) => [name.split('.')[0]!, join(root, name)] as const),
    ['core', root],
    ...Object.entries({ api: 'api', meta: 'apis/meta', pkg: '.', util: 'util' }).map(
      ([group, folder]) => [group, packageFolder('@kubernetes-models/apimachinery', folder)] as const,
    ),
  ]);
}

function modelPath(folders: ReadonlyMap<string, string>, typeName: string): string {
  const { group, version, name } = partsOf(typeName);
  return join(folders.get(group) ?? '', version, `${name}.d.ts`);
}

const comments =
  /\/\*\*\n((?:\s*\*(?!\/).*\n)+)\s*\*\/\n\s*(?:export (?:declare class|interface|type) \w+|["']([^"']+)["']\??:)/g;

/** `escaped` is what the declarations have a backslash before. */
function readModel(path: string, escaped = /\\([/*])/g): Texts {
  const out: Texts = {};
  if (!existsSync(path)) return out;
  for (const [, comment, field = ''] of readFileSync(path, 'utf8').matchAll(comments))
    out[field] ??= textOf(comment!, escaped);
  return out;
}

function textOf(comment: string, escaped: RegExp): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .filter((line) => line !== '@deprecated')
    .join('\n')
    .trim()
    .replace(escaped, '$1');
}
