/** Rules of what a kubelet may say of a pod. */
import type { Container, ContainerStatus, Pod, PodSpec, PodStatus } from '#api/gen/core-v1.js';
import { duplicate, forbiddenField, invalidValue, required } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import {
  checkIp,
  checkLabel,
  checkOptionalEnum,
  checkQualifiedName,
  checkRange,
  checkReference,
  checkSubdomain,
  each,
  type FieldErrors,
  idRange,
  isDualStack,
} from '../../meta/check.js';
import { isSidecar } from './resources.js';
import { checkFixedAnnotations } from './validate-update.js';

const systemConditions = ['PodScheduled', 'Ready', 'Initialized'];

export function* validatePodStatusUpdate(pod: Pod, old: Pod): FieldErrors {
  const status = pod.status ?? {};
  const before = old.status ?? {};
  yield* checkFixedAnnotations(pod, old);
  for (const { path, value } of each('status.conditions', status.conditions)) {
    yield* checkObservedGeneration(path, value);
    if (!systemConditions.includes(value.type)) yield* checkQualifiedName(`${path}.Type`, value.type ?? '');
  }
  if (status.nominatedNodeName && status.nominatedNodeName !== before.nominatedNodeName) {
    yield* checkReference('status.nominatedNodeName', status.nominatedNodeName);
    const why = 'may not be set on pods that are already bound to a node';
    if (old.spec.nodeName) yield forbiddenField('status.nominatedNodeName', why);
  }
  yield* checkObservedGeneration('status', status);
  yield* validateImmutable('status.qosClass', { value: status.qosClass ?? '', old: before.qosClass ?? '' });
  yield* checkTransitions(old.spec, status, before);
  yield* checkClaimStatuses('status.resourceClaimStatuses', pod);
  yield* checkExtendedClaim('status.extendedResourceClaimStatus', pod);
  yield* checkAddresses('status.podIPs', status.podIPs);
  yield* checkHostAddresses(status);
  for (const list of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const)
    for (const one of each(`status.${list}`, status[list])) yield* checkUser(`${one.path}.user`, one.value, pod.spec);
  for (const list of ['containers', 'initContainers'] as const)
    for (const one of each(`status.${statusesOf[list]}`, status[statusesOf[list]]))
      yield* checkDeviceHealth(`${one.path}.allocatedResourcesStatus`, one.value, pod.spec[list]);
  for (const { path, value } of each('status.ephemeralContainerStatuses', status.ephemeralContainerStatuses))
    if (value.allocatedResourcesStatus?.length)
      yield forbiddenField(`${path}.allocatedResourcesStatus`, 'must not be specified in container status');
}

const statusesOf = { containers: 'containerStatuses', initContainers: 'initContainerStatuses' } as const;

function* checkObservedGeneration(path: string, { observedGeneration: seen = 0 }: PodStatus): FieldErrors {
  if (seen < 0) yield invalidValue(`${path}.observedGeneration`, seen, 'must be a non-negative integer');
}

const healthValues = ['Healthy', 'Unhealthy', 'Unknown'];

function* checkDeviceHealth(
  path: string,
  { name, allocatedResourcesStatus }: ContainerStatus,
  containers: readonly Container[] | undefined,
): FieldErrors {
  const container = containers?.find((one) => one.name === name);
  for (const { path: at, value: resource } of each(path, allocatedResourcesStatus)) {
    if (container && !isAllocated(resource.name, container)) {
      const why = resource.name.startsWith('claim:')
        ? "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
        : "must match one of the container's resource requests";
      yield invalidValue(`${at}.name`, resource.name, why);
    }
    const seen = new Set<string>();
    for (const { path: deviceAt, value: device } of each(`${at}.resources`, resource.resources)) {
      yield* checkOptionalEnum(`${deviceAt}.health`, device.health ?? '', healthValues);
      if (seen.has(device.resourceID)) yield duplicate(`${deviceAt}.resourceID`, device.resourceID);
      seen.add(device.resourceID);
    }
  }
}

function isAllocated(name: string, { resources }: Container): boolean {
  if (!name.startsWith('claim:')) return resources?.requests?.[name] !== undefined;
  return (resources?.claims ?? []).some(
    (claim) => name === `claim:${claim.name}${claim.request ? `/${claim.request}` : ''}`,
  );
}

/** What has ended for good does not start again. */
function* checkTransitions(spec: PodSpec, status: PodStatus, before: PodStatus): FieldErrors {
  const restartPolicyOf = new Map<string, string | undefined>();
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])])
    restartPolicyOf.set(container.name, container.restartPolicy);
  const sidecars = new Set((spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const mayRestart = ({ name, state }: ContainerStatus) => {
    const policy = restartPolicyOf.get(name) ?? spec.restartPolicy;
    if (policy === 'Always' || sidecars.has(name)) return true;
    const container = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].find((one) => one.name === name);
    // Restart rules decide by exit code, beyond the policy.
    if (container?.restartPolicyRules?.length) return true;
    return policy === 'OnFailure' && state?.terminated?.exitCode !== 0;
  };
  for (const list of ['containerStatuses', 'initContainerStatuses'] as const)
    yield* checkEnded(`status.${list}`, { status: status[list], before: before[list] }, mayRestart);
  const { ephemeralContainerStatuses: debuggers } = status;
  const path = 'status.ephemeralContainerStatuses';
  yield* checkEnded(path, { status: debuggers, before: before.ephemeralContainerStatuses }, () => false);
}

