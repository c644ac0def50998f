/**
 * VolumeRestrictions: a claim of mode ReadWriteOncePod has one pod, and disks that are attached to one node at a time
 * one writer. https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes
 */
import type { Pod, Volume } from '#api/gen/core-v1.js';
import { definePlugin } from '../framework.js';
import type { NodeInfo } from '../node-info.js';
import { claimNamesOf, concerns } from '../volumes.js';

interface State {
  /** Names of claims that only one pod may use. */
  exclusive: ReadonlySet<string>;
  /** Pods that use one of them. */
  users: number;
  disks: readonly Volume[];
}

export default definePlugin<State>({
  name: 'VolumeRestrictions',
  preFilter: (pod, { volumes, nodes }) => {
    const { namespace = '' } = pod.metadata;
    const disks = (pod.spec.volumes ?? []).filter(isExclusiveDisk);
    const exclusive = new Set<string>();
    for (const { persistentVolumeClaim } of pod.spec.volumes ?? []) {
      if (!persistentVolumeClaim) continue;
      const { claimName } = persistentVolumeClaim;
      const claim = volumes.claim(namespace, claimName);
      if (!claim) return { rejected: { reasons: [`persistentvolumeclaim "${claimName}" not found`] } };
      if (claim.spec?.accessModes?.includes('ReadWriteOncePod')) exclusive.add(claimName);
    }
    if (exclusive.size === 0 && disks.length === 0) return 'skip';
    const isUser = (other: Pod) => usesOneOf(other, { namespace, exclusive });
    const users = exclusive.size === 0 ? 0 : nodes.reduce((sum, { pods }) => sum + pods.filter(isUser).length, 0);
    return { state: { exclusive, users, disks } };
  },
  adjust: (state, { pod, other, by }) =>
    usesOneOf(other, { namespace: pod.metadata.namespace ?? '', exclusive: state.exclusive })
      ? { ...state, users: state.users + by }
      : state,
  filter: ({ state }, node) => {
    if (hasConflictingDisk(state.disks, node)) return { reasons: ['node(s) had no available disk'] };
    if (state.users === 0) return undefined;
    return {
      reasons: [
        'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
      ],
    };
  },
  requeueOn: ['assigned pod removed', 'node added', 'claim changed'],
  hint: concerns,
});

function usesOneOf(
  other: Pod,
  { namespace, exclusive }: { namespace: string; exclusive: ReadonlySet<string> },
): boolean {
  return (
    exclusive.size > 0 &&
    other.metadata.namespace === namespace &&
    claimNamesOf(other).some((name) => exclusive.has(name))
  );
}

function isExclusiveDisk({ gcePersistentDisk, awsElasticBlockStore, rbd, iscsi }: Volume): boolean {
  return Boolean(gcePersistentDisk || awsElasticBlockStore || rbd || iscsi);
}

function hasConflictingDisk(disks: readonly Volume[], { pods }: NodeInfo): boolean {
  if (disks.length === 0) return false;
  return pods.some(({ spec }) => (spec.volumes ?? []).some((other) => disks.some((disk) => conflict(disk, other))));
}

/** The same disk twice, unless both only read; of AWS's not even then. */
function conflict(a: Volume, b: Volume): boolean {
  const bothRead = (one: { readOnly?: boolean }, other: { readOnly?: boolean }) =>
    Boolean(one.readOnly && other.readOnly);
  if (a.gcePersistentDisk && b.gcePersistentDisk) {
    const [one, other] = [a.gcePersistentDisk, b.gcePersistentDisk];
    if (one.pdName === other.pdName && !bothRead(one, other)) return true;
  }
  if (a.awsElasticBlockStore && b.awsElasticBlockStore)
    if (a.awsElasticBlockStore.volumeID === b.awsElasticBlockStore.volumeID) return true;
  if (a.iscsi && b.iscsi) if (a.iscsi.iqn === b.iscsi.iqn && !bothRead(a.iscsi, b.iscsi)) return true;
  if (!a.rbd || !b.rbd) return false;
  const [one, other] = [a.rbd, b.rbd];
  const isSame = one.pool === other.pool && one.image === other.image;
  return isSame && one.monitors.some((monitor) => other.monitors.includes(monitor)) && !bothRead(one, other);
}
