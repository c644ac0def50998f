/** What a node needs of the machine, looked at without changing anything. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Config } from '../config.js';
import { readStatus } from '../control.js';
import { findCniFolder, findProgram, isMet, needs } from './binaries.js';
import { installCommand, missingNeeds } from './system-packages.js';

export interface Finding {
  name: string;
  /** 'note': works, but a person should know. */
  state: 'good' | 'missing' | 'note';
  detail: string;
  mend?: string;
}

const run = promisify(execFile);
const diskFreeBytesMin = 2 * 1024 ** 3;
/** Each pod's log followers and each watched folder take instances; upstream's guides ask for these. */
const inotifyInstancesMin = 128;
const inotifyWatchesMin = 8192;

export async function findings(config: Config, machine: { root: boolean; linux: boolean }): Promise<Finding[]> {
  const own = await readStatus(config.dataDir);
  const found: Finding[] = [system(machine), node()];
  if (machine.linux) {
    found.push(
      cgroups(),
      fileSystem('overlay', 'layers of images'),
      await nftables(machine.root),
      ipForward(),
      ...inotify(),
    );
    found.push(...(await programs()));
  }
  found.push(await port(config, own !== undefined), disk(config.dataDir));
  return found;
}

function system({ root, linux }: { root: boolean; linux: boolean }): Finding {
  if (!linux)
    return {
      name: 'system',
      state: 'missing',
      detail: `${process.platform}: containers need Linux`,
      mend: 'use --runtime simulated',
    };
  if (!root)
    return { name: 'privilege', state: 'missing', detail: 'not root: containers need root', mend: 'sudo t8s up' };
  return { name: 'privilege', state: 'good', detail: 'root on Linux' };
}

function node(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= 20) return { name: 'Node', state: 'good', detail: process.versions.node };
  return {
    name: 'Node',
    state: 'missing',
    detail: `${process.versions.node} is too old`,
    mend: 'install Node 20 or newer from https://nodejs.org',
  };
}

function cgroups(): Finding {
  if (existsSync('/sys/fs/cgroup/cgroup.controllers')) return { name: 'cgroups', state: 'good', detail: 'v2' };
  const missing = ['cpu', 'memory', 'pids', 'devices', 'freezer'].filter(
    (name) => !existsSync(`/sys/fs/cgroup/${name}`),
  );
  if (missing.length === 0) return { name: 'cgroups', state: 'good', detail: 'v1' };
  return {
    name: 'cgroups',
    state: 'missing',
    detail: `no controller for ${missing.join(', ')}`,
    mend: 'boot with systemd.unified_cgroup_hierarchy=1, or mount cgroup2 at /sys/fs/cgroup',
  };
}

function fileSystem(name: string, what: string): Finding {
  const known = readFileSync('/proc/filesystems', 'utf8')
    .split('\n')
    .some((line) => line.endsWith(`\t${name}`));
  if (known) return { name: `${name}fs`, state: 'good', detail: `for ${what}` };
  return {
    name: `${name}fs`,
    state: 'note',
    detail: 'not loaded; without it images are copied, which is slow',
    mend: `sudo modprobe ${name}`,
  };
}

async function nftables(root: boolean): Promise<Finding> {
  const name = 'nftables';
  const program = findProgram('nft');
  if (!program)
    return { name, state: 'missing', detail: 'nft is not installed', mend: 'sudo apt-get install nftables' };
  if (!root) return { name, state: 'note', detail: 'only root can ask the kernel' };
  try {
    await run(program, ['list', 'tables']);
    return { name, state: 'good', detail: 'the kernel answers' };
  } catch (error) {
    const line = String((error as { stderr?: string }).stderr ?? error).split('\n')[0]!;
    return { name, state: 'missing', detail: line, mend: 'sudo modprobe nf_tables' };
  }
}

function ipForward(): Finding {
  const name = 'ip_forward';
  const on = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim() === '1';
  if (on) return { name, state: 'good', detail: 'on' };
  return { name, state: 'note', detail: 'off; `t8s up` turns it on', mend: 'sudo sysctl -w net.ipv4.ip_forward=1' };
}

function inotify(): Finding[] {
  const limits = [
    { name: 'inotify instances', key: 'max_user_instances', min: inotifyInstancesMin },
    { name: 'inotify watches', key: 'max_user_watches', min: inotifyWatchesMin },
  ];
  return limits.map(({ name, key, min }) => {
    const value = Number(readFileSync(`/proc/sys/fs/inotify/${key}`, 'utf8'));
    if (value >= min) return { name, state: 'good', detail: String(value) };
    return {
      name,
      state: 'missing',
      detail: `${value}, under ${min}`,
      mend: `sudo sysctl -w fs.inotify.${key}=${min}`,
    };
  });
}

async function programs(): Promise<Finding[]> {
  const missing = missingNeeds();
  return needs
    .filter(({ name }) => name !== 'nftables')
    .map((need): Finding => {
      const { name, program, why } = need;
      if (isMet(need))
        return { name, state: 'good', detail: (name === 'CNI plugins' ? findCniFolder() : findProgram(program))! };
      return {
        name,
        state: 'missing',
        detail: `${why}; \`t8s up\` installs it on Debian and Ubuntu`,
        mend: installCommand(missing),
      };
    });
}

async function port({ port: wanted, bind }: Config, running: boolean): Promise<Finding> {
  const name = 'port';
  if (running) return { name, state: 'good', detail: `${wanted}: this cluster runs` };
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen(wanted, bind, () => server.close(() => resolve(undefined)));
  });
  if (!code) return { name, state: 'good', detail: `${wanted} is free` };
  if (code === 'EADDRINUSE')
    return {
      name,
      state: 'missing',
      detail: `${wanted} is in use`,
      mend: `see who: sudo ss -tlnp 'sport = :${wanted}'; or use --port`,
    };
  return {
    name,
    state: 'missing',
    detail: `${bind}:${wanted} cannot be used (${code})`,
    mend: 'choose another --bind or --port',
  };
}

function disk(dataDir: string): Finding {
  let folder = dataDir;
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${folder}`;
  if (free >= diskFreeBytesMin) return { name: 'disk', state: 'good', detail };
  return {
    name: 'disk',
    state: 'missing',
    detail: `${detail}, under 2 GiB`,
    mend: 'free some, or use a --data-dir elsewhere',
  };
}
