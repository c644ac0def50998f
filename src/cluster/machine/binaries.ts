/** The programs of the machine that a node needs, where they may be, and the Debian packages that hold them. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Need {
  /** What it is, for people. */
  name: string;
  /** The program; for CNI one of the plugins. */
  program: string;
  debianPackage: string;
  why: string;
}

export const needs: readonly Need[] = [
  { name: 'containerd', program: 'containerd', debianPackage: 'containerd', why: 'keeps images and runs containers' },
  { name: 'runc', program: 'runc', debianPackage: 'runc', why: 'starts each container' },
  {
    name: 'CNI plugins',
    program: 'bridge',
    debianPackage: 'containernetworking-plugins',
    why: 'give pods their network',
  },
  { name: 'nftables', program: 'nft', debianPackage: 'nftables', why: 'sends service traffic to pods' },
  { name: 'iproute2', program: 'ip', debianPackage: 'iproute2', why: 'sets up interfaces and routes' },
  { name: 'conntrack', program: 'conntrack', debianPackage: 'conntrack', why: 'drops stale UDP flows of services' },
];

/** Where distributions put the CNI plugins. */
export const cniFolders = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'];
const cniPlugins = ['bridge', 'host-local', 'loopback'];
const systemFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The path of a program, from PATH or the system's folders (which a user's PATH may lack). */
export function findProgram(program: string, path = process.env.PATH ?? ''): string | undefined {
  for (const folder of [...path.split(delimiter), ...systemFolders]) {
    if (folder && isExecutable(join(folder, program))) return join(folder, program);
  }
  return undefined;
}

/** The folder that holds all the CNI plugins we use. */
export function findCniFolder(): string | undefined {
  return cniFolders.find((folder) => cniPlugins.every((plugin) => isExecutable(join(folder, plugin))));
}

export function isMet(need: Need): boolean {
  return need.name === 'CNI plugins' ? findCniFolder() !== undefined : findProgram(need.program) !== undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // missing, or not ours to run: both mean that it is not there
  }
}
