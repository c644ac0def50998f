/** A whole cluster for the tests of one file: started by the command, driven by kubectl, gone without a trace at the end. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { SystemClock } from '#base/clock.js';
import { layoutOf } from '#cluster/layout.js';
import { writeImageArchive } from '#kubelet/runtime/images/archive.js';
import type { Image } from '#kubelet/runtime/images/oci.js';
import { type CallOptions, Kubectl, type Outcome } from '../kubectl.js';

const run = promisify(execFile);
const command = path.join(import.meta.dirname, '..', '..', 'dist', 't8s.js');
export const clock = new SystemClock();

export interface ClusterOptions {
  /** The second number of the pods' and the services' addresses, which no other file uses. */
  subnet: number;
  images?: readonly Image[];
  /** More flags of `t8s up`. */
  flags?: readonly string[];
}

export class Cluster extends Kubectl {
  readonly dataDir: string;
  readonly port: number;

  private constructor({ dataDir, port }: { dataDir: string; port: number }) {
    super(path.join(dataDir, 'kubeconfig'));
    this.dataDir = dataDir;
    this.port = port;
  }

  /** Throws with what the command said when the cluster does not come up; nothing is left then. */
  static async start({ subnet, images = [], flags = [] }: ClusterOptions): Promise<Cluster> {
    const dataDir = await mkdtemp(path.join(tmpdir(), 't8s-e2e-'));
    const cluster = new Cluster({ dataDir, port: await freePort() });
    try {
      const ranges = ['--pod-cidr', `10.${subnet}.0.0/16`, '--service-cidr', `10.${subnet + 1}.0.0/16`];
      const words = ['up', '--detach', '--data-dir', dataDir, '--port', String(cluster.port), '--no-kubeconfig'];
      const outcome = await cluster.call(process.execPath, [command, ...words, ...ranges, ...flags], {
        timeoutMs: 120_000,
      });
      if (outcome.code !== 0) throw new Error(`t8s up ended with ${outcome.code}: ${outcome.stdout}${outcome.stderr}`);
      if (images.length > 0) await cluster.import(images);
      return cluster;
    } catch (failure) {
      cluster.showLogs();
      await cluster.purge();
      throw failure;
    }
  }

  async import(images: readonly Image[]): Promise<void> {
    const archive = path.join(this.dataDir, 'images.tar');
    await writeImageArchive(archive, images);
    const { code, stdout, stderr } = await this.t8s(['image', 'import', archive]);
    await rm(archive);
    if (code !== 0) throw new Error(`t8s image import: ${stdout}${stderr}`);
  }

  t8s([first, ...rest]: string[], options: CallOptions = {}): Promise<Outcome> {
    const [second, ...others] = first === 'image' ? rest : [];
    const words = second
      ? [first!, second, '--data-dir', this.dataDir, ...others]
      : [first!, '--data-dir', this.dataDir, ...rest];
    return this.call(process.execPath, [command, ...words], options);
  }

  /** Stops and removes everything, then throws when anything of the cluster is left on the machine. */
  async purge(): Promise<void> {
    this.killAll();
    const { code, stdout, stderr } = await this.t8s(['down', '--purge']);
    const left = code === 0 ? await this.#remains() : [`t8s down --purge ended with ${code}: ${stdout}${stderr}`];
    if (left.length > 0) throw new Error(`left behind by the cluster:\n${left.join('\n')}`);
  }

  /** The last lines of the log, for whoever reads why a test failed. */
  showLogs(): void {
    const { log } = layoutOf(this.dataDir);
    const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-40) : [`there is no ${log}`];
    process.stdout.write(`the cluster's log ends with:\n${lines.map((line) => line.slice(0, 600)).join('\n')}\n`);
  }

  async #remains(): Promise<string[]> {
    const { bridge, table, cgroupRoot } = layoutOf(this.dataDir);
    const links = await run('ip', ['-oneline', 'link']);
    const tables = await run('nft', ['list', 'tables']);
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    const hierarchies = ['', ...readdirSync('/sys/fs/cgroup')].map((name) =>
      path.join('/sys/fs/cgroup', name, cgroupRoot),
    );
    return [
      ...mounts.filter((line) => line.includes(this.dataDir)),
      ...links.stdout.split('\n').filter((line) => line.includes(bridge)),
      ...tables.stdout.split('\n').filter((line) => line.endsWith(` ${table}`)),
      ...hierarchies.filter((folder) => existsSync(folder)),
      ...processesWith(this.dataDir),
      ...(existsSync(this.dataDir) ? [this.dataDir] : []),
    ];
  }
}

/** Free a moment ago; the cluster takes it at once. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function processesWith(word: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return words.includes(word) ? [`process ${pid}: ${words}`] : [];
    } catch {
      return []; // ended meanwhile
    }
  });
}
