/** The house rules that a machine can check: layers, cycles, dead files, file length, banned calls, true paths. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { banned, layers } from './layers.js';

const root = join(import.meta.dirname, '..');
const linesMax = 400;

interface SourceFile {
  /** From the repository's root. */
  path: string;
  text: string;
  imports: { specifier: string; target: string }[];
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const imports: SourceFile['imports'] = [];
  for (const [, specifier] of text.matchAll(/(?:\bfrom |\bimport\(|^import )'([#.][^'$]+)'/gm)) {
    const target = specifier!.startsWith('#')
      ? join('src', specifier!.slice(1))
      : normalize(join(dirname(path), specifier!));
    imports.push({ specifier: specifier!, target: target.replace(/\.js$/, '.ts') });
  }
  return { path, text, imports };
}

const all = ['src', 'test', 'bench', 'scripts']
  .flatMap((folder) => (existsSync(join(root, folder)) ? filesBelow(folder) : []))
  .filter((path) => path.endsWith('.ts'))
  .map(readSource);
const handWritten = all.filter(({ path }) => !path.endsWith('.gen.ts') && !path.startsWith('src/api/gen/'));
/** What only tests use says so by its name: `x.test.ts`, and `test-x.ts` for what several tests share. */
const isOfTests = (path: string) => !path.startsWith('src/') || /(\.test|\/test-[^/]+)\.ts$/.test(path);
const product = handWritten.filter(({ path }) => !isOfTests(path));

/** `src/apiserver/registry/store.ts` -> `apiserver/registry`: the longest name in the table wins. */
function roomOf(path: string): string {
  const parts = path.replace(/^src\//, '').split('/');
  const inner = parts.slice(0, 2).join('/');
  if (inner in layers) return inner;
  return parts.length === 1 ? parts[0]!.replace(/\.ts$/, '') : parts[0]!;
}

/** A room and its inner rooms are one house: only what leaves the outer room is a crossing. */
function houseOf(path: string): string {
  return roomOf(path).split('/')[0]!;
}

test('the rules have something to check', () => {
  expect(product.length).toBeGreaterThan(20);
  expect(product.flatMap(({ imports }) => imports).length).toBeGreaterThan(20);
});

test('each room imports only the rooms that the layer table allows', () => {
  const wrong = product.flatMap(({ path, imports }) => {
    const room = roomOf(path);
    const allowed = layers[room];
    if (!allowed) return [`${path}: room ${room} is not in test/layers.ts`];
    return imports
      .filter(({ target }) => houseOf(target) !== houseOf(path) && !allowed.includes(houseOf(target)))
      .map(({ specifier }) => `${path} imports ${specifier}; ${room} may import ${allowed.join(', ') || 'nothing'}`);
  });
  expect(wrong).toEqual([]);
});

test('an import that leaves its room says so with #room/, and one that stays is relative (but for generated types)', () => {
  const wrong = product.flatMap(({ path, imports }) =>
    imports
      .filter(({ specifier, target }) => {
        const crosses = houseOf(target) !== houseOf(path);
        return specifier.startsWith('#') !== crosses && !target.startsWith('src/api/gen/');
      })
      .map(({ specifier }) => `${path} imports ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test('the product does without what only its tests use', () => {
  const wrong = product.flatMap(({ path, imports }) =>
    imports
      .filter(({ target }) => isOfTests(target))
      .map(({ specifier }) => `${path} imports ${specifier}, which by its name is of tests`),
  );
  expect(wrong).toEqual([]);
});

test('every import of a file leads to one', () => {
  const known = new Set(all.map(({ path }) => path));
  const wrong = handWritten.flatMap(({ path, imports }) =>
    imports.filter(({ target }) => !known.has(target)).map(({ specifier }) => `${path} imports ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test('files do not import each other in circles', () => {
  const graph = new Map(all.map(({ path, imports }) => [path, imports.map(({ target }) => target)]));
  const state = new Map<string, 'open' | 'done'>();
  const circles: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    state.set(path, 'open');
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    state.set(path, 'done');
  };
  for (const { path } of product) visit(path, []);
  expect(circles).toEqual([]);
});

test('every product file is reached from an entry point', () => {
  const byPath = new Map(all.map((file) => [file.path, file]));
  const reached = new Set<string>();
  const queue = ['src/launch.ts', 'src/main.ts', 'src/testing/index.ts', 'src/client/index.ts'].filter((path) =>
    byPath.has(path),
  );
  for (let path = queue.pop(); path; path = queue.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    queue.push(...(byPath.get(path)?.imports ?? []).map(({ target }) => target));
  }
  expect(product.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual([]);
});

test(`no file is over ${linesMax} lines; an outgrown file becomes a folder of its name`, () => {
  const lengths = handWritten.map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }));
  expect(lengths.filter(({ lines }) => lines > linesMax)).toEqual([]);
});

test('time and chance come from base', () => {
  const wrong = product
    .filter(({ path }) => roomOf(path) !== 'base')
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) => {
        if (/^\s*(\*|\/\/|\/\*)/.test(line)) return [];
        return banned
          .filter(({ pattern }) => pattern.test(line))
          .map(({ pattern, instead }) => `${path}:${index + 1}: ${pattern.source}: use ${instead}`);
      }),
    );
  expect(wrong).toEqual([]);
});

test('every file opens with a sentence on its job', () => {
  const silent = [...product, ...handWritten.filter(({ path }) => !path.startsWith('src/'))].filter(
    ({ text }) => !/^(#!.*\n)?\/\*\*? ?/.test(text),
  );
  expect(silent.map(({ path }) => path)).toEqual([]);
});

test('every path that ARCHITECTURE.md names exists', () => {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const named = [...text.matchAll(/`((?:src|test|bench|scripts|docs|\.ci)\/[\w./-]*)`/g)].map(([, path]) => path!);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});
