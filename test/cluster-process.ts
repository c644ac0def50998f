/** A cluster as a user runs it: the built command in a process of its own, on a data directory, port and ranges of its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { SystemClock } from '#base/clock.js';
import { Connection, type TlsAccess } from './connection.js';

const run = promisify(execFile);
const clock = new SystemClock();
const root = path.join(import.meta.dirname, '..');
const command = path.join(root, 'dist/t8s.js');

export interface ClusterProcessOptions {
  dataDir: string;
  port: number;
  runtime: 'containerd' | 'simulated';
  /** A /16 and a /16 that no other cluster of the machine uses. */
  podCidr: string;
  serviceCidr: string;
  /** Beside that of this process. */
  environment?: Record<string, string>;
}

/** Builds what is stale, so that what runs is what the sources say. */
export async function buildCommand(): Promise<void> {
  await run(process.execPath, ['--import', 'tsx', path.join(root, 'scripts/build.ts'), '--if-stale'], { cwd: root });
}

export class ClusterProcess {
  readonly options: ClusterProcessOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();

  constructor(options: ClusterProcessOptions) {
    this.options = options;
  }

  get pid(): number {
    if (!this.#child?.pid) throw new Error('the cluster does not run');
    return this.#child.pid;
  }

  /** Starts the command; does not wait. The time is the clock's monotonic one, taken right before exec. */
  start(): { startedMs: number } {
    const { dataDir, port, runtime, podCidr, serviceCidr } = this.options;
    const words = ['up', '--data-dir', dataDir, '--port', String(port), '--runtime', runtime, '--no-kubeconfig'];
    mkdirSync(path.dirname(this.outputFile), { recursive: true });
    const output = openSync(this.outputFile, 'w');
    const startedMs = clock.monotonic();
    const child = spawn(process.execPath, [command, ...words, '--pod-cidr', podCidr, '--service-cidr', serviceCidr], {
      stdio: ['ignore', output, output],
      env: { ...this.#environment, ...this.options.environment },
    });
    closeSync(output);
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
    return { startedMs };
  }

  /** What the command said since its start. */
  get output(): string {
    return existsSync(this.outputFile) ? readFileSync(this.outputFile, 'utf8') : '';
  }

  /** Beside the data directory, which the command must find as it left it. */
  get outputFile(): string {
    return `${this.options.dataDir}.out`;
  }

  /** The administrator's way in; undefined until the first start has made it. */
  get access(): TlsAccess | undefined {
    const file = (name: string) => path.join(this.options.dataDir, 'pki', name);
    if (!['ca.crt', 'admin.crt', 'admin.key'].every((name) => existsSync(file(name)))) return undefined;
    const [ca, cert, key] = ['ca.crt', 'admin.crt', 'admin.key'].map((name) => readFileSync(file(name), 'utf8'));
    return { port: this.options.port, ca: ca!, cert: cert!, key: key! };
  }

  connect(): Promise<Connection> {
    const { access } = this;
    if (!access) throw new Error(`no certificates in ${this.options.dataDir} yet`);
    return Connection.open(access);
  }

  /** Asks for readiness until it is there; throws with what the command said when it ends before, or after a minute. */
  async ready(): Promise<void> {
    await this.eventually('the API server is ready', async () => {
      const connection = await Connection.open({ port: this.options.port }).catch(() => undefined);
      try {
        return (await connection?.request('GET', '/readyz').catch(() => undefined))?.code === 200;
      } finally {
        connection?.close();
      }
    });
  }

  async eventually(what: string, holds: () => Promise<boolean>, { everyMs = 2 } = {}): Promise<void> {
    const deadlineMs = clock.monotonic() + 60_000;
    while (!(await holds())) {
      if (this.#child?.exitCode != null) throw new Error(`the cluster ended: ${this.output}`);
      if (clock.monotonic() > deadlineMs) throw new Error(`waited a minute in vain until ${what}: ${this.output}`);
      await clock.sleep(everyMs);
    }
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#child?.kill(signal);
    await this.#exited;
  }

  /** Leaves nothing, however far the cluster came. */
  async purge(): Promise<void> {
    if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null) await this.kill('SIGTERM');
    await run(process.execPath, [command, 'down', '--purge', '--data-dir', this.options.dataDir], {
      env: this.#environment,
    });
    await rm(this.outputFile, { force: true });
  }

  /** The kubeconfig of whoever runs this is none of our business. */
  get #environment(): NodeJS.ProcessEnv {
    return { ...process.env, KUBECONFIG: `${this.options.dataDir}.kubeconfig` };
  }
}
