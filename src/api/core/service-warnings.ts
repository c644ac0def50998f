/** What is allowed in a Service and yet most likely not meant (kubernetes/kubernetes pkg/api/service/warnings.go). */
import type { Service } from '#api/gen/core-v1.js';
import { addressWarnings, rangeWarnings } from '../meta/address-warnings.js';
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
  const hasNoAddress = type === 'ClusterIP' && isHeadless(spec);
  if (hasNoAddress) {
    if (loadBalancerIP) yield 'spec.loadBalancerIP is ignored for headless services';
    if (externalIPs.length > 0) yield 'spec.externalIPs is ignored for headless services';
    // Upstream writes it so.
    if (spec.sessionAffinity !== 'None') yield 'spec.SessionAffinity is ignored for headless services';
  }
  for (const { path, value } of each('spec.externalIPs', externalIPs)) yield* addressWarnings(path, value);
  if (externalIPs.length > 0 && !hasNoAddress && type !== 'ExternalName')
    yield 'spec.externalIPs is deprecated and may no longer be implemented in some clusters';
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
