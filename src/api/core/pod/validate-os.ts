/** Rules of a pod that says which operating system it is for: what the other one has must not be asked of it. */
import type { Container, EphemeralContainer, PodSpec } from '#api/gen/core-v1.js';
import { forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { each, type FieldErrors, type Keyed } from '../../meta/check.js';

export function* checkOs(path: string, spec: PodSpec): FieldErrors {
  if (!spec.os) return;
  const { name } = spec.os;
  if (!name) yield required(`${path}.os.name`);
  else if (name === 'linux') yield* forbidWindowsOptions(path, spec);
  else if (name === 'windows') yield* forbidLinuxOptions(path, spec);
  else yield notSupported(`${path}.os`, name, ['linux', 'windows']);
}

/** All containers of all sorts, with their paths. */
export function allContainers(path: string, spec: PodSpec): Iterable<Keyed<Container | EphemeralContainer>> {
  const containers = each(`${path}.containers`, spec.containers);
  if (!spec.initContainers?.length && !spec.ephemeralContainers?.length) return containers;
  const initial = each(`${path}.initContainers`, spec.initContainers);
  return [...initial, ...containers, ...each(`${path}.ephemeralContainers`, spec.ephemeralContainers)];
}

function* forbidWindowsOptions(path: string, spec: PodSpec): FieldErrors {
  const why = 'windows options cannot be set for a linux pod';
  if (spec.securityContext?.windowsOptions) yield forbiddenField(`${path}.securityContext.windowsOptions`, why);
  for (const { path: at, value: container } of allContainers(path, spec))
    if (container.securityContext?.windowsOptions) yield forbiddenField(`${at}.securityContext.windowsOptions`, why);
}

const linuxPodFields = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'fsGroup',
  'fsGroupChangePolicy',
  'sysctls',
  'runAsUser',
  'runAsGroup',
  'supplementalGroups',
  'supplementalGroupsPolicy',
  'seLinuxChangePolicy',
] as const;
const linuxContainerFields = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;

function* forbidLinuxOptions(path: string, spec: PodSpec): FieldErrors {
  const why = 'cannot be set for a windows pod';
  for (const field of linuxPodFields)
    if (spec.securityContext?.[field] !== undefined) yield forbiddenField(`${path}.securityContext.${field}`, why);
  if (spec.hostUsers !== undefined) yield forbiddenField(`${path}.hostUsers`, why);
  if (spec.hostPID) yield forbiddenField(`${path}.hostPID`, why);
  if (spec.hostIPC) yield forbiddenField(`${path}.hostIPC`, why);
  if (spec.shareProcessNamespace !== undefined) yield forbiddenField(`${path}.shareProcessNamespace`, why);
  for (const { path: at, value: container } of allContainers(path, spec)) {
    for (const field of linuxContainerFields)
      if (container.securityContext?.[field] !== undefined) yield forbiddenField(`${at}.securityContext.${field}`, why);
  }
}

/** HostProcess containers of Windows: all of a pod's containers or none, and on the host's network. */
export function* checkHostProcess(path: string, spec: PodSpec): FieldErrors {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const containers = [...allContainers(path, spec)];
  let count = 0;
  for (const { path: at, value: container } of containers) {
    const own = container.securityContext?.windowsOptions?.hostProcess;
    if (ofPod !== undefined && own !== undefined && own !== ofPod) {
      const why = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
      yield invalidValue(`${at}.securityContext.windowsOptions.hostProcess`, own, why);
    }
    if (own ?? ofPod) count++;
  }
  if (count === 0) return;
  if (count !== containers.length) {
    const why = 'If pod contains any hostProcess containers then all containers must be HostProcess containers';
    yield invalidValue(path, '', why);
  }
  if (!spec.hostNetwork) {
    const why = 'hostNetwork must be true if pod contains any hostProcess containers';
    yield invalidValue(`${path}.hostNetwork`, false, why);
  }
}
