/**
 * Has volumes of CSI drivers attached to the nodes whose pods use them, and detached when none does, by VolumeAttachment
 * objects that the drivers' programs answer; nodes show in their status which volumes they have.
 * https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume-attachment-v1/
 */
import nodes from '#api/core/node.js';
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { AttachedVolume, Node, Pod } from '#api/gen/core-v1.js';
import type { VolumeAttachment } from '#api/gen/storage-v1.js';
import csiDrivers from '#api/storage/csidriver.js';
import volumeAttachments from '#api/storage/volumeattachment.js';
import { equal } from '#base/json.js';
import { keyOf } from '#client/informer.js';
import { claimKeysOf, claimNames } from '../pod-volumes.js';
import { type ControllerContext, defineController, type Requeue, watch } from '../runtime.js';
import { attach } from './attach.js';
import { detach, waitMs } from './detach.js';
import type { State } from './state.js';
import { isOurs, uniqueName, wantedOn } from './volumes.js';

type Context = ControllerContext<State>;

/** Of nodes whose kubelet attaches nothing itself. */
const managed = 'volumes.kubernetes.io/controller-managed-attach-detach';
const csiPrefix = 'kubernetes.io/csi/';

export default defineController<Node, State>({
  name: 'attachdetach-controller',
  for: nodes,
  concerns: (node, old) => !old || !equal(facts(node), facts(old)),
  state: () => ({ asked: new Map(), told: new Map(), refused: new Map(), unwanted: new Map() }),
  watches: ({ informers }) => {
    informers.of(pods).addIndex('node', ({ spec }) => (spec.nodeName ? [spec.nodeName] : []));
    informers.of(pods).addIndex('claim', claimKeysOf);
    informers.of(volumeAttachments).addIndex('node', ({ spec }) => [spec.nodeName]);
    informers.of(volumeAttachments).addIndex('volume', ({ spec }) => [spec.source.persistentVolumeName ?? '']);
    const usersOf = (claimKey: string) => informers.of(pods).byIndex('claim', claimKey).flatMap(nodeNameOf);
    return [
      watch(pods, (pod) => (claimNames(pod).length > 0 ? nodeNameOf(pod) : [])),
      watch(claims, (claim) => usersOf(keyOf(claim))),
      watch(volumes, ({ spec }) =>
        spec?.csi && spec.claimRef ? usersOf(`${spec.claimRef.namespace}/${spec.claimRef.name}`) : [],
      ),
      watch(csiDrivers, () =>
        informers
          .of(pods)
          .list()
          .filter((pod) => claimNames(pod).length > 0)
          .flatMap(nodeNameOf),
      ),
      // What one node lets go another may wait for.
      watch(volumeAttachments, ({ spec }, { type }) => {
        const { claimRef } = informers.of(volumes).get(spec.source.persistentVolumeName ?? '')?.spec ?? {};
        const waiting = type === 'deleted' && claimRef ? usersOf(`${claimRef.namespace}/${claimRef.name}`) : [];
        return [spec.nodeName, ...waiting];
      }),
    ];
  },
  reconcile: ({ name }, context) => reconcile(name, context),
});

function nodeNameOf({ spec }: Pod): string[] {
  return spec.nodeName ? [spec.nodeName] : [];
}

/** What of a node matters here. */
function facts({ metadata, spec, status }: Node) {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  const isManaged = metadata.annotations?.[managed];
  return [isManaged, ready, spec.taints ?? [], status?.volumesInUse ?? [], status?.volumesAttached ?? []];
}

async function reconcile(nodeName: string, context: Context): Promise<Requeue | undefined> {
  const { informers, state } = context;
  const present = informers.of(volumeAttachments).byIndex('node', nodeName);
  const wanted = wantedOn(nodeName, informers);
  const node = informers.of(nodes).get(nodeName);
  if (present.length === 0 && wanted.size === 0 && !node?.status?.volumesAttached?.length) return undefined;
  const isWanted = ({ spec }: VolumeAttachment) => wanted.has(spec.source.persistentVolumeName ?? '');
  const delaysMs: number[] = [];
  const leaving: VolumeAttachment[] = [];
  for (const attachment of present) {
    const { name = '', deletionTimestamp } = attachment.metadata;
    if (isWanted(attachment)) state.unwanted.delete(name);
    else if (!deletionTimestamp && isOurs(name)) {
      const delayMs = waitMs(attachment, { node, mountedName: mountedNameOf(attachment, context), context });
      if (delayMs === 0) leaving.push(attachment);
      else delaysMs.push(delayMs);
    }
  }
  // A node must not take a volume for attached that is about to go.
  const staying = present.filter((one) => !leaving.includes(one) && !one.metadata.deletionTimestamp);
  if (node) await showAttached(node, staying, context);
  for (const attachment of leaving) await detach(attachment, context);
  if (node?.metadata.annotations?.[managed] === 'true')
    for (const one of wanted.values())
      delaysMs.push((await attach(one, nodeName, context)) ?? Number.POSITIVE_INFINITY);
  const afterMs = Math.min(...delaysMs);
  return Number.isFinite(afterMs) ? { afterMs } : undefined;
}

function mountedNameOf({ spec }: VolumeAttachment, { informers }: Context): string | undefined {
  const csi = informers.of(volumes).get(spec.source.persistentVolumeName ?? '')?.spec?.csi;
  return csi && uniqueName(csi);
}

async function showAttached(node: Node, staying: readonly VolumeAttachment[], context: Context): Promise<void> {
  const before = node.status?.volumesAttached ?? [];
  const attached = staying.filter(({ status }) => status?.attached).flatMap((one) => mountedNameOf(one, context) ?? []);
  const names = new Set(attached);
  const kept = before.filter(({ name }) => !name.startsWith(csiPrefix) || names.delete(name));
  const volumesAttached: AttachedVolume[] = [...kept, ...[...names].map((name) => ({ name, devicePath: '' }))];
  if (equal(volumesAttached, before)) return;
  const patch = { metadata: { uid: node.metadata.uid }, status: { volumesAttached } };
  await context.client.of(nodes).patch(node.metadata.name!, patch, { type: 'merge', subresource: 'status' });
}
