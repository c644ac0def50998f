/**
 * Volumes that upstream once made itself, and the drivers that do it now.
 * https://kubernetes.io/docs/concepts/storage/volumes/#csi-migration
 */
import type { PersistentVolume } from '#api/gen/core-v1.js';

interface Migrated {
  /** As a StorageClass names it. */
  plugin: string;
  driver: string;
  source: keyof NonNullable<PersistentVolume['spec']>;
}

const migrated: readonly Migrated[] = [
  { plugin: 'kubernetes.io/aws-ebs', driver: 'ebs.csi.aws.com', source: 'awsElasticBlockStore' },
  { plugin: 'kubernetes.io/gce-pd', driver: 'pd.csi.storage.gke.io', source: 'gcePersistentDisk' },
  { plugin: 'kubernetes.io/cinder', driver: 'cinder.csi.openstack.org', source: 'cinder' },
  { plugin: 'kubernetes.io/azure-disk', driver: 'disk.csi.azure.com', source: 'azureDisk' },
  { plugin: 'kubernetes.io/azure-file', driver: 'file.csi.azure.com', source: 'azureFile' },
  { plugin: 'kubernetes.io/vsphere-volume', driver: 'csi.vsphere.vmware.com', source: 'vsphereVolume' },
  { plugin: 'kubernetes.io/portworx-volume', driver: 'pxd.portworx.com', source: 'portworxVolume' },
];

/** Who makes volumes for a class that names an old plugin; any other name stays. */
export function driverFor(provisioner: string): string {
  return migrated.find(({ plugin }) => plugin === provisioner)?.driver ?? provisioner;
}

export function migratedSource({ spec }: PersistentVolume): Migrated | undefined {
  return migrated.find(({ source }) => spec?.[source] !== undefined);
}
