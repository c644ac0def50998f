/** What is allowed in a pod and yet most likely not meant (kubernetes/kubernetes pkg/api/pod/warnings.go). */
import type {
  Container,
  ContainerPort,
  EnvVar,
  EphemeralContainer,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  PodTemplateSpec,
} from '#api/gen/core-v1.js';
import { labelProblems } from '#apimachinery/names.js';
import type { ObjectMeta } from '#apimachinery/object.js';
import { addressWarnings } from '../../meta/address-warnings.js';
import { each } from '../../meta/check.js';
import { deprecatedNodeLabels } from '../../meta/node-labels.js';
import { byteWarnings } from './byte-warnings.js';
import { appArmorPrefix } from './validate.js';
import { allContainers } from './validate-os.js';
import { volumeWarnings } from './volume-warnings.js';

type Warnings = Generator<string, void, undefined>;

/** On creation only: people do not change pods, and kubelets do so often. */
export function podWarnings(pod: Pod): string[] {
  const problems = labelProblems(pod.metadata.name ?? '');
  const hostname =
    "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended";
  const ofName = problems.length > 0 ? [`${hostname}: [${problems.join(' ')}]`] : [];
  return [...ofName, ...specWarnings('', pod)];
}

/** Of what gives its pods names that begin with its own. */
export function nameWarnings({ name = '' }: ObjectMeta): string[] {
  const problems = labelProblems(name);
  if (problems.length === 0) return [];
  const text =
    'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended';
  return [`${text}: [${problems.join(' ')}]`];
}

/** `path` is where the template stands: `spec.template`. */
export function templateWarnings(path: string, template: PodTemplateSpec | undefined): string[] {
  return template ? [...specWarnings(`${path}.`, template)] : [];
}

function* specWarnings(prefix: string, { metadata, spec }: { metadata?: ObjectMeta; spec?: PodSpec }): Warnings {
  if (!spec) return;
  const path = `${prefix}spec`;
  yield* nodeLabelWarnings(path, spec);
  for (const [key, message] of Object.entries(deprecatedAnnotations))
    if (metadata?.annotations?.[key] !== undefined) yield `${prefix}metadata.annotations[${key}]: ${message}`;
  yield* volumeWarnings(`${path}.volumes`, spec.volumes);
  yield* duplicateWarnings(path, spec);
  yield* amountWarnings(`${path}.overhead`, spec.overhead);
  yield* profileWarnings(`${prefix}metadata.annotations`, { metadata, spec });
  for (const { path: at, value: container } of allContainers(path, spec)) {
    for (const name of ['memory', 'ephemeral-storage'])
      for (const list of ['limits', 'requests'] as const)
        yield* byteWarnings(`${at}.resources.${list}`, name, container.resources?.[list]);
    yield* envWarnings(`${at}.env`, container.env ?? []);
  }
  yield* portWarnings(allContainers(path, spec));
  yield* portNameWarnings(allContainers(path, spec));
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0)
    yield `${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`;
  yield* affinityWarnings(`${path}.affinity`, spec);
  for (const { path: at, value } of each(`${path}.dnsConfig.nameservers`, spec.dnsConfig?.nameservers))
    yield* addressWarnings(at, value);
  for (const { path: at, value } of each(`${path}.hostAliases`, spec.hostAliases))
    yield* addressWarnings(`${at}.ip`, value.ip ?? '');
}

const noPod = 'a null labelSelector results in matching no pod';

function* affinityWarnings(path: string, { affinity }: PodSpec): Warnings {
  const [required, preferred] = [
    'requiredDuringSchedulingIgnoredDuringExecution',
    'preferredDuringSchedulingIgnoredDuringExecution',
  ] as const;
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    for (const { path: at, value } of each(`${path}.${kind}.${required}`, affinity?.[kind]?.[required]))
      if (!value.labelSelector) yield `${at}.labelSelector: ${noPod}`;
    for (const { path: at, value } of each(`${path}.${kind}.${preferred}`, affinity?.[kind]?.[preferred]))
      if (!value.podAffinityTerm?.labelSelector) yield `${at}.podAffinityTerm.labelSelector: ${noPod}`;
  }
}

function* nodeLabelWarnings(path: string, spec: PodSpec): Warnings {
  for (const key of Object.keys(spec.nodeSelector ?? {}))
    if (deprecatedNodeLabels[key]) yield `${path}.nodeSelector[${key}]: ${deprecatedNodeLabels[key]}`;
  const affinity = spec.affinity?.nodeAffinity;
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  const at = `${path}.affinity.nodeAffinity`;
  for (const term of each(`${at}.${required}.nodeSelectorTerms`, affinity?.[required]?.nodeSelectorTerms))
    yield* termWarnings(term.path, term.value);
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
  for (const term of each(`${at}.${preferred}`, affinity?.[preferred]))
    yield* termWarnings(`${term.path}.preference`, term.value.preference);
  for (const { path: here, value } of each(`${path}.topologySpreadConstraints`, spec.topologySpreadConstraints)) {
    const message = deprecatedNodeLabels[value.topologyKey];
    if (message) yield `${here}.topologyKey: ${value.topologyKey} is ${message}`;
    if (!value.labelSelector) yield `${here}.labelSelector: ${noPod}`;
  }
}

