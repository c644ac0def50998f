/** Rules of a pod's spec, in a pod or in the template of one (kubernetes/kubernetes pkg/apis/core/validation). */
import type { PodDNSConfig, PodResourceClaim, PodSpec, Volume } from '#api/gen/core-v1.js';
import {
  duplicate,
  forbiddenField,
  invalidValue,
  required,
  tooLong,
  valueNotFound,
} from '#apimachinery/field-error.js';
import { validateLabels } from '#apimachinery/metadata-validation.js';
import { formProblem, lengthProblems, subdomainLengthMax, subdomainProblems } from '#apimachinery/names.js';
import type { ObjectMeta } from '#apimachinery/object.js';
import { endsStep } from '#base/turns.js';
import {
  check,
  checkEnum,
  checkIp,
  checkLabel,
  checkQualifiedName,
  checkRange,
  checkReference,
  checkSubdomain,
  each,
  type FieldErrors,
  int32Max,
} from '../../meta/check.js';
import {
  checkContainers,
  checkEphemeralContainers,
  checkHostNetworkPorts,
  checkInitContainers,
  claimNamesOf,
  contextOf,
} from './validate-container.js';
import { allContainers, checkHostProcess, checkOs } from './validate-os.js';
import { checkContainerResources, checkPodResources } from './validate-resources.js';
import { checkAffinity, checkSchedulingGates, checkSpread, checkTolerations } from './validate-scheduling.js';
import { checkHostUsers, checkPodSecurityContext } from './validate-security.js';
import { checkVolumes } from './validate-volume.js';

