/** Rules of where a PersistentVolume's data is: exactly one source, and what each needs. */
import type {
  CSIPersistentVolumeSource,
  ISCSIPersistentVolumeSource,
  PersistentVolumeSource,
  SecretReference,
  VolumeSource,
} from '#api/gen/core-v1.js';
import { forbiddenField, invalidValue, required } from '#apimachinery/field-error.js';
import { labelProblems } from '#apimachinery/names.js';
import { check, checkLabel, checkRange, checkSubdomain, type FieldErrors } from '../../meta/check.js';
import { checkNoBacksteps } from '../pod/validate-paths.js';
import { checkDriverName, checkHostPath } from '../pod/validate-volume.js';
import { checkLegacySource, isIscsiName } from '../pod/validate-volume-legacy.js';

type SourceName = keyof PersistentVolumeSource;

/** In the order in which upstream looks for a second one. */
export const sourceNames: readonly SourceName[] = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
];

interface VolumeContext {
  /** Of the PersistentVolume. */
  name: string;
}

export function* checkVolumeSource(
  path: string,
  spec: PersistentVolumeSource & { nodeAffinity?: unknown },
  context: VolumeContext,
): FieldErrors {
  const set = sourceNames.filter((name) => spec[name]);
  const [first, ...others] = set;
  if (!first) {
    yield required(path, 'must specify a volume type');
    return;
  }
  yield* checkOne(path, spec, { source: first, context });
  if (first === 'local' && !spec.nodeAffinity)
    yield required(`${path}.nodeAffinity`, 'Local volume requires node affinity');
  for (const name of others) {
    // Upstream lets a flexVolume stand beside another source.
    if (name === 'flexVolume') yield* checkOne(path, spec, { source: name, context });
    else
      yield forbiddenField(`${path}.${name === 'cephfs' ? 'cephFS' : name}`, 'may not specify more than 1 volume type');
  }
}

function* checkOne(
  path: string,
  spec: PersistentVolumeSource,
  { source, context }: { source: SourceName; context: VolumeContext },
): FieldErrors {
  const at = `${path}.${source}`;
  switch (source) {
    case 'hostPath':
      yield* checkHostPath(at, spec);
      return;
    case 'gcePersistentDisk':
      yield* checkLegacySource(`${path}.persistentDisk`, { gcePersistentDisk: spec.gcePersistentDisk! });
      return;
    case 'iscsi':
      yield* checkIscsi(at, spec.iscsi!, context);
      return;
    case 'local':
      if (!spec.local?.path) yield required(`${at}.path`);
      else yield* checkNoBacksteps(`${at}.path`, spec.local.path);
      return;
    case 'csi':
      yield* checkCsi(at, spec.csi!);
      return;
    default:
      // What a pod may mount directly has the same fields but for secrets, which here have a namespace.
      yield* checkLegacySource(at, { [source]: spec[source] } as VolumeSource);
      yield* checkNamespaced(at, spec, { source });
  }
}

function* checkNamespaced(
  path: string,
  { glusterfs, cinder, azureFile, storageos }: PersistentVolumeSource,
  { source }: { source: SourceName },
): FieldErrors {
  if (source === 'glusterfs' && glusterfs?.endpointsNamespace !== undefined) {
    const [at, namespace] = [`${path}.endpointsNamespace`, glusterfs.endpointsNamespace];
    if (namespace !== '') yield* check(at, namespace, labelProblems);
    else yield invalidValue(at, namespace, 'if the endpointnamespace is set, it must be a valid namespace name');
  }
  if (source === 'azureFile' && azureFile?.secretNamespace === '') yield required(`${path}.secretNamespace`);
  if (source === 'cinder' && cinder?.secretRef && !cinder.secretRef.namespace)
    yield required(`${path}.secretRef.namespace`);
  if (source === 'storageos' && storageos?.secretRef && !storageos.secretRef.namespace)
    yield required(`${path}.secretRef.namespace`);
}

/** A limit of open-iscsi's on the names of interfaces. */
const interfaceLengthMax = 64;

function* checkIscsi(path: string, iscsi: ISCSIPersistentVolumeSource, { name }: VolumeContext): FieldErrors {
  const { targetPortal = '', iqn, initiatorName, lun = 0, secretRef } = iscsi;
  if (!targetPortal) yield required(`${path}.targetPortal`);
  if (initiatorName !== undefined && `${name}:${targetPortal}`.length > interfaceLengthMax) {
    const why =
      'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';
    yield invalidValue(`${path}.targetportal`, targetPortal, why);
  }
  if (!iqn) yield required(`${path}.iqn`);
  else if (!isIscsiName(iqn)) yield invalidValue(`${path}.iqn`, iqn, 'must be valid format');
  yield* checkRange(`${path}.lun`, lun, { min: 0, max: 255 });
  if ((iscsi.chapAuthDiscovery || iscsi.chapAuthSession) && !secretRef) yield required(`${path}.secretRef`);
  if (secretRef && !secretRef.name) yield required(`${path}.secretRef.name`);
  if (initiatorName !== undefined && !isIscsiName(initiatorName))
    yield invalidValue(`${path}.initiatorname`, initiatorName, 'must be valid format');
}

const csiSecrets = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const;

function* checkCsi(path: string, csi: CSIPersistentVolumeSource): FieldErrors {
  yield* checkDriverName(`${path}.driver`, csi.driver ?? '');
  if (!csi.volumeHandle) yield required(`${path}.volumeHandle`);
  for (const field of csiSecrets) if (csi[field]) yield* checkSecret(`${path}.${field}`, csi[field]);
}

function* checkSecret(path: string, { name, namespace }: SecretReference): FieldErrors {
  if (!name) yield required(`${path}.name`);
  else yield* checkSubdomain(`${path}.name`, name);
  if (!namespace) yield required(`${path}.namespace`);
  else yield* checkLabel(`${path}.namespace`, namespace);
}
