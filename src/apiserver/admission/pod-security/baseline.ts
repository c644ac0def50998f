/**
 * The baseline level: what keeps a pod from the known ways to privilege.
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
 */
import type { LifecycleHandler, Probe, SELinuxOptions } from '#api/gen/core-v1.js';
import {
  type Check,
  type CheckedPod,
  type CheckPod,
  containersNamed,
  containersOf,
  namesOf,
  plural,
  quoted,
  setters,
  sorted,
  unlessOwnUsers,
} from './check.js';

const appArmorAnnotationPrefix = 'container.apparmor.security.beta.kubernetes.io/';
const seccompPodAnnotation = 'seccomp.security.alpha.kubernetes.io/pod';
const seccompContainerPrefix = 'container.seccomp.security.alpha.kubernetes.io/';

const defaultCapabilities = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(
    ' ',
  ),
);

export const safeProfileTypes = ['RuntimeDefault', 'Localhost'];

const appArmorProfile: CheckPod = (pod) => {
  const bad = new Set<string>();
  const isBad = (profile: { type?: string } | undefined) => {
    if (!profile || safeProfileTypes.includes(profile.type ?? '')) return false;
    bad.add(profile.type ?? '');
    return true;
  };
  const byPod = isBad(pod.spec.securityContext?.appArmorProfile);
  const containers = namesOf(pod, ({ securityContext }) => isBad(securityContext?.appArmorProfile));
  const annotations = Object.entries(pod.metadata.annotations ?? {})
    .filter(([key, value]) => key.startsWith(appArmorAnnotationPrefix) && !isSafeAppArmorAnnotation(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const values = [...sorted(bad), ...annotations];
  if (values.length === 0) return undefined;
  const set = setters({ pod: byPod, containers });
  const who = [...(set ? [set] : []), ...(annotations.length > 0 ? [plural(annotations.length, 'annotation')] : [])];
  return {
    reason: plural(values.length, 'forbidden AppArmor profile'),
    detail: `${who.join(' and ')} must not set AppArmor profile type to ${quoted(values)}`,
  };
};

function isSafeAppArmorAnnotation(value: string): boolean {
  return value === '' || value === 'runtime/default' || value.startsWith('localhost/');
}

const capabilities: CheckPod = (pod) => {
  const isForeign = (name: string) => !defaultCapabilities.has(name);
  const added = (container: { securityContext?: { capabilities?: { add?: string[] } } }) =>
    (container.securityContext?.capabilities?.add ?? []).filter(isForeign);
  const names = namesOf(pod, (container) => added(container).length > 0);
  if (names.length === 0) return undefined;
  const foreign = quoted(sorted(containersOf(pod).flatMap(added)));
  return {
    reason: 'non-default capabilities',
    detail: `${containersNamed(names)} must not include ${foreign} in securityContext.capabilities.add`,
  };
};

const hostNamespaces: CheckPod = ({ spec }) => {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field]);
  if (shared.length === 0) return undefined;
  return { reason: 'host namespaces', detail: shared.map((field) => `${field}=true`).join(', ') };
};

const hostPathVolumes: CheckPod = ({ spec }) => {
  const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath).map(({ name }) => name);
  if (names.length === 0) return undefined;
  return { reason: 'hostPath volumes', detail: `${plural(names.length, 'volume')} ${quoted(names)}` };
};

const hostPorts: CheckPod = (pod) => {
  const portsOf = (container: { ports?: { hostPort?: number }[] }) =>
    (container.ports ?? []).flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []));
  const names = namesOf(pod, (container) => portsOf(container).length > 0);
  if (names.length === 0) return undefined;
  const ports = sorted(containersOf(pod).flatMap(portsOf));
  const uses = plural(names.length, 'uses', 'use');
  return {
    reason: 'hostPort',
    detail: `${containersNamed(names)} ${uses} ${plural(ports.length, 'hostPort')} ${ports.join(', ')}`,
  };
};

/** By the host of a probe the kubelet could be made to reach what the pod cannot. */
const hostProbes: CheckPod = (pod) => {
  const hostsOf = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: ProbedContainer) =>
    [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap((handler) =>
      [handler?.httpGet?.host, handler?.tcpSocket?.host].filter((host): host is string => Boolean(host)),
    );
  const names = sorted(namesOf(pod, (container) => hostsOf(container).length > 0));
  if (names.length === 0) return undefined;
  const hosts = sorted(containersOf(pod).flatMap(hostsOf));
  const uses = plural(names.length, 'uses', 'use');
  return {
    reason: 'probe or lifecycle host',
    detail: `${containersNamed(names)} ${uses} ${plural(hosts.length, 'probe or lifecycle host')} ${quoted(hosts)}`,
  };
};

interface ProbedContainer {
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  startupProbe?: Probe;
  lifecycle?: { postStart?: LifecycleHandler; preStop?: LifecycleHandler };
}

const privilegedContainers: CheckPod = (pod) => {
  const names = namesOf(pod, ({ securityContext }) => securityContext?.privileged === true);
  if (names.length === 0) return undefined;
  const detail = `${containersNamed(names)} must not set securityContext.privileged=true`;
  return { reason: 'privileged', detail };
};

export const procMount: CheckPod = (pod) => {
  const mountOf = (container: { securityContext?: { procMount?: string } }) => {
    const { procMount = 'Default' } = container.securityContext ?? {};
    return procMount === 'Default' ? [] : [procMount];
  };
  const names = namesOf(pod, (container) => mountOf(container).length > 0);
  if (names.length === 0) return undefined;
  const mounts = quoted(sorted(containersOf(pod).flatMap(mountOf)));
  const detail = `${containersNamed(names)} must not set securityContext.procMount to ${mounts}`;
  return { reason: 'procMount', detail };
};

