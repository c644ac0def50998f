/** What becomes of a volume whose claim is gone, by its policy. https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaiming */
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { PersistentVolume } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { keyOf } from '#client/informer.js';
import { isTerminal } from '../pod-state.js';
import type { ControllerContext, Requeue } from '../runtime.js';
import { migratedTo, provisionedBy } from './annotations.js';
import { release, setVolumePhase } from './bind.js';
import { RecycleError, recycle, recyclerPod } from './recycler.js';

/** Names of the volumes that are being recycled now. */
export type Recycling = Set<string>;
type Context = ControllerContext<Recycling>;

/** Upstream looks at everything again after so long, also at what failed. */
export const resyncMs = 15_000;

const inTreePrefix = 'kubernetes.io/';
const hostPathPlugin = 'kubernetes.io/host-path';
const nfsPlugin = 'kubernetes.io/nfs';
/** Keeps a volume that a plugin of ours has made until what it stands for is gone. */
const inTreeFinalizer = 'kubernetes.io/pv-controller';

export async function reclaim(
  volume: PersistentVolume,
  context: Context,
  signal: AbortSignal,
): Promise<Requeue | undefined> {
  const { client } = context;
  const { phase } = volume.status ?? {};
  const released = phase === 'Failed' ? volume : await setVolumePhase(client, volume, 'Released');
  if (volume.metadata.annotations?.[migratedTo]) return undefined;
  switch (volume.spec?.persistentVolumeReclaimPolicy) {
    case 'Delete':
      return remove(released, context);
    case 'Recycle':
      return beginRecycling(released, context, signal);
    default:
      return undefined;
  }
}

/** The user is told when it begins to fail; it is tried again for as long as the volume is there. */
async function fail(
  volume: PersistentVolume,
  { reason, message }: { reason: string; message: string },
  { client, recorder }: Context,
): Promise<void> {
  if (volume.status?.phase === 'Failed') return;
  const failed = await setVolumePhase(client, volume, 'Failed', message);
  recorder.event(failed, { type: 'Warning', reason, message });
}

async function remove(volume: PersistentVolume, context: Context): Promise<Requeue | undefined> {
  const { client } = context;
  const { name = '' } = volume.metadata;
  const deleter = deleterOf(volume);
  if (deleter === 'external') return undefined;
  const problem = deleter === 'host path' ? await removeDirectory(volume) : deleter.problem;
  if (problem !== undefined) {
    await fail(volume, { reason: 'VolumeFailedDelete', message: problem }, context);
    return { afterMs: resyncMs };
  }
  const { finalizers = [] } = volume.metadata;
  if (finalizers.includes(inTreeFinalizer)) {
    const others = finalizers.filter((one) => one !== inTreeFinalizer);
    await client.of(volumes).update({ ...volume, metadata: { ...volume.metadata, finalizers: others } });
  }
  try {
    await client.of(volumes).delete(name, { preconditions: { uid: volume.metadata.uid } });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
  return undefined;
}

/** Whoever made a volume removes it: an external provisioner sees the phase. */
function deleterOf({ metadata, spec }: PersistentVolume): 'external' | 'host path' | { problem: string } {
  const { [provisionedBy]: maker, [migratedTo]: driver } = metadata.annotations ?? {};
  if (maker) {
    if (maker === hostPathPlugin) return 'host path';
    if (!maker.startsWith(inTreePrefix)) return 'external';
    const isKnown = maker === nfsPlugin;
    return { problem: isKnown ? 'no deletable volume plugin matched' : `no volume plugin matched name: ${maker}` };
  }
  if (driver !== undefined || spec?.csi) return 'external';
  if (spec?.hostPath) return 'host path';
  const why = spec?.nfs ? 'no deletable volume plugin matched' : 'no volume plugin matched';
  return { problem: `error getting deleter volume plugin for volume "${metadata.name}": ${why}` };
}

/** On the controllers' machine, as upstream does: for clusters of one machine. What went wrong, or undefined. */
async function removeDirectory({ metadata, spec }: PersistentVolume): Promise<string | undefined> {
  const path = spec?.hostPath?.path;
  if (path === undefined)
    return `failed to create deleter for volume "${metadata.name}": spec.PersistentVolumeSource.HostPath is nil`;
  if (!/\/tmp\/.+/.test(path)) return `host_path deleter only supports /tmp/.+ but received provided ${path}`;
  const { rm } = await import('node:fs/promises');
  return rm(path, { recursive: true, force: true }).then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** Goes on beside the queue, since it takes as long as a pod does. */
async function beginRecycling(
  volume: PersistentVolume,
  context: Context,
  signal: AbortSignal,
): Promise<Requeue | undefined> {
  const { state, recorder, informers, log } = context;
  const { name = '' } = volume.metadata;
  if (state.has(name)) return undefined;
  const { namespace, name: claimName } = volume.spec?.claimRef ?? {};
  const claimKey = `${namespace}/${claimName}`;
  const users = informers
    .of(pods)
    .byIndex('claim', claimKey)
    .filter((pod) => !isTerminal(pod));
  // Pods of a new claim of this name use that one's volume.
  if (users.length > 0 && !informers.of(claims).get(claimKey)) {
    const message = `Volume is used by pods: ${users.map(keyOf).sort().join(',')}`;
    recorder.event(volume, { type: 'Normal', reason: 'VolumeFailedRecycle', message });
    return { afterMs: resyncMs };
  }
  const pod = recyclerPod(volume);
  if (!pod) {
    const message = 'No recycler plugin found for the volume!';
    await fail(volume, { reason: 'VolumeFailedRecycle', message }, context);
    return { afterMs: resyncMs };
  }
  state.add(name);
  void recycle(volume, pod, context, signal)
    .then(
      async () => {
        recorder.event(volume, { type: 'Normal', reason: 'VolumeRecycled', message: 'Volume recycled' });
        await release(context.client, await context.client.of(volumes).get(name));
      },
      async (error: unknown) => {
        if (!(error instanceof RecycleError)) throw error;
        const message = `Recycle failed: ${error.message}`;
        await fail(volume, { reason: 'VolumeFailedRecycle', message }, context);
      },
    )
    .catch((error: unknown) => {
      if (!signal.aborted) log.warn('recycling was broken off, trying again', { key: name, err: error });
    })
    .finally(() => {
      state.delete(name);
      if (!signal.aborted) context.enqueue(name, resyncMs);
    });
  return undefined;
}