export function* termWarnings(path: string, { matchExpressions }: NodeSelectorTerm): Warnings {
  for (const { path: at, value } of each(`${path}.matchExpressions`, matchExpressions)) {
    const message = deprecatedNodeLabels[value.key];
    if (message) yield `${at}.key: ${value.key} is ${message}`;
  }
}

const deprecatedAnnotations: Record<string, string> = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};

function* profileWarnings(
  path: string,
  { metadata, spec }: { metadata: ObjectMeta | undefined; spec: PodSpec },
): Warnings {
  const annotations = metadata?.annotations ?? {};
  const seccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead';
  const podKey = 'seccomp.security.alpha.kubernetes.io/pod';
  if (annotations[podKey] !== undefined && !spec.securityContext?.seccompProfile)
    yield `${path}[${podKey}]: ${seccomp}`;
  for (const { value: container } of allContainers('spec', spec)) {
    const own = container.securityContext;
    const key = `container.seccomp.security.alpha.kubernetes.io/${container.name}`;
    if (annotations[key] !== undefined && !own?.seccompProfile) yield `${path}[${key}]: ${seccomp}`;
    const appArmorKey = `${appArmorPrefix}${container.name}`;
    const hasProfile = own?.appArmorProfile ?? spec.securityContext?.appArmorProfile;
    if (annotations[appArmorKey] !== undefined && !hasProfile)
      yield `${path}[${appArmorKey}]: deprecated since v1.30; use the "appArmorProfile" field instead`;
  }
}

function* duplicateWarnings(path: string, { hostAliases = [], imagePullSecrets = [] }: PodSpec): Warnings {
  const addresses = new Set<string>();
  for (const { path: at, value } of each(`${path}.hostAliases`, hostAliases)) {
    if (addresses.has(value.ip)) yield `${at}.ip: duplicate ip ${JSON.stringify(value.ip)}`;
    addresses.add(value.ip);
  }
  const names = new Set<string>();
  for (const { path: at, value } of each(`${path}.imagePullSecrets`, imagePullSecrets)) {
    const name = value.name ?? '';
    if (names.has(name)) yield `${at}.name: duplicate name ${JSON.stringify(name)}`;
    if (name === '') yield `${at}.name: invalid empty name ""`;
    names.add(name);
  }
}

function* amountWarnings(path: string, amounts: Record<string, string> | undefined): Warnings {
  for (const name of ['memory', 'ephemeral-storage']) yield* byteWarnings(path, name, amounts);
}

/** A later variable may build on an earlier one of its name: `X=$(X):/more`. */
function* envWarnings(path: string, env: readonly EnvVar[]): Warnings {
  const names = new Set<string>();
  for (const { path: at, value } of each(path, env)) {
    const { name, value: text = '', valueFrom } = value;
    const own = `$(${name})`;
    const isHiding = valueFrom !== undefined || text === own || !text.includes(own);
    if (names.has(name) && isHiding)
      yield `${at}: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`;
    names.add(name);
  }
}

function* portWarnings(containers: Iterable<{ path: string; value: Container | EphemeralContainer }>): Warnings {
  const seen = new Map<string, { path: string; port: ContainerPort }[]>();
  for (const { path, value: container } of containers) {
    for (const { path: at, value: port } of each(`${path}.ports`, container.ports)) {
      if (port.hostIP && !port.hostPort) yield `${at}: hostIP set without hostPort: ${goPort(port)}`;
      const key = `${port.containerPort}/${port.protocol}`;
      const others = seen.get(key) ?? [];
      for (const other of others) {
        const relation = portRelation(port, other.port);
        if (relation) yield `${at}: ${relation} port definition with ${other.path}`;
      }
      seen.set(key, [...others, { path: at, port }]);
    }
  }
}

function* portNameWarnings(containers: Iterable<{ path: string; value: Container | EphemeralContainer }>): Warnings {
  const seen = new Map<string, string>();
  for (const { path, value: container } of containers) {
    for (const { path: at, value: port } of each(`${path}.ports`, container.ports)) {
      if (!port.name) continue;
      const other = seen.get(port.name);
      if (other === undefined) seen.set(port.name, at);
      else {
        const name = JSON.stringify(port.name);
        yield `${at}: duplicate port name ${name} with ${other}, services and probes that select ports by name will use ${other}`;
      }
    }
  }
}

/** As Go prints it. */
function goPort({ name = '', hostPort = 0, containerPort, protocol = '', hostIP = '' }: ContainerPort): string {
  const fields = { Name: name, HostPort: hostPort, ContainerPort: containerPort, Protocol: protocol, HostIP: hostIP };
  return `{${Object.entries(fields)
    .map(([key, value]) => `${key}:${value}`)
    .join(' ')}}`;
}

function portRelation(one: ContainerPort, other: ContainerPort): string | undefined {
  const [hostPort = 0, otherHostPort = 0] = [one.hostPort, other.hostPort];
  const [hostIp = '', otherHostIp = ''] = [one.hostIP, other.hostIP];
  if (hostIp === otherHostIp && hostPort === otherHostPort) return 'duplicate';
  if (hostPort === 0 || otherHostPort === 0) return 'overlapping';
  const isAnyAddress = hostIp === '' || otherHostIp === '';
  return isAnyAddress && hostPort === otherHostPort ? 'dangerously ambiguous' : undefined;
}
