/** Rules of a pod's volumes: unique names, exactly one source each, and what the common sources need. */
import type { SecretVolumeSource, Volume, VolumeSource } from '#api/gen/core-v1.js';
import {
  collect,
  collectInSteps,
  duplicate,
  forbiddenField,
  invalidValue,
  required,
  tooLong,
} from '#apimachinery/field-error.js';
import { validateTemplateMetadata } from '#apimachinery/metadata-validation.js';
import { subdomainProblems } from '#apimachinery/names.js';
import type { ObjectMeta } from '#apimachinery/object.js';
import { Quantity } from '#apimachinery/quantity.js';
import { endsStep } from '#base/turns.js';
import { checkEnum, checkLabel, checkOptionalEnum, each, type FieldErrors } from '../../meta/check.js';
import { checkClaimSpec } from '../claim-spec.js';
import { pullPolicies } from './image.js';
import { checkDownwardFile } from './validate-env.js';
import { checkFileMode, checkKeyToPath, checkNoBacksteps } from './validate-paths.js';
import { checkProjected } from './validate-projected.js';
import { checkLegacySource } from './validate-volume-legacy.js';

export interface VolumeContext {
  /** Of the pod, which names claims made for it; undefined in templates. */
  metadata: ObjectMeta | undefined;
}

/** The valid volumes by name, for mounts to refer to. */
export type VolumesByName = ReadonlyMap<string, Volume>;

/** Gives the volumes that are valid. */
export function* checkVolumes(
  path: string,
  volumes: readonly Volume[] | undefined,
  context: VolumeContext,
): FieldErrors<VolumesByName> {
  const valid = new Map<string, Volume>();
  const made = new Set<string>();
  for (const { name, ephemeral } of volumes ?? [])
    if (ephemeral && context.metadata?.name) made.add(`${context.metadata.name}-${name}`);
  for (const { path: at, value: volume } of each(path, volumes)) {
    const errors = yield* collectInSteps(checkSource(at, volume, context));
    errors.push(...collect(checkName(`${at}.name`, volume.name, valid)));
    if (endsStep()) yield;
    if (errors.length === 0) valid.set(volume.name, volume);
    yield* errors;
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim && made.has(claim)) {
      const why = 'must not reference a PVC that gets created for an ephemeral volume';
      yield invalidValue(`${at}.persistentVolumeClaim.claimName`, claim, why);
    }
  }
  return valid;
}

function* checkName(path: string, name: string, others: VolumesByName): FieldErrors {
  if (!name) yield required(path);
  else yield* checkLabel(path, name);
  if (others.has(name)) yield duplicate(path, name);
}

/** In the order in which upstream looks for a second source. */
const sourceOrder: readonly (keyof VolumeSource)[] = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'flexVolume',
  'configMap',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
];

/** Upstream's paths, where they are not the fields' names. */
const namesAsSecond: Partial<Record<keyof VolumeSource, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' };

const iscsiNameBytesMax = 64;
const iscsiNameTooLong =
  'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';

function* checkSource(path: string, volume: Volume, context: VolumeContext): FieldErrors {
  const set = sourceOrder.filter((source) => volume[source] !== undefined);
  const [first, ...others] = set;
  if (!first) yield required(path, 'must specify a volume type');
  else yield* checkOneSource(path, volume, { source: first, context });
  for (const source of others)
    yield forbiddenField(`${path}.${namesAsSecond[source] ?? source}`, 'may not specify more than 1 volume type');
  const { name, iscsi } = volume;
  if (iscsi?.initiatorName !== undefined && Buffer.byteLength(`${name}:${iscsi.targetPortal}`) > iscsiNameBytesMax)
    yield invalidValue(`${path}.name`, name, iscsiNameTooLong);
}

