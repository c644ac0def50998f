/** `t8s kubectl ...`: the kubectl on PATH, with the cluster's kubeconfig. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { resolveConfig } from '../config.js';
import { findProgram } from '../machine/binaries.js';
import { thisMachine } from '../machine/this-machine.js';
import { CommandError } from './failure.js';

export async function kubectl(words: string[]): Promise<void> {
  const { dataDir, rest } = takeDataDir(words);
  const config = resolveConfig({ flags: { dataDir }, env: process.env, ...thisMachine() });
  const kubeconfig = join(config.dataDir, 'kubeconfig');
  if (!existsSync(kubeconfig)) throw new CommandError(`no cluster in ${config.dataDir}: start one with \`t8s up\``);
  const program = findProgram('kubectl');
  if (!program) {
    throw new CommandError(
      'kubectl is not on PATH: get it with `apt-get install kubernetes-client` or from https://kubernetes.io/docs/tasks/tools/',
    );
  }
  const child = spawn(program, rest, { stdio: 'inherit', env: { ...process.env, KUBECONFIG: kubeconfig } });
  // Ctrl-C is for kubectl, which gets it from the terminal itself.
  process.on('SIGINT', () => {});
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** `--data-dir` before kubectl's own words is ours. */
function takeDataDir(words: string[]): { dataDir: string | undefined; rest: string[] } {
  const [first, second] = words;
  if (first === '--data-dir') return { dataDir: second, rest: words.slice(2) };
  if (first?.startsWith('--data-dir=')) return { dataDir: first.slice('--data-dir='.length), rest: words.slice(1) };
  return { dataDir: undefined, rest: words };
}
