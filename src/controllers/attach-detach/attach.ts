/** Asks for volumes to be attached to a node, and tells their pods what came of it. */

import type { Pod } from '#api/gen/core-v1.js';
import type { VolumeAttachment } from '#api/gen/storage-v1.js';
import volumeAttachments from '#api/storage/volumeattachment.js';
import { isReason } from '#apimachinery/errors.js';
import type { ControllerContext } from '../runtime.js';
import type { State } from './state.js';
import { attachmentName, isSharable, type Wanted, wantedOn } from './volumes.js';

type Context = ControllerContext<State>;

/** A driver's program that has not answered by then is told about, again and again. */
const answerMs = 120_000;

/** Gives when to look again though nothing changes. */
export async function attach(wanted: Wanted, nodeName: string, context: Context): Promise<number | undefined> {
  const { client, clock, informers, state } = context;
  const { volume, csi } = wanted;
  const name = attachmentName(csi, nodeName);
  const present = informers.of(volumeAttachments).get(name);
  if (present) return follow(present, wanted, context);
  const elsewhere = attachmentsOf(volume.metadata.name!, context).filter(({ spec }) => spec.nodeName !== nodeName);
  if (elsewhere.length > 0 && !isSharable(volume)) {
    tellMultiAttach(wanted, elsewhere, { key: name, context });
    return undefined;
  }
  state.refused.delete(name);
  try {
    await client.of(volumeAttachments).create({
      apiVersion: 'storage.k8s.io/v1',
      kind: volumeAttachments.kind,
      metadata: { name },
      spec: { attacher: csi.driver, nodeName, source: { persistentVolumeName: volume.metadata.name } },
    });
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
  }
  state.asked.set(name, clock.monotonic());
  return answerMs;
}

function attachmentsOf(volumeName: string, { informers }: Pick<Context, 'informers'>): VolumeAttachment[] {
  return informers.of(volumeAttachments).byIndex('volume', volumeName);
}

/** What the driver's program has written on the attachment, told once to each pod that waits for it. */
function follow(
  { metadata, status }: VolumeAttachment,
  { volume, csi, pods: users }: Wanted,
  { clock, recorder, state }: Context,
): number | undefined {
  const { name = '', uid = '' } = metadata;
  const tell = (type: 'Normal' | 'Warning', reason: string, message: string) => {
    for (const pod of users) recorder.event(pod, { type, reason, message });
  };
  const about = `for volume "${volume.metadata.name}" `;
  if (status?.attached) {
    state.asked.delete(name);
    if (state.told.get(name) !== uid)
      tell('Normal', 'SuccessfulAttachVolume', `AttachVolume.Attach succeeded ${about}`);
    state.told.set(name, uid);
    return undefined;
  }
  const { message, time } = status?.attachError ?? {};
  if (message !== undefined) {
    const text = `${uid} ${time} ${message}`;
    if (state.told.get(name) !== text)
      tell('Warning', 'FailedAttachVolume', `AttachVolume.Attach failed ${about}: ${message}`);
    state.told.set(name, text);
  }
  const nowMs = clock.monotonic();
  const askedMs = state.asked.get(name) ?? nowMs;
  const leftMs = askedMs + answerMs - nowMs;
  state.asked.set(name, leftMs > 0 ? askedMs : nowMs);
  if (leftMs > 0) return leftMs;
  const why = `timed out waiting for external-attacher of ${csi.driver} CSI driver to attach volume ${csi.volumeHandle}`;
  if (message === undefined) tell('Warning', 'FailedAttachVolume', `AttachVolume.Attach failed ${about}: ${why}`);
  return answerMs;
}

/** Once for each time that pods are in each other's way. */
function tellMultiAttach(
  { volume, pods: users }: Wanted,
  elsewhere: readonly VolumeAttachment[],
  { key, context }: { key: string; context: Context },
): void {
  const { state, recorder } = context;
  const holders = elsewhere.flatMap(({ spec }) => usersOn(spec.nodeName, volume.metadata.name!, context));
  for (const pod of users) {
    const told = state.refused.get(key) ?? new Set();
    if (told.has(pod.metadata.uid!)) continue;
    state.refused.set(key, told.add(pod.metadata.uid!));
    const message = `Multi-Attach error for volume "${volume.metadata.name}" ${whoHolds(pod, holders)}`;
    recorder.event(pod, { type: 'Warning', reason: 'FailedAttachVolume', message });
  }
}

function usersOn(nodeName: string, volumeName: string, { informers }: Context): Pod[] {
  return wantedOn(nodeName, informers).get(volumeName)?.pods ?? [];
}

function whoHolds({ metadata }: Pod, holders: readonly Pod[]): string {
  if (holders.length === 0)
    return "Volume is already exclusively attached to one node and can't be attached to another";
  const near = holders.filter((one) => one.metadata.namespace === metadata.namespace);
  const far = `${holders.length - near.length} pod(s) in different namespaces`;
  if (near.length === 0) return `Volume is already used by ${far}`;
  const names = near.map((one) => one.metadata.name).join(', ');
  return `Volume is already used by pod(s) ${names}${near.length < holders.length ? ` and ${far}` : ''}`;
}
