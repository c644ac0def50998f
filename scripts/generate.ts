/**
 * Writes the files that others import but nobody edits: types and the schema table from `src/api/schema/`, and the
 * index of each folder whose files are a list (resources, controllers, scheduler plugins). Run by `npm run generate`.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { AnyResource } from '#api/resource.js';
import type { TypeSchema } from '#apimachinery/schema.js';
import { type Descriptions, readDescriptions } from './descriptions.js';
import { parseSchemas, type SchemaPackage } from './schema-text.js';
import { renderTypes, typesFileOf } from './schema-types.js';

const root = join(dirname(new URL(import.meta.url).pathname), '..');
const source = (path: string) => join(root, 'src', path);

generateSchema();
generateIndex({ folder: 'api', defaultExport: /export default (defineResource|defineResources)\b/ });
await generateNames();
generateIndex({ folder: 'controllers', defaultExport: /export default defineController\b/ });
generateIndex({ folder: 'scheduler/plugins', defaultExport: /export default definePlugin\b/ });

function generateSchema(): void {
  const folder = source('api/schema');
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.schema'))
    .sort();
  const packages = parseSchemas(files.map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') })));
  for (const one of packages) {
    write(`api/gen/${typesFileOf(one.name)}.ts`, renderTypes(one));
  }
  write('api/gen/schema.ts', renderTable(packages));
  const descriptions = readDescriptions(packages);
  write('api/gen/descriptions.ts', renderDescriptions(descriptions));
  write('api/gen/field-texts.ts', renderFieldTexts(descriptions));
}

/** One JSON string a package, parsed when first asked for: a fraction of the cost of object literals at start-up. */
function renderTable(packages: SchemaPackage[]): string {
  const entries = packages.map((one) => {
    const types: Record<string, TypeSchema> = {};
    for (const type of one.types) types[type.name] = type;
    return `  ${JSON.stringify(one.name)}: ${JSON.stringify(JSON.stringify(types))},`;
  });
  const kinds = packages.flatMap((one) =>
    one.types.flatMap(({ kind, name }) =>
      kind ? [`  ${JSON.stringify(`${kind.group}/${kind.version}/${kind.kind}`)}: ${JSON.stringify(name)},`] : [],
    ),
  );
  return [
    '/** Package name to the JSON text of its types by name. */',
    `export const packages: Record<string, string> = {\n${entries.join('\n')}\n};`,
    '/** `group/version/kind` to type name. */',
    `export const kinds: Record<string, string> = {\n${kinds.join('\n')}\n};\n`,
  ].join('\n');
}

/** Big, and asked for by OpenAPI only, which imports it when somebody asks for OpenAPI. */
function renderDescriptions(descriptions: Descriptions): string {
  const text = JSON.stringify(JSON.stringify(descriptions));
  return `/** JSON text: type name to field name to description; '' is the type itself. */\nexport const descriptions = ${text};\n`;
}

/** The few that tables show, by the field as `fieldText` is asked for it. Throws an Error for a field without any. */
function renderFieldTexts(descriptions: Descriptions): string {
  const types = Object.entries(descriptions);
  const calls = walk(source('api')).flatMap((path) => [
    ...readFileSync(path, 'utf8').matchAll(/fieldText\(\s*'([^']+)\.(\w+)',?\s*\)/g),
  ]);
  const texts = calls.map(([, type, field]) => {
    const [, fields] = types.find(([name]) => name.endsWith(`.${type}`)) ?? [];
    // The models have two spaces for an empty line, and the values of enumerations, which tables leave out.
    const [whole = ''] = fields?.[field!]?.split('\n\nPossible enum values:') ?? [];
    const text = whole.replaceAll('  ', '\n\n');
    if (!text) throw new Error(`${type}.${field} has no description`);
    return [`${type}.${field}`, text];
  });
  const lines = texts.sort().map(([field, text]) => `  ${JSON.stringify(field)}: ${JSON.stringify(text)},`);
  return `export const fieldTexts: Record<string, string> = {\n${[...new Set(lines)].join('\n')}\n};\n`;
}

/** Exports each stored resource by its plural, the name that a person knows it by; an alias of another has none. */
async function generateNames(): Promise<void> {
  const lines: string[] = [];
  for (const path of walk(source('api')).filter((one) => /^(?!.*\.(test|gen)\.ts$).*\.ts$/.test(one))) {
    if (!/export default defineResource\b/.test(readFileSync(path, 'utf8'))) continue;
    const { plural, storedAs } = ((await import(path)) as { default: AnyResource }).default;
    const from = relative(source('api'), path).replace(/\.ts$/, '.js');
    if (!storedAs) lines.push(`export { default as ${plural} } from './${from}';`);
  }
  write('api/names.gen.ts', `${lines.sort().join('\n')}\n`);
}

/** Lists the files below a folder whose default export says they belong to the list. */
function generateIndex({ folder, defaultExport }: { folder: string; defaultExport: RegExp }): void {
  const found = walk(source(folder))
    .filter(
      (path) =>
        path.endsWith('.ts') && !/\.(test|gen)\.ts$/.test(path) && defaultExport.test(readFileSync(path, 'utf8')),
    )
    .map((path) => relative(source(folder), path).replace(/\.ts$/, '.js'))
    .sort();
  const imports = found.map((path, index) => `import m${index} from './${path}';`);
  const list = found.map((_, index) => `m${index}`).join(', ');
  write(`${folder}/index.gen.ts`, `${imports.join('\n')}\n\nexport default [${list}].flat();\n`);
}

function walk(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function write(path: string, text: string): void {
  const target = source(path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, `// Generated by scripts/generate.ts; do not edit.\n${text}`);
}
