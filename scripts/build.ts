/**
 * Bundles the command and the libraries `./client` and `./testing` into `dist/`, so that starting them reads a few files
 * instead of a thousand, and keeps what V8 makes of the command (`src/launch.ts`). With `--if-stale` it does nothing when no source is newer than the bundle; with `--types` it
 * also writes the libraries' type declarations, which takes some seconds.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { type BuildOptions, build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const output = join(root, 'dist/t8s.js');
const warmUpTimeoutMs = 30_000;

if (!process.argv.includes('--if-stale') || isStale()) {
  await import('./generate.js');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const options: BuildOptions = {
    absWorkingDir: root,
    outdir: 'dist',
    bundle: true,
    platform: 'node',
    target: 'node20',
    // lmdb loads a native binary from its own folder.
    external: ['lmdb'],
    minifySyntax: true,
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'warning',
  };
  await build({
    ...options,
    entryPoints: { t8s: 'src/launch.ts', client: 'src/client/index.ts', testing: 'src/testing/index.ts' },
    splitting: true,
    format: 'esm',
    chunkNames: 'chunks/[name]-[hash]',
    banner: {
      // CommonJS dependencies inside the bundle ask for Node's own modules by require.
      js: "import { createRequire as t8sRequire } from 'node:module'; const require = t8sRequire(import.meta.url);",
    },
  });
  await build({
    ...options,
    entryPoints: { t8s: 'src/main.ts' },
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    define: { 'import.meta.url': 't8sUrl' },
    banner: { js: "const t8sUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  chmodSync(output, 0o755);
  if (!process.argv.includes('--types')) await keepCode();
  if (process.argv.includes('--types')) declareTypes();
}

/**
 * Starts a simulated cluster once, for a second: what V8 has compiled by its end is what a start needs. A start that
 * fails costs speed only, so it is told and no more.
 */
async function keepCode(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 't8s-build-'));
  const words = ['up', '--runtime', 'simulated', '--data-dir', dataDir, '--port', '0', '--no-kubeconfig'];
  const child = spawn(process.execPath, [output, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const listen = (text: Buffer) => {
    said += text;
    if (said.includes('Ready in')) child.kill('SIGTERM');
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const late = setTimeout(() => child.kill('SIGKILL'), warmUpTimeoutMs);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(late);
  rmSync(dataDir, { recursive: true, force: true });
  if (code !== 0)
    process.stderr.write(`the first start of the built command failed, so starts will be slower:\n${said}`);
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
