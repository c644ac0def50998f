/**
 * Makes the claims of generic ephemeral volumes, which belong to their pod and go with it.
 * https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes
 */
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { PersistentVolumeClaim, Pod, Volume } from '#api/gen/core-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { controllerOf } from '#apimachinery/object.js';
import { controllerReference } from './claim.js';
import { isTerminal } from './pod-state.js';
import { ephemeralClaimName } from './pod-volumes.js';
import { isNamespaceTerminating } from './pod-writes.js';
import { type ControllerContext, defineController, watch } from './runtime.js';

export default defineController<Pod, undefined>({
  name: 'ephemeral-volume-controller',
  eventSource: 'ephemeral_volume',
  for: pods,
  watches: () => [
    // A claim that somebody deletes is made again while its pod is there.
    watch(claims, (claim, { type }) => {
      const owner = type === 'deleted' ? controllerOf(claim) : undefined;
      return owner?.kind === 'Pod' ? [`${claim.metadata.namespace}/${owner.name}`] : [];
    }),
  ],
  async reconcile({ key }, context) {
    const pod = context.informers.of(pods).get(key);
    if (!pod || pod.metadata.deletionTimestamp || isTerminal(pod)) return undefined;
    for (const volume of pod.spec.volumes ?? []) {
      if (!volume.ephemeral) continue;
      try {
        await provide(pod, volume, context);
      } catch (error) {
        const message = `ephemeral volume ${volume.name}: ${(error as Error).message}`;
        if (error instanceof StatusError)
          context.recorder.event(pod, { type: 'Warning', reason: 'FailedBinding', message });
        throw error;
      }
    }
    return undefined;
  },
});

async function provide(pod: Pod, volume: Volume, context: ControllerContext<undefined>): Promise<void> {
  const { client, informers } = context;
  const { namespace, uid } = pod.metadata;
  const name = ephemeralClaimName(pod, volume);
  const known = informers.of(claims).get(`${namespace}/${name}`);
  if (known) {
    if (controllerOf(known)?.uid !== uid) {
      const pair = `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name}`;
      throw new StatusError({ reason: 'Conflict', message: `${pair} (pod is not owner)` });
    }
    return;
  }
  const { metadata, spec } = volume.ephemeral?.volumeClaimTemplate ?? {};
  const wanted: PersistentVolumeClaim = {
    apiVersion: 'v1',
    kind: claims.kind,
    metadata: {
      name,
      namespace,
      labels: metadata?.labels,
      annotations: metadata?.annotations,
      ownerReferences: [controllerReference(pod, pods)],
    },
    spec: spec ?? {},
  };
  try {
    await client.of(claims).create(wanted);
  } catch (error) {
    if (isReason(error, 'AlreadyExists') || isNamespaceTerminating(error)) return;
    if (!(error instanceof StatusError)) throw error;
    const { reason } = error;
    throw new StatusError({ reason, message: `create PVC ${name}: ${error.message}` }, { cause: error });
  }
}
