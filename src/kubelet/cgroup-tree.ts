/** The pods' cgroups on this machine, version 1, 2 or both: made before a sandbox, limited by us, removed after it. */
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Pod } from '#api/gen/core-v1.js';
import type { Log } from '#base/log.js';
import { cpuShares, cpuWeight, podCgroup, podResources, qosCgroup } from './cgroups.js';
import type { LinuxResources } from './runtime/runtime.js';
import { readCgroupUsage } from './stats/cgroup-usage.js';
import type { CgroupUsage } from './stats/usage.js';

type Limits = Omit<LinuxResources, 'oomScoreAdj'>;

export interface PodCgroups {
  /** Makes the cgroups above all pods. Throws the system's error where this machine does not let us. */
  start(node: { milliCpu: number; memoryBytes: number }): Promise<void>;
  /** Default limits: the pod's own. */
  ensure(pod: Pod, limits?: Limits): Promise<void>;
  /** Bytes; undefined where nobody counts. */
  memoryUsed(cgroup: string): Promise<number | undefined>;
  /** What was counted there; undefined where nobody counts. */
  usage(cgroup: string, nowMs: number): Promise<CgroupUsage | undefined>;
  /** The processes in it alone, and not below it. */
  processes(cgroup: string): Promise<number[]>;
  remove(cgroup: string): Promise<void>;
  /** The uids of pods that have one. */
  podUids(): Promise<{ uid: string; cgroup: string }[]>;
  /** Removes all, with the cgroups above; processes in them are the caller's to end first. */
  purge(): Promise<void>;
}

/** For simulated nodes. */
export const noCgroups: PodCgroups = {
  async start() {},
  async ensure() {},
  async memoryUsed() {
    return undefined;
  },
  async usage() {
    return undefined;
  },
  async processes() {
    return [];
  },
  async remove() {},
  async podUids() {
    return [];
  },
  async purge() {},
};

interface Hierarchies {
  version: 1 | 2;
  /** Version 1: by controller. Version 2: one. */
  byController: Map<string, string>;
  all: string[];
}

const controllers = ['cpu', 'memory', 'pids', 'cpuset', 'io'];
const removeTriesMax = 5;

export class CgroupTree implements PodCgroups {
  readonly #root: string;
  readonly #mount: string;
  readonly #log: Log;
  #hierarchies!: Hierarchies;

  constructor({ root, log, mount = '/sys/fs/cgroup' }: { root: string; log: Log; mount?: string }) {
    this.#root = root;
    this.#mount = mount;
    this.#log = log;
  }