/** Before securityContext.seccompProfile there were annotations. */
const seccompAnnotations: CheckPod = (pod) => {
  const annotations = pod.metadata.annotations ?? {};
  const keys = [seccompPodAnnotation, ...containersOf(pod).map(({ name }) => `${seccompContainerPrefix}${name}`)];
  const bad = keys.flatMap((key) => {
    const value = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
    const isSafe =
      value === undefined ||
      value === 'runtime/default' ||
      value === 'docker/default' ||
      value.startsWith('localhost/');
    return isSafe ? [] : [`${key}=${JSON.stringify(value)}`];
  });
  const unique = sorted(bad);
  if (unique.length === 0) return undefined;
  const detail = `forbidden ${plural(unique.length, 'annotation')} ${unique.join(', ')}`;
  return { reason: 'seccompProfile', detail };
};

/** Who sets a profile that is none, with the types that they set. */
export function unsafeSeccomp(pod: CheckedPod): { pod: boolean; containers: string[]; types: string[] } {
  const types = new Set<string>();
  const isBad = (profile: { type?: string } | undefined) => {
    if (!profile || safeProfileTypes.includes(profile.type ?? '')) return false;
    types.add(profile.type ?? '');
    return true;
  };
  const byPod = isBad(pod.spec.securityContext?.seccompProfile);
  const containers = namesOf(pod, ({ securityContext }) => isBad(securityContext?.seccompProfile));
  return { pod: byPod, containers, types: sorted(types) };
}

export const seccompProfile: CheckPod = (pod) => {
  const unsafe = unsafeSeccomp(pod);
  if (unsafe.types.length === 0) return undefined;
  const detail = `${setters(unsafe)} must not set securityContext.seccompProfile.type to ${quoted(unsafe.types)}`;
  return { reason: 'seccompProfile', detail };
};

function seLinuxOptions(allowedTypes: readonly string[]): CheckPod {
  return (pod) => {
    const bad: SELinuxOptions[] = [];
    const isBad = (options: SELinuxOptions | undefined) => {
      if (!options || (allowedTypes.includes(options.type ?? '') && !options.user && !options.role)) return false;
      bad.push(options);
      return true;
    };
    const byPod = isBad(pod.spec.securityContext?.seLinuxOptions);
    const containers = namesOf(pod, ({ securityContext }) => isBad(securityContext?.seLinuxOptions));
    if (bad.length === 0) return undefined;
    const types = sorted(bad.map(({ type = '' }) => type).filter((type) => !allowedTypes.includes(type)));
    const faults = [
      ...(types.length > 0 ? [`${plural(types.length, 'type')} ${quoted(types)}`] : []),
      ...(bad.some(({ user }) => user) ? ['user may not be set'] : []),
      ...(bad.some(({ role }) => role) ? ['role may not be set'] : []),
    ];
    const who = setters({ pod: byPod, containers });
    const detail = `${who} set forbidden securityContext.seLinuxOptions: ${faults.join('; ')}`;
    return { reason: 'seLinuxOptions', detail };
  };
}

const seLinuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t'];

function sysctls(allowed: readonly string[]): CheckPod {
  return ({ spec }) => {
    const bad = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !allowed.includes(name));
    return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') };
  };
}

const sysctlsFirst = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
];
const sysctls27 = [...sysctlsFirst, 'net.ipv4.ip_local_reserved_ports'];
const sysctls29 = [
  ...sysctls27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
];
const sysctls32 = [...sysctls29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];

const windowsHostProcess: CheckPod = (pod) => {
  const byPod = pod.spec.securityContext?.windowsOptions?.hostProcess === true;
  const containers = namesOf(pod, ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true);
  const who = setters({ pod: byPod, containers });
  if (!who) return undefined;
  return { reason: 'hostProcess', detail: `${who} must not set securityContext.windowsOptions.hostProcess=true` };
};

const always = (id: string, check: CheckPod): Check => ({
  id,
  level: 'baseline',
  revisions: [{ since: 0, check }],
});

export const baselineChecks: readonly Check[] = [
  always('appArmorProfile', appArmorProfile),
  always('capabilities_baseline', capabilities),
  always('hostNamespaces', hostNamespaces),
  always('hostPathVolumes', hostPathVolumes),
  always('hostPorts', hostPorts),
  { id: 'hostProbesAndHostLifecycle', level: 'baseline', revisions: [{ since: 34, check: hostProbes }] },
  always('privileged', privilegedContainers),
  {
    id: 'procMount',
    level: 'baseline',
    revisions: [
      { since: 0, check: procMount },
      { since: 35, check: unlessOwnUsers(procMount) },
    ],
  },
  {
    id: 'seLinuxOptions',
    level: 'baseline',
    revisions: [
      { since: 0, check: seLinuxOptions(seLinuxTypes) },
      { since: 31, check: seLinuxOptions([...seLinuxTypes, 'container_engine_t']) },
    ],
  },
  {
    id: 'seccompProfile_baseline',
    level: 'baseline',
    revisions: [
      { since: 0, check: seccompAnnotations },
      { since: 19, check: seccompProfile },
    ],
  },
  {
    id: 'sysctls',
    level: 'baseline',
    revisions: [
      { since: 0, check: sysctls(sysctlsFirst) },
      { since: 27, check: sysctls(sysctls27) },
      { since: 29, check: sysctls(sysctls29) },
      { since: 32, check: sysctls(sysctls32) },
    ],
  },
  always('windowsHostProcess', windowsHostProcess),
];
