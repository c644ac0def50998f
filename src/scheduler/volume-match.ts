/** Which volumes a pod's claims would get on a node, and why it gets none there. */
import { matchesNodeSelector } from '#api/core/node-selector.js';
import { storageClassOf } from '#api/core/storage-texts.js';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '#api/gen/core-v1.js';
import type { StorageClass } from '#api/gen/storage-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { labelSelectorFrom } from '#apimachinery/selectors.js';
import { type PodClaims, selectedNode, type VolumeView } from './volumes.js';

export interface VolumePlan {
  /** Volumes that are there and fit. */
  bindings: readonly { claim: PersistentVolumeClaim; volume: PersistentVolume }[];
  /** Claims for which a volume is to be made for this node. */
  provisions: readonly PersistentVolumeClaim[];
}

const reasons = {
  nodeConflict: "node(s) didn't match PersistentVolume's node affinity",
  bindConflict: "node(s) didn't find available persistent volumes to bind",
  noSpace: 'node(s) did not have enough free storage',
  noVolume: 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
};

/** Volumes that cannot be made, because nobody makes them: those of local disks. */
const noProvisioner = 'kubernetes.io/no-provisioner';

/** The reasons, or what to do about the claims. */
export function planVolumes(
  claims: PodClaims,
  { view, node }: { view: VolumeView; node: Node },
): VolumePlan | string[] {
  const problems = boundProblems(claims.bound, { view, node });
  const forOthers = claims.delayed.some((claim) => (nodeChosenFor(claim) ?? node.metadata.name) !== node.metadata.name);
  if (forOthers) return [...problems.slice(0, 1), reasons.bindConflict, ...problems.slice(1)];
  const bindings: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
  const provisions: PersistentVolumeClaim[] = [];
  // The smallest first, so that a large volume is left for the claim that needs it.
  for (const claim of [...claims.delayed].sort((a, b) => requestOf(a).compare(requestOf(b)))) {
    const taken = new Set(bindings.map(({ volume }) => volume.metadata.name));
    const volume = nodeChosenFor(claim) === undefined ? findVolume(claim, { view, node, taken }) : undefined;
    if (volume) bindings.push({ claim, volume });
    else provisions.push(claim);
  }
  for (const claim of provisions) {
    const problem = whyNotProvisioned(claim, { view, node });
    if (problem) problems.push(problem);
    if (problem) break;
  }
  return problems.length > 0 ? problems : { bindings, provisions };
}

function nodeChosenFor({ metadata }: PersistentVolumeClaim): string | undefined {
  return metadata.annotations?.[selectedNode];
}

function boundProblems(
  bound: readonly PersistentVolumeClaim[],
  { view, node }: { view: VolumeView; node: Node },
): string[] {
  for (const { spec } of bound) {
    const volume = view.volume(spec!.volumeName!);
    if (!volume) return [reasons.noVolume];
    if (!isReachable(volume, node)) return [reasons.nodeConflict];
  }
  return [];
}

function isReachable({ spec }: PersistentVolume, node: Node): boolean {
  const required = spec?.nodeAffinity?.required;
  return !required || matchesNodeSelector(required.nodeSelectorTerms, node);
}

/** The one that is reserved for the claim, or the smallest free one that does. */
function findVolume(
  claim: PersistentVolumeClaim,
  { view, node, taken }: { view: VolumeView; node: Node; taken: ReadonlySet<string | undefined> },
): PersistentVolume | undefined {
  const wanted = requestOf(claim);
  const selector = claim.spec?.selector ? labelSelectorFrom(claim.spec.selector) : undefined;
  let best: PersistentVolume | undefined;
  for (const volume of view.volumesOfClass(storageClassOf(claim))) {
    if (taken.has(volume.metadata.name) || volume.metadata.deletionTimestamp) continue;
    if (!hasForm(volume, claim) || capacityOf(volume).compare(wanted) < 0 || !isReachable(volume, node)) continue;
    const { claimRef } = volume.spec ?? {};
    if (claimRef) {
      if (isFor(claimRef, claim)) return volume;
      continue;
    }
    if (volume.status?.phase !== 'Available' || (selector && !selector.matches(volume.metadata.labels))) continue;
    if (!best || capacityOf(volume).compare(capacityOf(best)) < 0) best = volume;
  }
  return best;
}

function isFor(
  reference: NonNullable<NonNullable<PersistentVolume['spec']>['claimRef']>,
  { metadata }: PersistentVolumeClaim,
): boolean {
  const { namespace, name, uid } = reference;
  return namespace === metadata.namespace && name === metadata.name && (!uid || uid === metadata.uid);
}

function hasForm({ spec: volume }: PersistentVolume, { spec: claim }: PersistentVolumeClaim): boolean {
  if ((volume?.volumeMode ?? 'Filesystem') !== (claim?.volumeMode ?? 'Filesystem')) return false;
  return (claim?.accessModes ?? []).every((mode) => volume?.accessModes?.includes(mode));
}

function requestOf({ spec }: PersistentVolumeClaim): Quantity {
  return Quantity.parse(spec?.resources?.requests?.['storage'] ?? '0');
}

function capacityOf({ spec }: PersistentVolume): Quantity {
  return Quantity.parse(spec?.capacity?.['storage'] ?? '0');
}

function whyNotProvisioned(
  claim: PersistentVolumeClaim,
  { view, node }: { view: VolumeView; node: Node },
): string | undefined {
  const storageClass = view.storageClass(storageClassOf(claim));
  if (!storageClass?.provisioner || storageClass.provisioner === noProvisioner) return reasons.bindConflict;
  if (!allows(storageClass, node)) return reasons.bindConflict;
  return hasSpace(claim, { storageClass, view, node }) ? undefined : reasons.noSpace;
}

/** Terms are alternatives; no terms allow every node. */
function allows({ allowedTopologies = [] }: StorageClass, { metadata }: Node): boolean {
  if (allowedTopologies.length === 0) return true;
  const labels = metadata.labels ?? {};
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => labels[key] !== undefined && values.includes(labels[key])),
  );
}

/** Only a driver that tells how much it has is asked. */
function hasSpace(
  claim: PersistentVolumeClaim,
  { storageClass, view, node }: { storageClass: StorageClass; view: VolumeView; node: Node },
): boolean {
  if (!view.csiDriver(storageClass.provisioner)?.spec.storageCapacity) return true;
  const wanted = requestOf(claim);
  return view.capacitiesOfClass(storageClass.metadata.name!).some(({ nodeTopology, capacity, maximumVolumeSize }) => {
    const limit = maximumVolumeSize ?? capacity;
    if (limit === undefined || Quantity.parse(limit).compare(wanted) < 0) return false;
    return labelSelectorFrom(nodeTopology).matches(node.metadata.labels);
  });
}
