/** What is allowed in a Service and yet most likely not meant (kubernetes/kubernetes pkg/api/service/warnings.go). */
import { isIPv6 } from 'node:net';
import type { Service } from '#api/gen/core-v1.js';
import { canonicalIpv6 } from '#apimachinery/addresses.js';
import { each } from '../meta/check.js';
import { isHeadless } from './service-addresses.js';
import { hintsAnnotation, modeAnnotation } from './service-rules.js';

type Warnings = Generator<string, void, undefined>;

export function serviceWarnings(service: Service): string[] {
  return [...warn(service)];
}

function* warn({ metadata, spec }: Service): Warnings {
  const { externalIPs = [], clusterIPs, type, externalName, trafficDistribution, loadBalancerIP } = spec;
  if (metadata.annotations?.[hintsAnnotation] !== undefined)
    yield `annotation ${hintsAnnotation} is deprecated, please use ${modeAnnotation} instead`;
  if (spec.clusterIP && spec.clusterIP !== 'None')
    for (const { path, value } of each('spec.clusterIPs', clusterIPs)) yield* addressWarnings(path, value);
  if (type === 'ClusterIP' && isHeadless(spec)) {
    if (loadBalancerIP) yield 'spec.loadBalancerIP is ignored for headless services';
    if (externalIPs.length > 0) yield 'spec.externalIPs is ignored for headless services';
    // Upstream writes it so.
    if (spec.sessionAffinity !== 'None') yield 'spec.SessionAffinity is ignored for headless services';
  }
  if (externalIPs.length > 0) yield 'spec.externalIPs is deprecated';
  for (const { path, value } of each('spec.externalIPs', externalIPs)) yield* addressWarnings(path, value);
  if (loadBalancerIP) yield* addressWarnings('spec.loadBalancerIP', loadBalancerIP);
  for (const { path, value } of each('spec.loadBalancerSourceRanges', spec.loadBalancerSourceRanges))
    yield* rangeWarnings(path, value);
  if (type === 'ExternalName' && externalIPs.length > 0)
    yield 'spec.externalIPs is ignored when spec.type is "ExternalName"';
  if (type !== 'ExternalName' && externalName)
    yield 'spec.externalName is ignored when spec.type is not "ExternalName"';
  if (trafficDistribution === 'PreferClose')
    yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"';
}

const looseIpv4 = /^\d+(\.\d+){3}$/;

/** Of what validation takes: addresses that others may read otherwise, or write otherwise. */
function* addressWarnings(path: string, address: string): Warnings {
  const plain = looseIpv4.test(address) ? address.split('.').map(Number).join('.') : address;
  if (plain !== address) yield `${path}: non-standard IP address "${address}" is invalid: use "${plain}"`;
  const canonical = isIPv6(address) ? canonicalIpv6(address) : address;
  if (canonical !== address)
    yield `${path}: IPv6 address "${address}" should be in RFC 5952 canonical format ("${canonical}")`;
}

function* rangeWarnings(path: string, range: string): Warnings {
  const [address = '', length = ''] = range.split('/');
  if (!isIPv6(address)) return;
  const canonical = `${canonicalIpv6(address)}/${length}`;
  if (canonical !== range)
    yield `${path}: IPv6 CIDR value "${range}" should be in RFC 5952 canonical format ("${canonical}")`;
}
