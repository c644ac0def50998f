#!/usr/bin/env node
/**
 * Runs the bundled command, `t8s.cjs`, with what V8 made of it last time: compiling two megabytes was a quarter of the
 * processor time of a start. `scripts/build.ts` makes that file; a process that finds none which fits its Node makes it
 * when it ends. Node 22 has `module.enableCompileCache` for this, Node 20 does not.
 */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, Script } from 'node:vm';

const filename = fileURLToPath(new URL('./t8s.cjs', import.meta.url));
// V8 tells bundles apart by their length alone, so the time at which this one was made is part of the name.
const madeAt = Math.round(statSync(filename).mtimeMs);
const codeFile = `${filename}.${madeAt}.${process.version}.${process.arch}.code`;

// The bundle is ASCII, which is read as it is.
const source = `(function (require, __filename) {${readFileSync(filename, 'latin1')}\n})`;
const script = new Script(source, {
  filename,
  cachedData: readCode(),
  importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
if (script.cachedDataRejected !== false) process.once('exit', writeCode);
script.runInThisContext()(createRequire(import.meta.url), filename, dirname(filename));

function readCode(): Buffer | undefined {
  try {
    return readFileSync(codeFile);
  } catch {
    // None has been made, or none that we may read: the command runs without, only slower.
    return undefined;
  }
}

/** A package that belongs to somebody else cannot be written to; then each start compiles. */
function writeCode(): void {
  const draft = `${codeFile}.${process.pid}`;
  try {
    writeFileSync(draft, script.createCachedData());
    renameSync(draft, codeFile);
  } catch {
    // As above.
  }
}