function* checkOneSource(
  path: string,
  volume: Volume,
  { source, context }: { source: keyof VolumeSource; context: VolumeContext },
): FieldErrors {
  const at = `${path}.${source}`;
  switch (source) {
    case 'emptyDir': {
      const limit = Quantity.tryParse(volume.emptyDir?.sizeLimit);
      if (limit && limit.sign < 0)
        yield forbiddenField(`${at}.sizeLimit`, 'SizeLimit field must be a valid resource quantity');
      return;
    }
    case 'hostPath':
      yield* checkHostPath(at, volume);
      return;
    case 'secret':
      if (!volume.secret?.secretName) yield required(`${at}.secretName`);
      yield* checkItems(at, volume.secret!);
      return;
    case 'configMap':
      if (!volume.configMap?.name) yield required(`${at}.name`);
      yield* checkItems(at, volume.configMap!);
      return;
    case 'downwardAPI':
      yield* checkFileMode(`${at}.defaultMode`, volume.downwardAPI?.defaultMode);
      for (const file of volume.downwardAPI?.items ?? []) yield* checkDownwardFile(at, file);
      return;
    case 'projected':
      yield* checkFileMode(`${at}.defaultMode`, volume.projected?.defaultMode);
      yield* checkProjected(at, volume.projected!);
      return;
    case 'persistentVolumeClaim':
      if (!volume.persistentVolumeClaim?.claimName) yield required(`${at}.claimName`);
      return;
    case 'csi':
      yield* checkCsi(at, volume);
      return;
    case 'ephemeral':
      yield* checkEphemeral(path, volume, context);
      return;
    case 'image':
      if (context.metadata && !volume.image?.reference) yield required(`${at}.reference`);
      yield* checkEnum(`${at}.pullPolicy`, volume.image?.pullPolicy, pullPolicies);
      return;
    default:
      yield* checkLegacySource(source === 'gcePersistentDisk' ? `${path}.persistentDisk` : at, {
        [source]: volume[source],
      } as VolumeSource);
  }
}

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

export function* checkHostPath(at: string, { hostPath }: Pick<Volume, 'hostPath'>): FieldErrors {
  if (!hostPath?.path) {
    yield required(`${at}.path`);
    return;
  }
  yield* checkNoBacksteps(`${at}.path`, hostPath.path);
  yield* checkOptionalEnum(`${at}.type`, hostPath.type, hostPathTypes);
}

function* checkItems(at: string, { items, defaultMode }: SecretVolumeSource): FieldErrors {
  yield* checkFileMode(`${at}.defaultMode`, defaultMode);
  for (const item of each(`${at}.items`, items)) yield* checkKeyToPath(item.path, item.value);
}

function* checkCsi(at: string, { csi }: Volume): FieldErrors {
  const driver = csi?.driver ?? '';
  yield* checkDriverName(`${at}.driver`, driver);
  if (!csi?.nodePublishSecretRef) return;
  const { name } = csi.nodePublishSecretRef;
  if (!name) yield required(`${at}.nodePublishSecretRef.name`);
  else for (const problem of subdomainProblems(name)) yield invalidValue(`${at}.name`, name, problem);
}

const driverNameBytesMax = 63;

export function* checkDriverName(at: string, driver: string): FieldErrors {
  if (!driver) yield required(at);
  if (Buffer.byteLength(driver) > driverNameBytesMax) yield tooLong(at, driverNameBytesMax);
  for (const problem of subdomainProblems(driver.toLowerCase())) yield invalidValue(at, driver, problem);
}

function* checkEphemeral(path: string, volume: Volume, { metadata }: VolumeContext): FieldErrors {
  const template = volume.ephemeral?.volumeClaimTemplate;
  const at = `${path}.ephemeral.volumeClaimTemplate`;
  if (!template) yield required(at);
  else {
    yield* validateTemplateMetadata(template.metadata, `${at}.metadata`);
    yield* checkClaimSpec(`${at}.spec`, template.spec);
  }
  if (!metadata?.name || !volume.name) return;
  const claim = `${metadata.name}-${volume.name}`;
  for (const problem of subdomainProblems(claim))
    yield invalidValue(`${path}.name`, volume.name, `PVC name ${JSON.stringify(claim)}: ${problem}`);
}
