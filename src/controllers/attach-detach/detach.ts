/**
 * Takes volumes off a node that no pod of it uses any more: once the node says that they are not mounted, or when it
 * cannot say so any more.
 * https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown
 */
import type { Node } from '#api/gen/core-v1.js';
import type { VolumeAttachment } from '#api/gen/storage-v1.js';
import volumeAttachments from '#api/storage/volumeattachment.js';
import { isReason } from '#apimachinery/errors.js';
import type { ControllerContext } from '../runtime.js';
import { outOfServiceTaint } from '../taints.js';
import type { State } from './state.js';

type Context = ControllerContext<State>;

/** A node that is not well is waited for no longer than that. */
const unmountMs = 360_000;

/** How long it must still wait; 0: it may go now. */
export function waitMs(
  attachment: VolumeAttachment,
  { node, mountedName, context }: { node: Node | undefined; mountedName: string | undefined; context: Context },
): number {
  const { clock, state } = context;
  const { name = '' } = attachment.metadata;
  const nowMs = clock.monotonic();
  const sinceMs = state.unwanted.get(name) ?? nowMs;
  state.unwanted.set(name, sinceMs);
  const isMounted = node?.status?.volumesInUse?.some((one) => one === mountedName);
  if (!isMounted) return 0;
  if (node?.spec.taints?.some(({ key }) => key === outOfServiceTaint)) return 0;
  const isReady = node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  const leftMs = sinceMs + unmountMs - nowMs;
  // A node that is well will unmount it; becoming unwell makes us look again.
  return isReady ? Number.POSITIVE_INFINITY : Math.max(leftMs, 0);
}

export async function detach({ metadata }: VolumeAttachment, { client, state }: Context): Promise<void> {
  const { name = '', uid } = metadata;
  try {
    await client.of(volumeAttachments).delete(name, { preconditions: { uid } });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
  for (const memory of [state.asked, state.told, state.unwanted, state.refused]) memory.delete(name);
}
