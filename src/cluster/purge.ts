/** Takes away all that a cluster made on the machine. Works whether or not the cluster ran to the end, and twice. */
import { existsSync, readdirSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#base/clock.js';
import { removeFromFile } from '#client/kubeconfig.js';
import { purgeContainerd, unmountBelow } from '#kubelet/runtime/containerd/daemon.js';
import { tearDownNodeNetwork } from '#network/node-network.js';
import { removeRules } from '#proxy/proxier.js';
import { controlSocketOf } from './control.js';
import { contextName, layoutOf, userKubeconfig } from './layout.js';
import { openLog } from './logging.js';
import { findProgram } from './machine/binaries.js';
import { thisMachine } from './machine/this-machine.js';

export async function purge(dataDir: string, clock: Clock): Promise<void> {
  const layout = layoutOf(dataDir);
  const log = openLog({ file: layout.log, level: 'info' });
  const { root, linux } = thisMachine();
  if (root && linux && existsSync(join(dataDir, 'containerd'))) {
    await purgeContainerd({ dataDirectory: dataDir, clock, log });
    await removeCgroups(layout.cgroupRoot);
    await tearDownNodeNetwork(layout);
    if (findProgram('nft')) await removeRules(layout.table);
  }
  if (root && linux) await unmountBelow(layout.kubelet);
  if (existsSync(userKubeconfig())) await removeFromFile(userKubeconfig(), contextName);
  await rm(controlSocketOf(dataDir), { force: true });
  await rm(dataDir, { recursive: true, force: true });
}

const cgroupMount = '/sys/fs/cgroup';

/** In every hierarchy (version 1 has one per controller), the pods' cgroup with all below it. */
async function removeCgroups(root: string): Promise<void> {
  const mounts = [cgroupMount, ...readdirSync(cgroupMount).map((name) => join(cgroupMount, name))];
  for (const mount of mounts) await removeCgroup(join(mount, root));
}

async function removeCgroup(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeCgroup(join(folder, entry.name));
  }
  await rmdir(folder);
}
