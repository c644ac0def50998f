/** `docs/conformance.md`: every official name with what came of it, written from a run and read back to be held against one. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { officialNames, publishedAt, release } from './official.js';

export type Result = 'pass' | 'fail';

/** By name. What is not in it is not yet tried. */
export type Results = ReadonlyMap<string, Result>;

const root = join(import.meta.dirname, '../..');
export const pagePath = join(root, 'docs/conformance.md');

export function renderPage(results: Results, labels: ReadonlyMap<string, string>): string {
  const count = (names: readonly string[], result: Result | undefined) =>
    names.filter((name) => results.get(name) === result).length;
  const totals = (title: string, names: readonly string[]) =>
    `| ${title} | ${names.length} | ${count(names, 'pass')} | ${count(names, 'fail')} | ${count(names, undefined)} |`;
  const groups = [...officialNames];
  return [
    '# Conformance',
    '',
    `The [official conformance tests](${publishedAt}) of Kubernetes ${release} by name, and what came of each. Behind a`,
    'name that passes or fails stands a test of our own that does what the name says, over HTTPS, on a whole cluster; the',
    'official suite is another program and proves more. *Not yet*: that test is not written. We serve the API of 1.36, so',
    'what came later stays *not yet*. `npm run conformance` writes this page.',
    '',
    '| group | names | pass | fail | not yet |',
    '|---|---:|---:|---:|---:|',
    ...groups.map(([sig, names]) => totals(sig, names)),
    totals(
      '**all**',
      groups.flatMap(([, names]) => names),
    ),
    ...groups.flatMap(([sig, names]) => [
      '',
      `## ${sig}`,
      '',
      '| result | name | test |',
      '|---|---|---|',
      ...names.map((name) => rowOf(name, { result: results.get(name), file: labels.get(name) })),
    ]),
    '',
  ].join('\n');
}

function rowOf(name: string, { result, file }: { result: Result | undefined; file: string | undefined }): string {
  const link = result && file ? `[${file.split('/').at(-1)!.replace('.test.ts', '')}](../${file})` : '';
  return `| ${result ?? 'not yet'} | ${escapeText(name)} | ${link} |`;
}

const special = /[*`\\]/g;

function escapeText(name: string): string {
  return name.replaceAll(special, '\\$&');
}

/** The results that the page tells; none when there is no page. */
export function readPage(): Map<string, Result> {
  const results = new Map<string, Result>();
  if (!existsSync(pagePath)) return results;
  for (const [, result, name] of readFileSync(pagePath, 'utf8').matchAll(/^\| (pass|fail) \| (\[.*?) \| /gm))
    results.set(plainText(name!), result as Result);
  return results;
}

function plainText(escaped: string): string {
  return escaped.replaceAll(/\\([*`\\])/g, '$1');
}

/**
 * Each official name that a test of the tree carries, and the file it is in. Names that a table of cases composes cannot
 * be read: for those the page is believed, as long as the file that it names composes any.
 */
export function labelsInTree(): Map<string, string> {
  const labels = new Map<string, string>();
  const composing = new Set<string>();
  for (const entry of readdirSync(join(root, 'test/conformance'), { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.test.ts')) continue;
    const file = `test/conformance/${entry}`;
    const text = readFileSync(join(root, file), 'utf8');
    if (composedLabel.test(text)) composing.add(file);
    for (const [, , name] of text.matchAll(/\bconformance\(\s*(['"`])(\[sig-.*?)\1,/g)) {
      if (name!.includes('${')) continue;
      const known = labels.get(name!);
      if (known) throw new Error(`${name} is carried by ${known} and by ${file}`);
      labels.set(name!, file);
    }
  }
  for (const [name, file] of filesInPage()) if (composing.has(file) && !labels.has(name)) labels.set(name, file);
  return labels;
}

/** A call whose first argument is a name, or a template with something in it. */
const composedLabel = /\bconformance\(\s*([a-z]\w*,|`[^`]*\$\{)/;

/** By name, the file that the page leads to. */
function filesInPage(): Map<string, string> {
  if (!existsSync(pagePath)) return new Map();
  const rows = readFileSync(pagePath, 'utf8').matchAll(
    /^\| (?:pass|fail) \| (\[.*?) \| \[[^\]]*\]\(\.\.\/(.*?)\) \|$/gm,
  );
  return new Map([...rows].map(([, name, file]) => [plainText(name!), file!]));
}
