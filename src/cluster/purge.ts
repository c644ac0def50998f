/** Takes away all that a cluster made on the machine. Works whether or not the cluster ran to the end, and twice. */
import { existsSync, readdirSync } from 'node:fs';
import { readFile, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '#base/clock.js';
import { KubeconfigError, parseKubeconfig, removeFromFile } from '#client/kubeconfig.js';
import { purgeContainerd, unmountBelow } from '#kubelet/runtime/containerd/daemon.js';
import { tearDownNodeNetwork } from '#network/node-network.js';
import { removeRules } from '#proxy/proxier.js';
import { controlSocketOf } from './control.js';
import { contextName, type Layout, layoutOf, userKubeconfig } from './layout.js';
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
  await forgetContext(layout);
  await rm(controlSocketOf(dataDir), { force: true });
  await rm(dataDir, { recursive: true, force: true });
}

/** The user's context stays when it has come to name another cluster. */
async function forgetContext({ pki }: Layout): Promise<void> {
  const file = userKubeconfig();
  const ca = join(pki, 'ca.crt');
  if (!existsSync(file) || !existsSync(ca)) return;
  try {
    const access = await parseKubeconfig(await readFile(file, 'utf8'), {
      context: contextName,
      directory: dirname(file),
    });
    if (access.certificateAuthority !== (await readFile(ca, 'utf8'))) return;
  } catch (error) {
    if (error instanceof KubeconfigError) return; // no such context, or none of ours
    throw error;
  }
  await removeFromFile(file, contextName);
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
