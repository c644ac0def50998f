/** NodeVolumeLimits: a node attaches no more volumes of a driver than its CSINode says it can. */
import { storageClassOf } from '#api/core/storage-texts.js';
import type { Pod } from '#api/gen/core-v1.js';
import { definePlugin } from '../framework.js';
import { claimNamesOf, concerns, usesClaims, type VolumeView } from '../volumes.js';

export default definePlugin<ReadonlyMap<string, string>>({
  name: 'NodeVolumeLimits',
  preFilter: (pod, { volumes }) => {
    if (!usesClaims(pod)) return 'skip';
    const wanted = attachedBy(pod, volumes);
    return wanted.size > 0 ? { state: wanted } : 'skip';
  },
  filter: ({ state: wanted, snapshot }, { name, pods }) => {
    const { volumes } = snapshot;
    const limits = limitsOf(name, volumes);
    if (limits.size === 0) return undefined;
    const attached = new Map<string, string>();
    for (const pod of pods) for (const [handle, driver] of attachedBy(pod, volumes)) attached.set(handle, driver);
    for (const { spec } of volumes.attachmentsOn(name)) {
      const csi = volumes.volume(spec.source.persistentVolumeName ?? '')?.spec?.csi;
      if (csi) attached.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver);
    }
    const counts = countByDriver(attached.values());
    const added = countByDriver([...wanted].filter(([handle]) => !attached.has(handle)).map(([, driver]) => driver));
    for (const [driver, count] of added) {
      const limit = limits.get(driver);
      if (limit !== undefined && (counts.get(driver) ?? 0) + count > limit)
        return { reasons: ['node(s) exceed max volume count'] };
    }
    return undefined;
  },
  requeueOn: ['storage of node changed', 'assigned pod removed', 'claim changed', 'attachment removed', 'node added'],
  hint: concerns,
});

/** Handles of volumes with their drivers; of a claim without a volume yet, the driver that will make one. */
function attachedBy(pod: Pod, volumes: VolumeView): Map<string, string> {
  const attached = new Map<string, string>();
  const { namespace = '' } = pod.metadata;
  for (const name of claimNamesOf(pod)) {
    const claim = volumes.claim(namespace, name);
    if (!claim) continue;
    const volumeName = claim.spec?.volumeName;
    const csi = volumeName ? volumes.volume(volumeName)?.spec?.csi : undefined;
    if (csi) attached.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver);
    else if (!volumeName || !volumes.volume(volumeName)) {
      const driver = volumes.storageClass(storageClassOf(claim))?.provisioner;
      if (driver) attached.set(`${driver}/${namespace}/${name}`, driver);
    }
  }
  return attached;
}

function limitsOf(nodeName: string, volumes: VolumeView): Map<string, number> {
  const limits = new Map<string, number>();
  for (const { name, allocatable } of volumes.csiNode(nodeName)?.spec.drivers ?? []) {
    if (allocatable?.count !== undefined) limits.set(name, allocatable.count);
  }
  return limits;
}

function countByDriver(drivers: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const driver of drivers) counts.set(driver, (counts.get(driver) ?? 0) + 1);
  return counts;
}
