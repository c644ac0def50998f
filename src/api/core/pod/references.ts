/**
 * What a pod refers to, and so needs its node to read: the secrets, config maps, claims and account that it names; and the secrets of the
 * volumes behind its claims.
 */
import type { Container, PersistentVolume, Pod, Volume } from '#api/gen/core-v1.js';

/** `secrets ns/name`: the plural, and where it is. */
export type Reference = string;

export function reference(plural: string, { namespace, name }: { namespace: string; name: string }): Reference {
  return `${plural} ${namespace}/${name}`;
}

export function podReferences({ metadata, spec, status }: Pod): Set<Reference> {
  const found = new Set<Reference>();
  const { namespace = '', name: podName = '' } = metadata;
  const add = (plural: string, name: string | undefined) => {
    if (name) found.add(reference(plural, { namespace, name }));
  };
  add('pods', podName);
  add('serviceaccounts', spec.serviceAccountName);
  for (const { name } of spec.imagePullSecrets ?? []) add('secrets', name);
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
  for (const container of containers) addFromEnvironment(container as Container, add);
  for (const volume of spec.volumes ?? []) addFromVolume(volume, podName, add);
  for (const { name, resourceClaimName } of spec.resourceClaims ?? []) {
    const made = status?.resourceClaimStatuses?.find((one) => one.name === name)?.resourceClaimName;
    add('resourceclaims', resourceClaimName ?? made);
  }
  add('resourceclaims', status?.extendedResourceClaimStatus?.resourceClaimName);
  return found;
}

type Add = (plural: string, name: string | undefined) => void;

function addFromEnvironment({ env, envFrom }: Container, add: Add): void {
  for (const { valueFrom } of env ?? []) {
    add('secrets', valueFrom?.secretKeyRef?.name);
    add('configmaps', valueFrom?.configMapKeyRef?.name);
  }
  for (const { secretRef, configMapRef } of envFrom ?? []) {
    add('secrets', secretRef?.name);
    add('configmaps', configMapRef?.name);
  }
}

function addFromVolume(volume: Volume, podName: string, add: Add): void {
  add('secrets', volume.secret?.secretName);
  add('configmaps', volume.configMap?.name);
  add('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName);
  if (volume.ephemeral) add('persistentvolumeclaims', `${podName}-${volume.name}`);
  for (const source of volume.projected?.sources ?? []) {
    add('secrets', source.secret?.name);
    add('configmaps', source.configMap?.name);
  }
  add('secrets', volume.azureFile?.secretName);
  add('secrets', volume.csi?.nodePublishSecretRef?.name);
  add('secrets', volume.cephfs?.secretRef?.name);
  add('secrets', volume.cinder?.secretRef?.name);
  add('secrets', volume.flexVolume?.secretRef?.name);
  add('secrets', volume.iscsi?.secretRef?.name);
  add('secrets', volume.rbd?.secretRef?.name);
  add('secrets', volume.scaleIO?.secretRef?.name);
  add('secrets', volume.storageos?.secretRef?.name);
}

/** Those that a kubelet mounts the volume with. Where a reference says no namespace, it is that of the claim. */
export function volumeSecrets({ spec }: PersistentVolume): Set<Reference> {
  const home = spec.claimRef?.namespace ?? '';
  const { azureFile, cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos, csi } = spec;
  const named = [
    azureFile && { name: azureFile.secretName, namespace: azureFile.secretNamespace ?? undefined },
    ...[cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos].map((source) => source?.secretRef),
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
  ];
  return new Set(
    named.flatMap((one) =>
      one?.name ? [reference('secrets', { namespace: one.namespace || home, name: one.name })] : [],
    ),
  );
}
