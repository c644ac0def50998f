/** The fields of a Service that say which addresses it has, filled in for a cluster of IPv4 alone. */
import { isIPv4 } from 'node:net';
import { checkAddresses } from '#api/core/service-addresses.js';
import { isExternallyAccessible } from '#api/core/service-rules.js';
import type { Service } from '#api/gen/core-v1.js';
import { collect, type FieldError, invalidValue } from '#apimachinery/field-error.js';

type Spec = NonNullable<Service['spec']>;

export const headless = 'None';

export function hasClusterAddress(spec: Spec | undefined): boolean {
  return spec !== undefined && spec.type !== 'ExternalName';
}

export function hasNodePorts(spec: Spec | undefined): boolean {
  if (spec?.type === 'NodePort') return true;
  return spec?.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false;
}

export function hasHealthCheckPort(spec: Spec | undefined): boolean {
  return spec?.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

/** `clusterIP` is the first of `clusterIPs`; clients of before dual-stack know only the one. */
export function alignClusterIPs(spec: Spec, old: Spec | undefined): void {
  const first = old?.clusterIPs?.[0];
  if (!old) {
    if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  const sameList = (spec.clusterIPs ?? []).join() === (old.clusterIPs ?? []).join();
  if ((spec.clusterIP ?? '') === (old.clusterIP ?? '') || !sameList) return;
  if (!spec.clusterIP) delete spec.clusterIPs;
  else if (spec.clusterIP !== first) spec.clusterIPs = [spec.clusterIP];
}

/** An update that says nothing of addresses and ports keeps those there are. */
export function keepFromOld(spec: Spec, old: Spec): void {
  if (hasClusterAddress(old) && hasClusterAddress(spec)) {
    if (!spec.clusterIP && old.clusterIP) spec.clusterIP = old.clusterIP;
    if (!spec.clusterIPs?.length && spec.clusterIP === old.clusterIP && old.clusterIPs)
      spec.clusterIPs = [...old.clusterIPs];
  }
  if (hasNodePorts(old) && hasNodePorts(spec)) keepNodePorts(spec, old);
  if (hasHealthCheckPort(old) && hasHealthCheckPort(spec)) spec.healthCheckNodePort ||= old.healthCheckNodePort;
}

function keepNodePorts(spec: Spec, old: Spec): void {
  const used = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort));
  const byName = new Map((old.ports ?? []).map(({ name = '', nodePort }) => [name, nodePort]));
  for (const port of spec.ports ?? []) {
    const before = byName.get(port.name ?? '');
    if (port.nodePort || !before || used.has(before)) continue;
    port.nodePort = before;
    used.add(before);
  }
}

/** What a change of type leaves without meaning goes, unless the client wrote it anew. */
export function dropForeignFields(spec: Spec, old: Spec): void {
  if (hasClusterAddress(old) && !hasClusterAddress(spec)) {
    if (spec.clusterIP === old.clusterIP) delete spec.clusterIP;
    if ((spec.clusterIPs ?? []).join() === (old.clusterIPs ?? []).join()) delete spec.clusterIPs;
    if ((spec.ipFamilies ?? []).join() === (old.ipFamilies ?? []).join()) delete spec.ipFamilies;
    if (spec.ipFamilyPolicy === old.ipFamilyPolicy) delete spec.ipFamilyPolicy;
  }
  if (hasNodePorts(old) && !hasNodePorts(spec) && sameNodePorts(spec, old))
    for (const port of spec.ports ?? []) delete port.nodePort;
  if (hasHealthCheckPort(old) && !hasHealthCheckPort(spec) && spec.healthCheckNodePort === old.healthCheckNodePort)
    delete spec.healthCheckNodePort;
  for (const [field, hasUse] of typed)
    if (hasUse(old) && !hasUse(spec) && spec[field] === old[field]) delete spec[field];
}

const isLoadBalancer = ({ type }: Spec) => type === 'LoadBalancer';

/** Fields that are refused where they have no use. */
const typed = [
  ['allocateLoadBalancerNodePorts', isLoadBalancer],
  ['loadBalancerClass', isLoadBalancer],
  ['externalTrafficPolicy', isExternallyAccessible],
] as const;

function sameNodePorts(spec: Spec, old: Spec): boolean {
  const before = new Set((old.ports ?? []).map(({ nodePort }) => nodePort));
  return (spec.ports ?? []).every(({ nodePort }) => !nodePort || before.has(nodePort));
}

/**
 * Fills in what says which addresses there are; what is wrong with these fields is all that is told then. `old` is what
 * an update changes. A headless service without a selector is filled by others, who may have addresses of both families.
 */
export function fillFamilies(spec: Spec, old: Spec | undefined): FieldError[] {
  const isSelectorless = spec.clusterIP === headless && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= old?.ipFamilyPolicy ?? (isSelectorless ? 'RequireDualStack' : 'SingleStack');
  const disagreeing = collect(checkAddresses(spec));
  if (disagreeing.length > 0) return disagreeing;
  const errors = [...checkCount(spec), ...inferFamilies(spec)];
  if (errors.length > 0) return errors;
  const families = spec.ipFamilies ?? [];
  if (isSelectorless) {
    if (families.length === 0) families.push('IPv4');
    if (families.length === 1 && spec.ipFamilyPolicy !== 'SingleStack')
      families.push(families[0] === 'IPv4' ? 'IPv6' : 'IPv4');
    spec.ipFamilies = families;
    return [];
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack')
    errors.push(
      invalidValue(policyPath, spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services'),
    );
  for (const [index, family] of families.entries())
    if (family !== 'IPv4')
      errors.push(invalidValue(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
  if (families.length === 0) spec.ipFamilies = ['IPv4'];
  return errors;
}

const policyPath = 'spec.ipFamilyPolicy';

function* checkCount({ ipFamilyPolicy, clusterIPs = [], ipFamilies = [] }: Spec): Generator<FieldError> {
  if (ipFamilyPolicy !== 'SingleStack') return;
  const why = (what: string) => `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`;
  if (clusterIPs.length > 1) yield invalidValue(policyPath, ipFamilyPolicy, why('cluster IPs'));
  if (ipFamilies.length > 1) yield invalidValue(policyPath, ipFamilyPolicy, why('IP families'));
}

/** An address says its family. */
function* inferFamilies(spec: Spec): Generator<FieldError> {
  const { clusterIPs = [] } = spec;
  for (const [index, address] of clusterIPs.entries()) {
    if (address === headless) return;
    if (index < (spec.ipFamilies?.length ?? 0)) continue;
    if (isIPv4(address)) (spec.ipFamilies ??= []).push('IPv4');
    else yield invalidValue(`spec.clusterIPs[${index}]`, clusterIPs, 'IPv6 is not configured on this cluster');
  }
}
