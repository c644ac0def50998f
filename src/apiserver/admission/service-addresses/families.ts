/** The fields of a Service that say which addresses it has, filled in for a cluster of IPv4 alone. */
import { isExternallyAccessible } from '#api/core/service-rules.js';
import type { Service } from '#api/gen/core-v1.js';
import { duplicate, type FieldError, invalidValue, notSupported } from '#apimachinery/field-error.js';

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
    delete spec.ipFamilies;
    delete spec.ipFamilyPolicy;
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

/** A headless service without a selector is filled by others, who may have addresses of both families. */
export function fillFamilies(spec: Spec): FieldError[] {
  const isSelectorless = spec.clusterIPs?.[0] === headless && Object.keys(spec.selector ?? {}).length === 0;
  const families = spec.ipFamilies ?? [];
  const errors = families.flatMap((family, index): FieldError[] => {
    const path = `spec.ipFamilies[${index}]`;
    if (family !== 'IPv4' && family !== 'IPv6') return [notSupported(path, family, ['IPv4', 'IPv6'])];
    if (families.indexOf(family) < index) return [duplicate(path, family)];
    if (family === 'IPv4' || isSelectorless) return [];
    return [invalidValue(path, family, 'not configured on this cluster')];
  });
  if (spec.ipFamilyPolicy === 'RequireDualStack' && !isSelectorless)
    errors.push(
      invalidValue(
        'spec.ipFamilyPolicy',
        spec.ipFamilyPolicy,
        'this cluster is not configured for dual-stack services',
      ),
    );
  spec.ipFamilyPolicy ??= isSelectorless ? 'RequireDualStack' : 'SingleStack';
  if (!spec.ipFamilies?.length)
    spec.ipFamilies = isSelectorless && spec.ipFamilyPolicy !== 'SingleStack' ? ['IPv4', 'IPv6'] : ['IPv4'];
  return errors;
}
