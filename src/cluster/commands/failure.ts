/** How a command fails: one clear line for what a person can mend, a stack for what is our bug. */
import { ConfigError } from '../config.js';
import { InUseError } from '../control.js';
import { SystemPackagesError } from '../machine/system-packages.js';

/** What the user can mend; the message is one line. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** Names of errors whose message is meant for people. By name: the classes live in rooms that not every command loads. */
const spoken = new Set([
  'StoreError',
  'PkiError',
  'KubeconfigError',
  'RuntimeError',
  'NetworkError',
  'ContainerdError',
  'ConfigurationError',
]);

const explained: Record<string, (error: NodeJS.ErrnoException) => string> = {
  EADDRINUSE: () => 'the port is in use: stop what uses it, or choose another with --port',
  EADDRNOTAVAIL: () => 'this machine does not have that address: choose another with --bind',
  EACCES: ({ path }) => `no permission for ${path ?? 'that port'}: run as root, or choose another --data-dir or --port`,
  EROFS: ({ path }) => `${path} is on a read-only file system: choose another --data-dir`,
  ENOSPC: ({ path }) => `no space left for ${path ?? 'data'}: free some, or choose another --data-dir`,
  ENOTDIR: ({ path }) => `${path} is not a folder: choose another --data-dir`,
};

/** The one line for an error that is not a bug; undefined for a bug. */
export function explain(error: unknown): string | undefined {
  if (
    error instanceof CommandError ||
    error instanceof ConfigError ||
    error instanceof InUseError ||
    error instanceof SystemPackagesError ||
    (error instanceof Error && spoken.has(error.name))
  ) {
    return error.message;
  }
  const code = (error as NodeJS.ErrnoException)?.code;
  return code && explained[code]?.(error as NodeJS.ErrnoException);
}

/** Prints the failure and gives the exit code. */
export function report(error: unknown, output: { write(text: string): unknown } = process.stderr): number {
  const line = explain(error);
  if (line !== undefined) output.write(`t8s: ${line}\n`);
  else output.write(`t8s: a bug in t8s, please report it:\n${(error as Error)?.stack ?? String(error)}\n`);
  return 1;
}