function* checkEnded(
  path: string,
  { status, before }: { status: ContainerStatus[] | undefined; before: ContainerStatus[] | undefined },
  mayRestart: (status: ContainerStatus) => boolean,
): FieldErrors {
  for (const { path: at, value: old } of each(path, before)) {
    if (!old.state?.terminated || mayRestart(old)) continue;
    const now = status?.find(({ name }) => name === old.name);
    if (now && !now.state?.terminated)
      yield forbiddenField(`${at}.state`, 'may not be transitioned to non-terminated state');
  }
}

function* checkClaimStatuses(path: string, { spec, status }: Pod): FieldErrors {
  const names = new Set<string>();
  for (const { path: at, value } of each(path, status?.resourceClaimStatuses)) {
    if (!spec.resourceClaims?.some(({ name }) => name === value.name))
      yield invalidValue(`${at}.name`, value.name ?? '', 'must match the name of an entry in `spec.resourceClaims`');
    if (names.has(value.name)) yield duplicate(`${at}.name`, value.name);
    names.add(value.name);
    if (value.resourceClaimName !== undefined)
      yield* checkSubdomain(`${at}.resourceClaimName`, value.resourceClaimName);
  }
}

/** Of a claim that stands for resources which containers ask for by name, as they ask for cpu. */
function* checkExtendedClaim(path: string, { spec, status }: Pod): FieldErrors {
  const claim = status?.extendedResourceClaimStatus;
  if (!claim) return;
  const at = `${path}.requestMappings`;
  if (!claim.requestMappings?.length) yield required(at, 'at least one request mapping is required');
  const seen = new Set<string>();
  for (const { path: mappingAt, value: mapping } of each(at, claim.requestMappings)) {
    const { containerName, resourceName, requestName } = mapping;
    const container = [...(spec.initContainers ?? []), ...spec.containers].findLast(
      ({ name }) => name === containerName,
    );
    if (!container) {
      const why = 'must match the name of an entry in spec.initContainers.name or spec.containers.name';
      yield invalidValue(`${mappingAt}.containerName`, containerName, why);
    } else if (container.resources?.requests?.[resourceName] === undefined) {
      const why =
        'must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests';
      yield invalidValue(`${mappingAt}.resourceName`, resourceName, why);
    }
    yield* checkLabel(`${path}.requestName`, requestName);
    const key = JSON.stringify([containerName, resourceName, requestName]);
    if (seen.has(key))
      for (const field of ['containerName', 'resourceName', 'requestName'] as const)
        yield duplicate(`${mappingAt}.${field}`, mapping[field]);
    seen.add(key);
  }
  if (!claim.resourceClaimName) yield required(`${path}.resourceClaimName`);
  else yield* checkSubdomain(`${path}.resourceClaimName`, claim.resourceClaimName);
}

/** As upstream's own type shows itself, whose fields have Go's names. */
function goAddress({ ip }: { ip: string }) {
  return { IP: ip };
}

function* checkAddresses(path: string, addresses: readonly { ip: string }[] = []): FieldErrors {
  for (const one of each(path, addresses)) yield* checkIp(one.path, one.value.ip ?? '');
  if (addresses.length < 2) return;
  if (!isDualStack(addresses.map(({ ip }) => ip)))
    yield invalidValue(path, addresses.map(goAddress), 'may specify no more than one IP for each IP family');
}

function* checkHostAddresses({ hostIP = '', hostIPs = [] }: PodStatus): FieldErrors {
  const [first] = hostIPs;
  if (!first) return;
  if (first.ip !== hostIP) yield invalidValue('status.hostIPs[0].ip', first.ip, 'must be equal to `hostIP`');
  yield* checkAddresses('status.hostIPs', hostIPs);
}

function* checkUser(path: string, { user }: ContainerStatus, { os }: PodSpec): FieldErrors {
  const linux = user?.linux;
  if (!linux) return;
  if (os?.name === 'windows') {
    yield forbiddenField(`${path}.linux`, 'cannot be set for a windows pod');
    return;
  }
  yield* checkRange(`${path}.linux.uid`, linux.uid, idRange);
  yield* checkRange(`${path}.linux.gid`, linux.gid, idRange);
  for (const group of each(`${path}.linux.supplementalGroups`, linux.supplementalGroups))
    yield* checkRange(group.path, group.value, idRange);
}
