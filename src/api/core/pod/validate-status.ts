/** Rules of what a kubelet may say of a pod. */
import type { ContainerStatus, Pod, PodSpec, PodStatus } from '#api/gen/core-v1.js';
import { duplicate, type FieldError, forbiddenField, invalidValue } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import {
  checkIp,
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

export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  return [...checkPodStatus(pod, old)];
}

function* checkPodStatus(pod: Pod, old: Pod): FieldErrors {
  const status = pod.status ?? {};
  const before = old.status ?? {};
  yield* checkFixedAnnotations(pod, old);
  for (const { path, value } of each('metadata.conditions', status.conditions))
    if (!systemConditions.includes(value.type)) yield* checkQualifiedName(`${path}.Type`, value.type ?? '');
  if (status.nominatedNodeName !== before.nominatedNodeName)
    yield* checkReference('status.nominatedNodeName', status.nominatedNodeName);
  yield* validateImmutable('status.qosClass', { value: status.qosClass ?? '', old: before.qosClass ?? '' });
  yield* checkTransitions(old.spec, status, before);
  yield* checkClaimStatuses('status.resourceClaimStatuses', pod);
  yield* checkAddresses('status.podIPs', status.podIPs);
  yield* checkHostAddresses(status);
  for (const list of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const)
    for (const one of each(`status.${list}`, status[list])) yield* checkUser(one.path, one.value, pod.spec);
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
    // Upstream names this field, too, by the other's path.
    if (value.resourceClaimName !== undefined) yield* checkSubdomain(`${at}.name`, value.resourceClaimName);
  }
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
  const seen = new Set<string>();
  for (const one of each(path, addresses)) {
    if (seen.has(one.value.ip)) yield duplicate(one.path, goAddress(one.value));
    seen.add(one.value.ip);
  }
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
