/** Rules of the sources that name some storage system directly: mostly, which of their fields must be there. */
import type {
  FCVolumeSource,
  ISCSIVolumeSource,
  QuobyteVolumeSource,
  StorageOSVolumeSource,
  VolumeSource,
} from '#api/gen/core-v1.js';
import { invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { checkLabel, checkOptionalEnum, checkRange, type FieldErrors } from '../../meta/check.js';
import { checkDescendingPath } from './validate-paths.js';

/** By source, the fields that must not be empty. */
const requiredFields: Partial<Record<keyof VolumeSource, readonly string[]>> = {
  gitRepo: ['repository'],
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  nfs: ['server', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  glusterfs: ['endpoints', 'path'],
  rbd: ['monitors', 'image'],
  cinder: ['volumeID'],
  cephfs: ['monitors'],
  flexVolume: ['driver'],
  azureFile: ['secretName', 'shareName'],
  vsphereVolume: ['volumePath'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  storageos: ['volumeName'],
  scaleIO: ['gateway', 'system', 'volumeName'],
};

/** `path` ends with the name of the one source that is set. */
export function* checkLegacySource(path: string, source: VolumeSource): FieldErrors {
  for (const [name, fields] of Object.entries(requiredFields)) {
    const value = source[name as keyof VolumeSource] as Record<string, unknown> | undefined;
    if (!value) continue;
    for (const field of fields) {
      const one = value[field];
      if (one === undefined || one === '' || (Array.isArray(one) && one.length === 0))
        yield required(`${path}.${field}`);
    }
  }
  const { gitRepo, gcePersistentDisk, awsElasticBlockStore, nfs, iscsi, fc, flocker, flexVolume, azureDisk } = source;
  const { quobyte, cinder, storageos } = source;
  if (quobyte) yield* checkQuobyte(path, quobyte);
  if (storageos) yield* checkStorageOs(path, storageos);
  if (cinder?.secretRef && !cinder.secretRef.name) yield required(`${path}.secretRef.name`);
  if (gitRepo) yield* checkDescendingPath(`${path}.directory`, gitRepo.directory ?? '');
  for (const disk of [gcePersistentDisk, awsElasticBlockStore]) {
    const partition = disk?.partition ?? 0;
    if (partition < 0 || partition > 255)
      yield invalidValue(`${path}.partition`, partition, 'must be between 1 and 255, inclusive');
  }
  if (nfs && !nfs.path?.startsWith('/')) yield invalidValue(`${path}.path`, nfs.path ?? '', 'must be an absolute path');
  if (iscsi) yield* checkIscsi(path, iscsi);
  if (fc) yield* checkFibreChannel(path, fc);
  if (flocker) yield* checkFlocker(path, flocker);
  for (const key of Object.keys(flexVolume?.options ?? {})) {
    const namespace = `.${key.split('/')[0]!.toLowerCase()}`;
    if (namespace.endsWith('.kubernetes.io') || namespace.endsWith('.k8s.io'))
      yield invalidValue(`${path}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved');
  }
  if (azureDisk) yield* checkAzureDisk(path, azureDisk);
}

const tenantLengthMax = 64;

function* checkQuobyte(path: string, { registry, tenant = '', volume }: QuobyteVolumeSource): FieldErrors {
  const rule = 'must be a host:port pair or multiple pairs separated by commas';
  if (!registry) yield required(`${path}.registry`, rule);
  else if (tenant.length > tenantLengthMax)
    yield required(`${path}.tenant`, 'must be a UUID and may not exceed a length of 64 characters');
  else
    for (const pair of registry.split(','))
      if (!/^(\[[^[\]]*\]|[^:[\]]*):[^:[\]]*$/.test(pair)) yield invalidValue(`${path}.registry`, registry, rule);
  if (!volume) yield required(`${path}.volume`);
}

function* checkStorageOs(path: string, { volumeName, volumeNamespace, secretRef }: StorageOSVolumeSource): FieldErrors {
  if (volumeName) yield* checkLabel(`${path}.volumeName`, volumeName);
  if (volumeNamespace) yield* checkLabel(`${path}.volumeNamespace`, volumeNamespace);
  if (secretRef && !secretRef.name) yield required(`${path}.secretRef.name`);
}

const iscsiNames = [
  /^iqn\.\d{4}-\d{2}\.([\w-]+\.)*[\w-]+(:[^,;*&$|\s]+)?$/i,
  /^eui\.[0-9a-f]{16}$/i,
  /^naa\.[0-9a-f]{32}$/i,
];

function* checkIscsi(path: string, iscsi: ISCSIVolumeSource): FieldErrors {
  if (iscsi.iqn) yield* checkIscsiName(`${path}.iqn`, iscsi.iqn);
  yield* checkRange(`${path}.lun`, iscsi.lun ?? 0, { min: 0, max: 255 });
  if ((iscsi.chapAuthDiscovery || iscsi.chapAuthSession) && !iscsi.secretRef) yield required(`${path}.secretRef`);
  if (iscsi.initiatorName !== undefined) yield* checkIscsiName(`${path}.initiatorname`, iscsi.initiatorName);
}

function* checkIscsiName(path: string, name: string): FieldErrors {
  if (!/^(iqn|eui|naa)/.test(name))
    yield invalidValue(path, name, 'must be valid format starting with iqn, eui, or naa');
  else if (!isIscsiName(name)) yield invalidValue(path, name, 'must be valid format');
}

export function isIscsiName(name: string): boolean {
  return iscsiNames.some((pattern) => pattern.test(name));
}

function* checkFibreChannel(path: string, { targetWWNs = [], wwids = [], lun }: FCVolumeSource): FieldErrors {
  if (targetWWNs.length === 0 && wwids.length === 0)
    yield required(`${path}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both');
  if (targetWWNs.length === 0) return;
  if (wwids.length > 0)
    yield invalidValue(`${path}.targetWWNs`, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously');
  if (lun === undefined) yield required(`${path}.lun`, 'lun is required if targetWWNs is specified');
  else yield* checkRange(`${path}.lun`, lun, { min: 0, max: 255 });
}

function* checkFlocker(
  path: string,
  { datasetName, datasetUUID }: { datasetName?: string; datasetUUID?: string },
): FieldErrors {
  if (!datasetName && !datasetUUID) yield required(path, 'one of datasetName and datasetUUID is required');
  if (datasetName && datasetUUID)
    yield invalidValue(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously');
  if (datasetName?.includes('/')) yield invalidValue(`${path}.datasetName`, datasetName, "must not contain '/'");
}

function* checkAzureDisk(path: string, disk: NonNullable<VolumeSource['azureDisk']>): FieldErrors {
  yield* checkOptionalEnum(`${path}.cachingMode`, disk.cachingMode, ['None', 'ReadOnly', 'ReadWrite']);
  yield* checkOptionalEnum(`${path}.kind`, disk.kind, ['Dedicated', 'Managed', 'Shared']);
  const uri = disk.diskURI ?? '';
  if (disk.kind === 'Managed' && !uri.startsWith('/subscriptions/'))
    yield notSupported(`${path}.diskURI`, uri, [
      '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}',
    ]);
  if (disk.kind !== undefined && disk.kind !== 'Managed' && !uri.startsWith('https://'))
    yield notSupported(`${path}.diskURI`, uri, [
      'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd',
    ]);
}
