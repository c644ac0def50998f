/** What becomes of one claim: bound, waiting for somebody, or lost. */
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.js';
import type { StorageClass } from '#api/gen/storage-v1.js';
import { defaultClass, storageClassDefaults } from '#api/meta/default-class.js';
import storageClasses from '#api/storage/storageclass.js';
import { driverFor } from '../csi-migration.js';
import type { ControllerContext } from '../runtime.js';
import { bindCompleted, boundByController, provisioner, provisionerBeta, selectedNode } from './annotations.js';
import { bind } from './bind.js';
import { bestVolume, classOf, hasClass, isFor, mismatch } from './match.js';

type Context = Pick<ControllerContext, 'client' | 'informers'> & {
  recorder: Pick<ControllerContext['recorder'], 'event'>;
};

/** Of plugins that were part of Kubernetes once; `no-provisioner` is only there so that claims wait for the scheduler. */
const inTreePrefix = 'kubernetes.io/';
/** Directories of nodes: upstream has it for its own tests, and makes volumes with it only when told to. */
const hostPathPlugin = 'kubernetes.io/host-path';

export async function reconcileClaim(claim: PersistentVolumeClaim, context: Context): Promise<void> {
  if (claim.metadata.annotations?.[bindCompleted] !== undefined) await keepBound(claim, context);
  else if (claim.spec?.volumeName) await bindToNamed(claim, claim.spec.volumeName, context);
  else await findVolume(claim, context);
}

async function keepBound(claim: PersistentVolumeClaim, context: Context): Promise<void> {
  const { client, informers } = context;
  const volumeName = claim.spec?.volumeName;
  if (!volumeName) {
    const message = 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!';
    return lose(claim, { reason: 'ClaimLost', message }, context);
  }
  const volume = informers.of(volumes).get(volumeName);
  if (!volume) {
    const message = 'Bound claim has lost its PersistentVolume. Data on the volume is lost!';
    return lose(claim, { reason: 'ClaimLost', message }, context);
  }
  const { claimRef } = volume.spec ?? {};
  if (!claimRef || claimRef.uid === claim.metadata.uid) return bind(client, volume, claim);
  const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
  return lose(claim, { reason: 'ClaimMisbound', message }, context);
}

async function lose(
  claim: PersistentVolumeClaim,
  text: { reason: string; message: string },
  { client, recorder }: Context,
): Promise<void> {
  if (claim.status?.phase === 'Lost') return;
  await client.of(claims).updateStatus({ ...claim, status: { phase: 'Lost' } });
  recorder.event(claim, { type: 'Warning', ...text });
}

/** The user, or a provisioner, has said which volume it is to be. */
async function bindToNamed(claim: PersistentVolumeClaim, volumeName: string, context: Context): Promise<void> {
  const { client, informers, recorder } = context;
  const volume = informers.of(volumes).get(volumeName);
  if (!volume) return setPending(claim, context);
  if (!volume.spec?.claimRef) {
    const why = mismatch(volume, claim);
    if (why === undefined) return bind(client, volume, claim);
    const message = `Cannot bind to requested volume "${volumeName}": ${why}`;
    recorder.event(claim, { type: 'Warning', reason: 'VolumeMismatch', message });
    return setPending(claim, context);
  }
  if (isFor(volume, claim)) return bind(client, volume, claim);
  if (claim.metadata.annotations?.[boundByController] === undefined) {
    const message = `volume "${volumeName}" already bound to a different claim.`;
    recorder.event(claim, { type: 'Warning', reason: 'FailedBinding', message });
  }
  return setPending(claim, context);
}

async function findVolume(given: PersistentVolumeClaim, context: Context): Promise<void> {
  const { client, informers, recorder } = context;
  const claim = hasClass(given) ? given : await withDefaultClass(given, context);
  const storageClass = informers.of(storageClasses).get(classOf(claim));
  const waits = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
  const isPlaced = claim.metadata.annotations?.[selectedNode] !== undefined;
  const candidates = informers.of(volumes).list();
  // A volume that names the claim needs no scheduler to be found.
  const volume = waits
    ? candidates.find((one) => isFor(one, claim) && mismatch(one, claim) === undefined)
    : bestVolume(claim, candidates);
  if (volume) return bind(client, volume, claim);
  if (waits && !isPlaced) recorder.event(claim, waitingFor(claim, context));
  else if (classOf(claim) !== '') return provision(claim, storageClass, context);
  else {
    const message = 'no persistent volumes available for this claim and no storage class is set';
    recorder.event(claim, { type: 'Normal', reason: 'FailedBinding', message });
  }
  return setPending(claim, context);
}

