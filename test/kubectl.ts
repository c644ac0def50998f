/** kubectl as a user runs it: told by words, with a kubeconfig of its own; what it said, and what it goes on to say. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { SystemClock } from '#base/clock.js';
import { findProgram } from '#cluster/machine/binaries.js';

const run = promisify(execFile);
const outputBytesMax = 64 * 1024 * 1024;
const clock = new SystemClock();
const versionedFolder = '/usr/lib/google-cloud-sdk/bin';

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CallOptions {
  input?: string;
  /** Default 60 s; then the program is killed and the code is -1. */
  timeoutMs?: number;
  env?: Record<string, string>;
  /** The kubectl to use; default the one on PATH. */
  kubectl?: string;
}

/** The usual one, and where Google's SDK is installed all that it brings. */
export function allKubectls(): string[] {
  const versions = ['1.27', '1.28', '1.29', '1.30', '1.31', '1.32', '1.33'];
  return [
    findProgram('kubectl')!,
    ...versions.flatMap((version) => findProgram(`kubectl.${version}`, versionedFolder) ?? []),
  ];
}

/** Installs what the tests need and the machine has not. Throws an Error that says how, where it may not. */
export async function provide(program: string, debianPackage: string): Promise<void> {
  if (findProgram(program)) return;
  const install = ['install', '--yes', '--no-install-recommends', debianPackage];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', install, { env }).catch(async () => {
      await run('apt-get', ['update'], { env });
      await run('apt-get', install, { env });
    });
  } catch (cause) {
    throw new Error(`the tests need ${program} on PATH, and apt-get could not install ${debianPackage}: install it`, {
      cause,
    });
  }
}

export class Kubectl {
  readonly kubeconfig: string;
  readonly #background = new Set<ChildProcess>();

  constructor(kubeconfig: string) {
    this.kubeconfig = kubeconfig;
  }

  /** What kubectl wrote. Throws with everything it said when its exit code is not 0. */
  async kubectl(args: string | readonly string[], options: CallOptions = {}): Promise<string> {
    const outcome = await this.try(args, options);
    if (outcome.code !== 0) {
      throw new Error(
        `kubectl ${[args].flat().join(' ')} ended with ${outcome.code}: ${outcome.stdout}${outcome.stderr}`,
      );
    }
    return outcome.stdout;
  }

  /** Words in a string are split at blanks. */
  try(
    args: string | readonly string[],
    { kubectl = findProgram('kubectl')!, ...options }: CallOptions = {},
  ): Promise<Outcome> {
    return this.call(kubectl, typeof args === 'string' ? args.split(' ') : args, options);
  }

  // biome-ignore lint/suspicious/noExplicitAny: objects of any kind, whose fields the tests check one by one
  async json(args: string): Promise<any> {
    return JSON.parse(await this.kubectl(`${args} -o json`));
  }

  async apply(...objects: object[]): Promise<void> {
    await this.kubectl('apply -f -', { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) });
  }

  /** kubectl left running; it is killed by `killAll` at the latest. */
  spawn(args: string, { kubectl = findProgram('kubectl')! }: { kubectl?: string } = {}): Background {
    const child = spawn(kubectl, args.split(' '), { env: this.#environment() });
    this.#background.add(child);
    child.once('exit', () => this.#background.delete(child));
    return new Background(child);
  }

  call(
    program: string,
    args: readonly string[],
    { input, timeoutMs = 60_000, env }: CallOptions = {},
  ): Promise<Outcome> {
    return new Promise((resolve) => {
      const options = { env: this.#environment(env), timeout: timeoutMs, maxBuffer: outputBytesMax };
      const child = execFile(program, [...args], options, (error, stdout, stderr) => {
        resolve({ code: error ? (typeof error.code === 'number' ? error.code : -1) : 0, stdout, stderr });
      });
      // A program that ends without reading its input is told apart by its exit code.
      child.stdin?.on('error', () => {});
      child.stdin?.end(input ?? '');
    });
  }

  killAll(): void {
    for (const child of this.#background) child.kill('SIGKILL');
  }

  #environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
    return { ...process.env, KUBECONFIG: this.kubeconfig, ...more };
  }
}

/** A running kubectl and what it has said so far. */
export class Background {
  readonly child: ChildProcess;
  output = '';

  constructor(child: ChildProcess) {
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        this.output = (this.output + text).slice(-1024 * 1024);
      });
    }
  }

  async says(text: string): Promise<void> {
    await eventually(`kubectl says ${text}`, async () => {
      if (!this.output.includes(text)) throw new Error(`it said: ${this.output}`);
    });
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await exited;
  }
}

/** Tries until it does not throw; throws the last failure after the time (default 30 s). */
export async function eventually<T>(
  what: string,
  attempt: () => Promise<T>,
  { timeoutMs = 30_000, everyMs = 200 } = {},
): Promise<T> {
  const deadlineMs = clock.monotonic() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (failure) {
      if (clock.monotonic() > deadlineMs)
        throw new Error(`waited ${timeoutMs / 1000} s in vain until ${what}`, { cause: failure });
    }
    await clock.sleep(everyMs);
  }
}
