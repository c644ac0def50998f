/**
 * Bundles the command into `dist/`, so that starting it reads a few files instead of a thousand. With `--if-stale` it
 * does nothing when no source is newer than the bundle.
 */
import { chmodSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const output = join(root, 'dist/t8s.js');

if (!process.argv.includes('--if-stale') || isStale()) {
  await import('./generate.js');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: { t8s: 'src/main.ts' },
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
    keepNames: true,
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
