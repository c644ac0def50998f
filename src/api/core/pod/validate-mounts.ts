/** Rules of what a container sees of the pod's volumes. */
import type { Container, EphemeralContainer, VolumeMount } from '#api/gen/core-v1.js';
import { forbiddenField, invalidValue, notSupported, required, valueNotFound } from '#apimachinery/field-error.js';
import { endsStep } from '#base/turns.js';
import { each, type FieldErrors } from '../../meta/check.js';
import { checkDescendingPath, hasBackstep } from './validate-paths.js';
import type { VolumesByName } from './validate-volume.js';

type AnyContainer = Container | EphemeralContainer;

export function* checkMounts(path: string, container: AnyContainer, volumes: VolumesByName): FieldErrors {
  const devices = taken(container.volumeDevices, ({ devicePath }) => devicePath);
  const mountPaths = new Set<string>();
  for (const { path: at, value: mount } of each(path, container.volumeMounts)) {
    if (endsStep()) yield;
    const { name, mountPath } = mount;
    if (!name) yield required(`${at}.name`);
    if (!volumes.has(name)) yield valueNotFound(`${at}.name`, name ?? '');
    if (!mountPath) yield required(`${at}.mountPath`);
    if (mountPaths.has(mountPath)) yield invalidValue(`${at}.mountPath`, mountPath, 'must be unique');
    mountPaths.add(mountPath);
    if (devices?.names.has(name)) yield invalidValue(`${at}.name`, name, 'must not already exist in volumeDevices');
    if (devices?.paths.has(mountPath))
      yield invalidValue(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices');
    // Upstream names the list, not the element, for all that follows.
    yield* checkSubPaths(at, mount, { listPath: path });
    yield* checkPropagation(`${path}.mountPropagation`, mount, container);
    yield* checkRecursiveReadOnly(`${path}.recursiveReadOnly`, mount);
  }
}

function* checkSubPaths(
  at: string,
  { subPath, subPathExpr }: VolumeMount,
  { listPath }: { listPath: string },
): FieldErrors {
  if (subPath) yield* checkDescendingPath(`${listPath}.subPath`, subPath);
  if (!subPathExpr) return;
  if (subPath) yield invalidValue(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive');
  yield* checkDescendingPath(`${listPath}.subPathExpr`, subPathExpr);
}

const propagations = ['Bidirectional', 'HostToContainer', 'None'];

function* checkPropagation(at: string, { mountPropagation }: VolumeMount, container: AnyContainer): FieldErrors {
  if (mountPropagation === undefined) return;
  if (!propagations.includes(mountPropagation)) yield notSupported(at, mountPropagation, propagations);
  if (mountPropagation === 'Bidirectional' && !container.securityContext?.privileged)
    yield forbiddenField(at, 'Bidirectional mount propagation is available only to privileged containers');
}

function* checkRecursiveReadOnly(at: string, mount: VolumeMount): FieldErrors {
  const { recursiveReadOnly, readOnly, mountPropagation } = mount;
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return;
  if (recursiveReadOnly !== 'Enabled' && recursiveReadOnly !== 'IfPossible') {
    yield notSupported(at, recursiveReadOnly, ['Disabled', 'Enabled', 'IfPossible']);
    return;
  }
  if (!readOnly) yield forbiddenField(at, 'may only be specified when readOnly is true');
  if (mountPropagation !== undefined && mountPropagation !== 'None')
    yield forbiddenField(at, 'may only be specified when mountPropagation is None or not specified');
}

/** What the other list has taken; undefined where there is none. */
function taken<T extends { name: string }>(list: readonly T[] | undefined, pathOf: (one: T) => string) {
  return list && { names: new Set(list.map(({ name }) => name)), paths: new Set(list.map(pathOf)) };
}

export function* checkDevices(path: string, container: AnyContainer, volumes: VolumesByName): FieldErrors {
  const mounts = container.volumeDevices && taken(container.volumeMounts, ({ mountPath }) => mountPath);
  const names = new Set<string>();
  const paths = new Set<string>();
  for (const { path: at, value } of each(path, container.volumeDevices)) {
    if (endsStep()) yield;
    const { name, devicePath } = value;
    const volume = volumes.get(name);
    if (!name) yield required(`${at}.name`);
    if (names.has(name)) yield invalidValue(`${at}.name`, name, 'must be unique');
    if (!volume) yield valueNotFound(`${at}.name`, name ?? '');
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      const why = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      yield invalidValue(`${at}.name`, name, why);
    }
    if (!devicePath) yield required(`${at}.devicePath`);
    if (paths.has(devicePath)) yield invalidValue(`${at}.devicePath`, devicePath, 'must be unique');
    if (devicePath && hasBackstep(devicePath))
      yield invalidValue(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')");
    else paths.add(devicePath);
    if (mounts?.names.has(name)) yield invalidValue(`${at}.name`, name, 'must not already exist in volumeMounts');
    if (mounts?.paths.has(devicePath))
      yield invalidValue(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts');
    if (name) names.add(name);
  }
}
