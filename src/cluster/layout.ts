/** Where a cluster keeps what, and what it calls its own on the machine. */
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Layout {
  dataDir: string;
  store: string;
  pki: string;
  kubelet: string;
  podLogs: string;
  kubeconfig: string;
  log: string;
  /** The bridge of this machine's pods, at most 15 characters. */
  bridge: string;
  /** The nftables table. */
  table: string;
  /** The cgroup above all pods, in every hierarchy. */
  cgroupRoot: string;
}

const defaultDataDirs = ['/var/lib/t8s', join(homedir(), '.t8s')];

/** The name of the context in kubeconfigs. */
export const contextName = 't8s';

export function layoutOf(dataDir: string): Layout {
  // Clusters side by side must not share a bridge or a table; the usual one has the plain names.
  const mark = defaultDataDirs.includes(dataDir) ? '' : createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
  return {
    dataDir,
    store: join(dataDir, 'store'),
    pki: join(dataDir, 'pki'),
    kubelet: join(dataDir, 'kubelet'),
    podLogs: join(dataDir, 'logs', 'pods'),
    kubeconfig: join(dataDir, 'kubeconfig'),
    log: join(dataDir, 'logs', 't8s.log'),
    bridge: mark ? `t8s-${mark}` : 't8s0',
    table: mark ? `t8s-${mark}` : 't8s',
    cgroupRoot: mark ? `/kubepods-${mark}` : '/kubepods',
  };
}

export function userKubeconfig(): string {
  return process.env.KUBECONFIG?.split(':')[0] || join(homedir(), '.kube', 'config');
}

/** What the files of a folder take of the disk, which for a file with holes is less than its length. Undefined: it is gone. */
export function bytesOnDisk(folder: string): number | undefined {
  const blockBytes = 512;
  try {
    return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).blocks * blockBytes, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
