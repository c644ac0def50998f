/** Takes away what belongs to pods that are no more: left by a kubelet that ended in between, or by a failed removal. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '#api/gen/core-v1.js';
import type { NodeContext } from './node-context.js';
import { removeFromRuntime } from './pod-sandbox.js';
import { type PodState, podNameLabel, podNamespaceLabel, terminationGracePeriodAnnotation } from './pod-state.js';
import { stopPod } from './pod-termination.js';

/** Call only when all pods of the node are known. Throws the first failure, after all else was done. */
export async function collectGarbage(
  context: NodeContext,
  { wanted }: { wanted: (podUid: string) => boolean },
): Promise<void> {
  const orphans = context.states.uids().filter((uid) => !wanted(uid));
  const removals = await Promise.allSettled(orphans.map((uid) => removeOrphan(context, uid)));
  if (context.isMachine) {
    // What the runtime still holds of a pod may still use its volumes.
    const isFree = (uid: string) => !wanted(uid) && context.states.of(uid).sandboxes.length === 0;
    for (const uid of await context.volumes.podUids()) if (isFree(uid)) await context.volumes.tearDown(uid);
    for (const { uid, cgroup } of await context.cgroups.podUids())
      if (isFree(uid)) await context.cgroups.remove(cgroup);
    await removeLogs(context, isFree);
  }
  for (const removal of removals) if (removal.status === 'rejected') throw removal.reason;
}

async function removeOrphan(context: NodeContext, uid: string): Promise<void> {
  await stopPod(context, podFromLabels(uid, context.states.of(uid)));
  await removeFromRuntime(context, uid);
}

/** As much of the pod as the runtime remembers, enough to end it with grace. */
function podFromLabels(uid: string, { containers, sandboxes }: PodState): Pod {
  const { labels = {}, annotations = {} } = containers[0] ?? sandboxes[0] ?? {};
  const seconds = Number(annotations[terminationGracePeriodAnnotation]);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { uid, name: labels[podNameLabel], namespace: labels[podNamespaceLabel] },
    spec: { containers: [], ...(Number.isFinite(seconds) && { terminationGracePeriodSeconds: seconds }) },
  };
}

/** Log directories are named `<namespace>_<name>_<uid>`. */
async function removeLogs({ paths }: NodeContext, isFree: (uid: string) => boolean): Promise<void> {
  const names = await readdir(paths.podLogs).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return [];
  });
  for (const name of names) {
    const parts = name.split('_');
    if (parts.length === 3 && isFree(parts[2]!)) await rm(join(paths.podLogs, name), { recursive: true, force: true });
  }
}