/** `metadata` is of a pod; a template has none. */
export function* checkPodSpec(
  path: string,
  spec: PodSpec,
  { metadata }: { metadata: ObjectMeta | undefined },
): FieldErrors {
  if (spec.terminationGracePeriodSeconds === undefined) yield required(`${path}.terminationGracePeriodSeconds`);
  const context = contextOf(spec, yield* checkVolumes(`${path}.volumes`, spec.volumes, { metadata }));
  yield* checkPodClaims(`${path}.resourceClaims`, spec.resourceClaims);
  yield* checkContainers(`${path}.containers`, spec, context);
  yield* checkInitContainers(`${path}.initContainers`, spec, context);
  yield* checkEphemeralContainers(`${path}.ephemeralContainers`, spec, context);
  yield* checkPodResources(`${path}.resources`, spec, { claimNames: claimNamesOf(spec) });
  yield* checkHostNetworkPorts(path, spec, { isPod: metadata !== undefined });
  yield* checkEnum(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']);
  yield* checkEnum(`${path}.dnsPolicy`, spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']);
  yield* validateLabels(spec.nodeSelector, `${path}.nodeSelector`);
  yield* checkPodSecurityContext(`${path}.securityContext`, spec);
  yield* checkAffinity(`${path}.affinity`, spec.affinity);
  yield* checkDnsConfig(`${path}.dnsConfig`, spec);
  for (const gate of each(`${path}.readinessGates`, spec.readinessGates))
    yield* checkQualifiedName(`${gate.path}.conditionType`, gate.value.conditionType ?? '');
  yield* checkSchedulingGates(`${path}.schedulingGates`, spec.schedulingGates);
  yield* checkSpread(`${path}.topologySpreadConstraints`, spec.topologySpreadConstraints);
  yield* checkHostProcess(path, spec);
  yield* checkHostUsers(path, spec);
  if (spec.hostnameOverride !== undefined) yield* checkHostnameOverride(path, spec);
  yield* checkNames(path, spec);
  yield* checkTolerations(`${path}.tolerations`, spec.tolerations);
  yield* checkHostAliases(`${path}.hostAliases`, spec);
  yield* checkClasses(path, spec);
  if (spec.overhead) yield* checkContainerResources(`${path}.overhead`, { limits: spec.overhead }, { claimNames: [] });
  yield* checkOs(path, spec);
  yield* checkEnvFiles(path, spec);
}

function* checkNames(path: string, spec: PodSpec): FieldErrors {
  yield* checkReference(`${path}.serviceAccountName`, spec.serviceAccountName);
  yield* checkReference(`${path}.nodeName`, spec.nodeName);
  yield* checkRange(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, { min: 1, max: int32Max });
  if (spec.hostname) yield* checkLabel(`${path}.hostname`, spec.hostname);
  if (spec.subdomain) yield* checkLabel(`${path}.subdomain`, spec.subdomain);
}

function* checkClasses(path: string, spec: PodSpec): FieldErrors {
  yield* checkReference(`${path}.priorityClassName`, spec.priorityClassName);
  if (spec.runtimeClassName !== undefined) yield* checkSubdomain(`${path}.runtimeClassName`, spec.runtimeClassName);
  if (spec.preemptionPolicy !== undefined)
    yield* checkEnum(`${path}.preemptionPolicy`, spec.preemptionPolicy, ['PreemptLowerPriority', 'Never']);
}

/** The kernel's limit on a host name. */
const hostnameBytesMax = 64;

function* checkHostnameOverride(path: string, spec: PodSpec): FieldErrors {
  const { hostnameOverride = '', setHostnameAsFQDN, hostNetwork } = spec;
  const at = `${path}.hostnameOverride`;
  if (setHostnameAsFQDN) yield forbiddenField(at, 'may not be specified when setHostnameAsFQDN is true');
  if (hostNetwork) yield forbiddenField(at, 'may not be specified when hostNetwork is true');
  if (Buffer.byteLength(hostnameOverride) > hostnameBytesMax) yield tooLong(at, hostnameBytesMax);
  yield* check(at, hostnameOverride, subdomainProblems);
}

/** A file with variables is written by a container of the pod, into a volume that goes with it. */
function* checkEnvFiles(path: string, spec: PodSpec): FieldErrors {
  let volumes: ReadonlyMap<string, Volume> | undefined;
  for (const { path: containerAt, value: container } of allContainers(path, spec)) {
    for (const { path: at, value } of each(`${containerAt}.env`, container.env)) {
      if (endsStep()) yield;
      const name = value.valueFrom?.fileKeyRef?.volumeName;
      if (!value.valueFrom?.fileKeyRef) continue;
      const nameAt = `${at}.valueFrom.fileKeyRef.volumeName`;
      volumes ??= new Map(spec.volumes?.map((one) => [one.name, one]));
      const volume = name === undefined ? undefined : volumes.get(name);
      if (!volume) yield valueNotFound(nameAt, name ?? '');
      else if (!volume.emptyDir) yield invalidValue(nameAt, name, 'referenced volume must be of type emptyDir');
    }
  }
}

function* checkPodClaims(path: string, claims: readonly PodResourceClaim[] | undefined): FieldErrors {
  const names = new Set<string>();
  for (const { path: at, value: claim } of each(path, claims)) {
    if (endsStep()) yield;
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    if (!name) yield required(`${at}.name`);
    else if (names.has(name)) yield duplicate(`${at}.name`, name);
    else yield* checkLabel(`${at}.name`, name);
    names.add(name);
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      const why = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      yield invalidValue(at, goClaim(claim), why);
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined)
      yield invalidValue(at, goClaim(claim), 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`');
    if (resourceClaimName !== undefined) yield* checkSubdomain(`${at}.resourceClaimName`, resourceClaimName);
    if (resourceClaimTemplateName !== undefined)
      yield* checkSubdomain(`${at}.resourceClaimTemplateName`, resourceClaimTemplateName);
  }
}

function goClaim({ name, resourceClaimName, resourceClaimTemplateName }: PodResourceClaim) {
  return {
    Name: name ?? '',
    ResourceClaimName: resourceClaimName ?? null,
    ResourceClaimTemplateName: resourceClaimTemplateName ?? null,
  };
}

const nameserversMax = 3;
const searchPathsMax = 32;
const searchListCharactersMax = 2048;

/** The limits are those of libc's resolver. */
function* checkDnsConfig(path: string, { dnsConfig, dnsPolicy }: PodSpec): FieldErrors {
  if (dnsPolicy === 'None') {
    if (!dnsConfig) yield required(path, 'must provide `dnsConfig` when `dnsPolicy` is None');
    else if (!dnsConfig.nameservers?.length)
      yield required(`${path}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None');
    if (!dnsConfig?.nameservers?.length) return;
  }
  if (dnsConfig) yield* checkResolver(path, dnsConfig);
}

function* checkResolver(path: string, { nameservers = [], searches = [], options }: PodDNSConfig): FieldErrors {
  if (nameservers.length > nameserversMax)
    yield invalidValue(`${path}.nameservers`, nameservers, `must not have more than ${nameserversMax} nameservers`);
  for (const server of each(`${path}.nameservers`, nameservers)) yield* checkIp(server.path, server.value);
  if (searches.length > searchPathsMax)
    yield invalidValue(`${path}.searches`, searches, `must not have more than ${searchPathsMax} search paths`);
  if (searches.join(' ').length > searchListCharactersMax) {
    const why = `must not have more than ${searchListCharactersMax} characters (including spaces) in the search list`;
    yield invalidValue(`${path}.searches`, searches, why);
  }
  for (const { path: at, value } of each(`${path}.searches`, searches))
    if (value !== '.') yield* check(at, value.replace(/\.$/, ''), searchPathProblems);
  for (const option of each(`${path}.options`, options))
    if (!option.value.name) yield required(option.path, 'must not be empty');
}

const underscoreLabel = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const underscoreForm = `${underscoreLabel}(\\.${underscoreLabel})*`;
const underscorePattern = new RegExp(`^${underscoreForm}$`);

/** Services of other worlds have underscores in their domains. */
function searchPathProblems(search: string): string[] {
  const problems = lengthProblems(search, subdomainLengthMax);
  if (underscorePattern.test(search)) return problems;
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
  return [...problems, formProblem(rule, underscoreForm, 'example.com')];
}

function* checkHostAliases(path: string, { hostAliases }: PodSpec): FieldErrors {
  for (const { path: at, value: alias } of each(path, hostAliases)) {
    yield* checkIp(`${at}.ip`, alias.ip ?? '');
    for (const name of each(`${at}.hostnames`, alias.hostnames)) yield* checkSubdomain(name.path, name.value);
  }
}