async function withDefaultClass(
  claim: PersistentVolumeClaim,
  { client, informers }: Context,
): Promise<PersistentVolumeClaim> {
  const found = defaultClass(informers.of(storageClasses).list(), storageClassDefaults);
  if (!found) return claim;
  return client.of(claims).update({ ...claim, spec: { ...claim.spec, storageClassName: found.metadata.name } });
}

function waitingFor({ metadata }: PersistentVolumeClaim, { informers }: Context) {
  const users = informers
    .of(pods)
    .inNamespace(metadata.namespace ?? '')
    .filter(({ spec }) => !spec.nodeName)
    .filter(({ spec }) => spec.volumes?.some((one) => one.persistentVolumeClaim?.claimName === metadata.name))
    .map((pod) => pod.metadata.name ?? '')
    .sort();
  const type = 'Normal' as const;
  if (users.length === 0)
    return { type, reason: 'WaitForFirstConsumer', message: 'waiting for first consumer to be created before binding' };
  const who = users.length === 1 ? `pod ${users[0]}` : `pods ${users.join(',')}`;
  return { type, reason: 'WaitForPodScheduled', message: `waiting for ${who} to be scheduled` };
}

/** Provisioners are programs of their own: an annotation asks them to make a volume. */
async function provision(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass | undefined,
  context: Context,
): Promise<void> {
  const { client, recorder } = context;
  const type = 'Warning' as const;
  if (!storageClass) {
    const message = `storageclass.storage.k8s.io "${classOf(claim)}" not found`;
    recorder.event(claim, { type, reason: 'ProvisioningFailed', message });
    return setPending(claim, context);
  }
  const who = driverFor(storageClass.provisioner);
  if (who.startsWith(inTreePrefix) && who !== hostPathPlugin) {
    const message = `no volume plugin matched name: ${who}`;
    recorder.event(claim, { type, reason: 'ProvisioningFailed', message });
    return setPending(claim, context);
  }
  const asked = { [provisioner]: who, [provisionerBeta]: who };
  const { annotations = {} } = claim.metadata;
  const isAsked = annotations[provisioner] === who && annotations[provisionerBeta] === who;
  const metadata = { ...claim.metadata, annotations: { ...annotations, ...asked } };
  const asking = isAsked ? claim : await client.of(claims).update({ ...claim, metadata });
  if (who === hostPathPlugin) {
    const message = `Failed to create provisioner: provisioning in volume plugin "${who}" is disabled`;
    recorder.event(asking, { type, reason: 'ProvisioningFailed', message });
    return setPending(asking, context);
  }
  const message =
    `Waiting for a volume to be created either by the external provisioner '${who}' or manually by the system ` +
    'administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.';
  recorder.event(asking, { type: 'Normal', reason: 'ExternalProvisioning', message });
  return setPending(asking, context);
}

async function setPending(claim: PersistentVolumeClaim, { client }: Context): Promise<void> {
  if (claim.status?.phase === 'Pending') return;
  await client.of(claims).updateStatus({ ...claim, status: { ...claim.status, phase: 'Pending' } });
}

/** Claims that a change of the volume may concern. */
export function claimsOf(volume: PersistentVolume, all: readonly PersistentVolumeClaim[]): PersistentVolumeClaim[] {
  const { claimRef } = volume.spec ?? {};
  if (claimRef)
    return all.filter(
      (claim) => claimRef.name === claim.metadata.name && claimRef.namespace === claim.metadata.namespace,
    );
  return all.filter(
    ({ spec, status, metadata }) =>
      spec?.volumeName === metadata.name || spec?.volumeName === volume.metadata.name || status?.phase !== 'Bound',
  );
}