  async start({ milliCpu }: { milliCpu: number; memoryBytes: number }): Promise<void> {
    this.#hierarchies = await findHierarchies(this.#mount);
    await this.#make(this.#root, {
      cpuShares: cpuShares(milliCpu),
      cpuPeriodUs: 0,
      cpuQuotaUs: 0,
      memoryLimitBytes: 0,
    });
    const least = { cpuShares: cpuShares(0), cpuPeriodUs: 0, cpuQuotaUs: 0, memoryLimitBytes: 0 };
    await this.#make(qosCgroup(this.#root, 'Burstable'), least);
    await this.#make(qosCgroup(this.#root, 'BestEffort'), least);
  }

  async ensure(pod: Pod, limits = podResources(pod)): Promise<void> {
    await this.#make(podCgroup(this.#root, pod), limits);
  }

  async memoryUsed(cgroup: string): Promise<number | undefined> {
    const file = this.#hierarchies.version === 2 ? 'memory.current' : 'memory.usage_in_bytes';
    const text = await this.#read({ controller: 'memory', cgroup, file });
    return text === undefined ? undefined : Number(text);
  }

  async usage(cgroup: string, nowMs: number): Promise<CgroupUsage | undefined> {
    const directory = (controller: string) => this.#directory(controller, cgroup);
    return readCgroupUsage({ version: this.#hierarchies.version, directory }, { cgroup, nowMs });
  }

  async processes(cgroup: string): Promise<number[]> {
    const text = (await this.#read({ controller: 'memory', cgroup, file: 'cgroup.procs' })) ?? '';
    return text.split('\n').filter(Boolean).map(Number);
  }

  async remove(cgroup: string): Promise<void> {
    for (const hierarchy of this.#hierarchies.all) await this.#removeBelow(join(hierarchy, cgroup));
  }

  async podUids(): Promise<{ uid: string; cgroup: string }[]> {
    const found = new Map<string, string>();
    for (const hierarchy of this.#hierarchies.all) {
      for (const qos of ['Guaranteed', 'Burstable', 'BestEffort'] as const) {
        const parent = qosCgroup(this.#root, qos);
        for (const name of await readdir(join(hierarchy, parent)).catch(missingIsEmpty)) {
          if (name.startsWith('pod')) found.set(name.slice(3), join(parent, name));
        }
      }
    }
    return [...found].map(([uid, cgroup]) => ({ uid, cgroup }));
  }

  async purge(): Promise<void> {
    await this.remove(this.#root);
  }

  #directory(controller: string, cgroup: string): string | undefined {
    const { version, all, byController } = this.#hierarchies;
    const hierarchy = version === 2 ? all[0] : byController.get(controller);
    return hierarchy && join(hierarchy, cgroup);
  }

  async #read(place: { controller: string; cgroup: string; file: string }): Promise<string | undefined> {
    const directory = this.#directory(place.controller, place.cgroup);
    try {
      return directory && (await readFile(join(directory, place.file), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #make(cgroup: string, limits: Limits): Promise<void> {
    if (this.#hierarchies.version === 2) {
      const [unified] = this.#hierarchies.all;
      const directory = join(unified!, cgroup);
      await makeDelegating(unified!, directory);
      await limitV2(directory, limits);
      return;
    }
    const { byController } = this.#hierarchies;
    await Promise.all(
      ['cpu', 'memory', 'pids'].map(async (controller) => {
        const hierarchy = byController.get(controller);
        if (!hierarchy) return;
        const directory = join(hierarchy, cgroup);
        await mkdir(directory, { recursive: true });
        await limitV1(directory, controller, limits);
      }),
    );
  }

  /** Children first; a cgroup whose last process is just going is busy for a moment, and garbage collection retries. */
  async #removeBelow(directory: string): Promise<void> {
    const entries = await readdir(directory, { withFileTypes: true }).catch(missingIsEmpty);
    for (const entry of entries) if (entry.isDirectory()) await this.#removeBelow(join(directory, entry.name));
    for (let tries = 1; ; tries++) {
      try {
        await rmdir(directory);
        return;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return;
        if (code !== 'EBUSY') throw error;
        if (tries >= removeTriesMax) {
          this.#log.debug('cgroup is still busy', { directory });
          return;
        }
      }
    }
  }
}

async function findHierarchies(mount: string): Promise<Hierarchies> {
  const byController = new Map<string, string>();
  const names = await readdir(mount);
  if (names.includes('cgroup.controllers')) return { version: 2, byController, all: [mount] };
  const all: string[] = [];
  for (const entry of await readdir(mount, { withFileTypes: true })) {
    if (entry.isDirectory()) all.push(join(mount, entry.name));
    // `cpu` may be a link to `cpu,cpuacct`.
    if (entry.isDirectory() || entry.isSymbolicLink()) byController.set(entry.name, join(mount, entry.name));
  }
  return { version: 1, byController, all };
}

/** cgroups(7): a child has only the controllers that every cgroup above it hands down. */
async function makeDelegating(unified: string, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const parent of ancestors(unified, dirname(directory))) {
    const available = (await readFile(join(parent, 'cgroup.controllers'), 'utf8')).trim().split(' ');
    const handedDown = (await readFile(join(parent, 'cgroup.subtree_control'), 'utf8')).trim().split(' ');
    const wanted = controllers.filter((one) => available.includes(one) && !handedDown.includes(one));
    if (wanted.length > 0)
      await writeFile(join(parent, 'cgroup.subtree_control'), wanted.map((one) => `+${one}`).join(' '));
  }
}

function ancestors(root: string, directory: string): string[] {
  const list = [directory];
  while (list[0] !== root) list.unshift(dirname(list[0]!));
  return list;
}

async function limitV2(directory: string, limits: Limits): Promise<void> {
  const writes: Record<string, string> = { 'cpu.weight': String(cpuWeight(limits.cpuShares)) };
  if (limits.cpuPeriodUs > 0)
    writes['cpu.max'] = `${limits.cpuQuotaUs > 0 ? limits.cpuQuotaUs : 'max'} ${limits.cpuPeriodUs}`;
  if (limits.memoryLimitBytes > 0) writes['memory.max'] = String(limits.memoryLimitBytes);
  await writeAll(directory, writes);
}

async function limitV1(directory: string, controller: string, limits: Limits): Promise<void> {
  const writes: Record<string, string> = {};
  if (controller === 'cpu') {
    writes['cpu.shares'] = String(limits.cpuShares);
    if (limits.cpuPeriodUs > 0 && limits.cpuQuotaUs > 0) {
      writes['cpu.cfs_period_us'] = String(limits.cpuPeriodUs);
      writes['cpu.cfs_quota_us'] = String(limits.cpuQuotaUs);
    }
  }
  if (controller === 'memory' && limits.memoryLimitBytes > 0) {
    writes['memory.limit_in_bytes'] = String(limits.memoryLimitBytes);
  }
  await writeAll(directory, writes);
}

async function writeAll(directory: string, writes: Record<string, string>): Promise<void> {
  for (const [name, value] of Object.entries(writes)) await writeFile(join(directory, name), value);
}

function missingIsEmpty(error: NodeJS.ErrnoException): [] {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
  return [];
}
