/**
 * Bundles the command and the libraries `./client` and `./testing` into `dist/`, so that starting them reads a few files
 * instead of a thousand. With `--if-stale` it does nothing when no source is newer than the bundle; with `--types` it
 * also writes the libraries' type declarations, which takes some seconds.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const output = join(root, 'dist/t8s.js');

if (!process.argv.includes('--if-stale') || isStale()) {
  await import('./generate.js');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: { t8s: 'src/main.ts', client: 'src/client/index.ts', testing: 'src/testing/index.ts' },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    chunkNames: 'chunks/[name]-[hash]',
    // lmdb loads a native binary from its own folder.
    external: ['lmdb'],
    minifySyntax: true,
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    banner: {
      // CommonJS dependencies inside the bundle ask for Node's own modules by require.
      js: "import { createRequire as t8sRequire } from 'node:module'; const require = t8sRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  chmodSync(output, 0o755);
  if (process.argv.includes('--types')) declareTypes();
}

/** `#room/file.js` leads to sources, which the package does not hold: declarations name each other by relative paths. */
function declareTypes(): void {
  const folder = join(root, 'dist/types');
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'scripts/tsconfig.types.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const toRoot = relative(entry.parentPath, folder) || '.';
    const text = readFileSync(path, 'utf8').replaceAll(/(from |import\()(['"])#/g, `$1$2${toRoot}/`);
    writeFileSync(path, text);
  }
}

function isStale(): boolean {
  if (!existsSync(output)) return true;
  const builtAtMs = statSync(output).mtimeMs;
  const sources = ['src', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.gen.ts') && !entry.parentPath.endsWith('api/gen'))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  return [...sources, join(root, 'package.json'), join(root, 'package-lock.json')].some(
    (path) => statSync(path).mtimeMs > builtAtMs,
  );
}
