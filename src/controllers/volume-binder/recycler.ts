/** Empties a volume by a pod that mounts it: what the policy Recycle asks for, of directories of nodes and of NFS. */
import events from '#api/core/event.js';
import pods from '#api/core/pod/index.js';
import type { PersistentVolume, Pod, Volume } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { ControllerContext } from '../runtime.js';

type Context = Pick<ControllerContext, 'client' | 'recorder'>;

/** The volume could not be emptied; the message says why. */
export class RecycleError extends Error {
  override readonly name = 'RecycleError';
}

const namespace = 'default';
const bytesPerGi = 2 ** 30;
/** More of it for larger volumes, by upstream's defaults. */
const secondsPerGi = 30;
const secondsMin = { hostPath: 60, nfs: 300 };

/** The pod as upstream's template has it. undefined: volumes of this kind cannot be recycled. */
export function recyclerPod({ metadata, spec }: PersistentVolume): Pod | undefined {
  const kind = spec?.hostPath ? 'hostPath' : spec?.nfs ? 'nfs' : undefined;
  if (!kind) return undefined;
  const source: Omit<Volume, 'name'> = spec?.hostPath
    ? { hostPath: { path: spec.hostPath.path } }
    : { nfs: { server: spec!.nfs!.server, path: spec!.nfs!.path } };
  const size = Quantity.parse(spec?.capacity?.storage ?? '0').unitsNumber();
  const seconds = Math.max(Math.floor(size / bytesPerGi) * secondsPerGi, secondsMin[kind]);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `recycler-for-${metadata.name}`, namespace },
    spec: {
      activeDeadlineSeconds: seconds,
      restartPolicy: 'Never',
      volumes: [{ name: 'vol', ...source }],
      containers: [
        {
          name: 'pv-recycler',
          image: 'registry.k8s.io/build-image/debian-base:bookworm-v1.0.6',
          command: ['/bin/sh'],
          args: ['-c', 'test -e /scrub && find /scrub -mindepth 1 -delete && test -z "$(ls -A /scrub)" || exit 1'],
          volumeMounts: [{ name: 'vol', mountPath: '/scrub' }],
        },
      ],
    },
  };
}

/** Resolves when the volume is empty. Throws RecycleError, and what a client throws. */
export async function recycle(
  volume: PersistentVolume,
  pod: Pod,
  { client, recorder }: Context,
  signal: AbortSignal,
): Promise<void> {
  const name = pod.metadata.name!;
  await start(pod, client);
  const end = new AbortController();
  const until = AbortSignal.any([signal, end.signal]);
  const relayed = relayEvents(volume, name, { client, recorder }, until).catch((error: unknown) => {
    if (!until.aborted) throw error;
  });
  try {
    await Promise.race([succeed(name, client, until), relayed.then(() => new Promise<never>(() => {}))]);
  } finally {
    end.abort();
    await relayed.catch(() => {}); // what it failed with has ended the race
    await removePod(name, client);
  }
}

async function start(pod: Pod, client: Context['client']): Promise<void> {
  try {
    await client.of(pods).create(pod);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) {
      throw new RecycleError(`unexpected error creating recycler pod:  ${(error as Error).message}`, { cause: error });
    }
    // Left by an earlier try, or made by somebody who wants to be in the way.
    await removePod(pod.metadata.name!, client);
    throw new RecycleError('old recycler pod found, will retry later');
  }
}

/** Without a version, a watch begins with what is there already. */
async function succeed(name: string, client: Context['client'], signal: AbortSignal): Promise<void> {
  const failed = (why: string) => new RecycleError(`failed to recycle volume: ${why}`);
  for await (const event of client.of(pods).watch({ namespace, fieldSelector: `metadata.name=${name}`, signal })) {
    if (event.type === 'DELETED') throw failed('recycler pod was deleted');
    if (event.type !== 'ADDED' && event.type !== 'MODIFIED') continue;
    const { phase, message } = event.object.status ?? {};
    if (phase === 'Succeeded') return;
    if (phase === 'Failed') throw failed(message || 'pod failed, pod.Status.Message unknown');
  }
  signal.throwIfAborted();
  throw failed(`recycler pod "${name}" watch channel had been closed`);
}

/** What is told of the pod is told of the volume, where the user looks. */
async function relayEvents(
  volume: PersistentVolume,
  name: string,
  { client, recorder }: Context,
  signal: AbortSignal,
): Promise<void> {
  const fieldSelector = `involvedObject.name=${name}`;
  for await (const { type, object } of client.of(events).watch({ namespace, fieldSelector, signal })) {
    if (type !== 'ADDED') continue;
    const message = `Recycler pod: ${object.message}`;
    recorder.event(volume, { type: object.type as 'Normal' | 'Warning', reason: 'RecyclerPod', message });
  }
}

async function removePod(name: string, client: Context['client']): Promise<void> {
  try {
    await client.of(pods).delete(name, { namespace });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
