/** Rules of Services. Which addresses and ports are free is not said here but where they are given out. */
import { isIPv6 } from 'node:net';
import type { Service, ServicePort, ServiceSpec } from '#api/gen/core-v1.js';
import {
  collect,
  collectInSteps,
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  required,
} from '#apimachinery/field-error.js';
import { validateLabels } from '#apimachinery/metadata-validation.js';
import { subdomainProblems } from '#apimachinery/names.js';
import {
  check,
  checkCidr,
  checkEnum,
  checkIp,
  checkLabel,
  checkNonSpecialIp,
  checkOptionalEnum,
  checkPort,
  checkPortOrName,
  checkQualifiedName,
  checkSubdomain,
  each,
  type FieldErrors,
  forbidSet,
} from '../meta/check.js';
import { checkAddresses, checkAddressUpdate, isHeadless } from './service-addresses.js';

export function isExternallyAccessible({ type, externalIPs }: ServiceSpec): boolean {
  return type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && (externalIPs ?? []).length > 0);
}

/** Its load balancer asks nodes whether they have an endpoint. */
export function needsHealthCheck({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
}

export function* validateService(service: Service): FieldErrors {
  yield* checkTopologyAnnotations(service);
  yield* checkSpec(service.spec, service.metadata.annotations);
}

function* checkSpec(spec: ServiceSpec, annotations: Record<string, string> | undefined): FieldErrors {
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') yield required('spec.ports');
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && isHeadless(spec))
    yield invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`);
  if (spec.type === 'ExternalName') yield* checkExternalName(spec);
  yield* checkPorts(ports);
  yield* validateLabels(spec.selector, 'spec.selector');
  yield* checkAffinity(spec);
  yield* checkAddresses(spec);
  for (const { path, value } of each('spec.externalIPs', spec.externalIPs)) {
    const errors = yield* collectInSteps(checkIp(path, value));
    yield* errors.length > 0 ? errors : checkNonSpecialIp(path, value);
  }
  yield* checkEnum('spec.type', spec.type, ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']);
  yield* checkPortPairs(ports, spec);
  yield* checkLoadBalancer(spec, annotations);
  yield* checkTrafficPolicies(spec);
}

function* checkExternalName(spec: ServiceSpec): FieldErrors {
  const { clusterIPs, ipFamilies, ipFamilyPolicy, externalName = '' } = spec;
  const why = 'may not be set for ExternalName services';
  yield* forbidSet('spec', { clusterIPs, ipFamilies, ipFamilyPolicy }, { why });
  // A trailing dot says that the name is complete.
  const name = externalName.replace(/\.$/, '');
  if (name) yield* checkSubdomain('spec.externalName', name);
  else yield required('spec.externalName');
}

const protocols = ['SCTP', 'TCP', 'UDP'];

function* checkPorts(ports: readonly ServicePort[]): FieldErrors {
  const names = new Set<string>();
  for (const { path, value: port } of each('spec.ports', ports)) {
    if (port.name) {
      yield* checkLabel(`${path}.name`, port.name);
      if (names.has(port.name)) yield duplicate(`${path}.name`, port.name);
      names.add(port.name);
    } else if (ports.length > 1) yield required(`${path}.name`);
    yield* checkPort(`${path}.port`, port.port ?? 0);
    yield* checkEnum(`${path}.protocol`, port.protocol, protocols);
    yield* checkPortOrName(`${path}.targetPort`, port.targetPort);
    if (port.appProtocol !== undefined) yield* checkQualifiedName(`${path}.appProtocol`, port.appProtocol);
  }
}

function* checkPortPairs(ports: readonly ServicePort[], { type }: ServiceSpec): FieldErrors {
  if (type === 'ClusterIP')
    for (const { path, value } of each('spec.ports', ports))
      if (value.nodePort) yield forbiddenField(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'");
  const taken = new Set<string>();
  for (const { path, value } of each('spec.ports', ports)) {
    if (!value.nodePort) continue;
    const key = `${value.protocol}/${value.nodePort}`;
    if (taken.has(key)) yield duplicate(`${path}.nodePort`, value.nodePort);
    taken.add(key);
  }
  const pairs = new Set<string>();
  for (const { path, value } of each('spec.ports', ports)) {
    const key = `${value.protocol}/${value.port}`;
    if (pairs.has(key)) yield duplicate(path, goPort(value));
    pairs.add(key);
  }
}

/** As upstream's own type shows itself, whose fields have Go's names. */
function goPort({ protocol, port }: ServicePort) {
  return { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 };
}

/** One day. */
const affinitySecondsMax = 86400;

function* checkAffinity({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): FieldErrors {
  yield* checkEnum('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None']);
  const path = 'spec.sessionAffinityConfig';
  if (sessionAffinity === 'None' && config) yield forbiddenField(path, 'must not be set when session affinity is None');
  if (sessionAffinity !== 'ClientIP') return;
  const when = 'when session affinity type is ClientIP';
  const seconds = config?.clientIP?.timeoutSeconds;
  if (!config) yield required(path, when);
  else if (!config.clientIP) yield required(`${path}.clientIP`, when);
  else if (seconds === undefined) yield required(`${path}.clientIP.timeoutSeconds`, when);
  else if (seconds <= 0 || seconds > affinitySecondsMax) {
    const why = `must be greater than 0 and less than ${affinitySecondsMax}`;
    yield invalidValue(`${path}.clientIP.timeoutSeconds`, seconds, why);
  }
}

const onlyForLoadBalancers = "may only be used when `type` is 'LoadBalancer'";

/** Where the ranges stood before they were a field. */
const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges';

function* checkLoadBalancer(spec: ServiceSpec, annotations: Record<string, string> | undefined): FieldErrors {
  const { loadBalancerSourceRanges: ranges = [], allocateLoadBalancerNodePorts: allocate } = spec;
  const isLoadBalancer = spec.type === 'LoadBalancer';
  const at = 'spec.LoadBalancerSourceRanges';
  if (ranges.length > 0 && !isLoadBalancer) yield forbiddenField(at, onlyForLoadBalancers);
  for (const { path, value } of each(at, ranges)) yield* checkCidr(path, value.trim());
  const annotated = annotations?.[rangesAnnotation];
  if (ranges.length === 0 && annotated !== undefined) {
    const place = `metadata.annotations[${rangesAnnotation}]`;
    if (!isLoadBalancer) yield forbiddenField(place, onlyForLoadBalancers);
    if (annotated.trim() !== '') for (const range of annotated.split(',')) yield* checkCidr(place, range.trim());
  }
  if (allocate !== undefined && !isLoadBalancer)
    yield forbiddenField('spec.allocateLoadBalancerNodePorts', onlyForLoadBalancers);
  if (allocate === undefined && isLoadBalancer) yield required('allocateLoadBalancerNodePorts');
  yield* checkLoadBalancerClass(spec);
}

function* checkLoadBalancerClass({ type, loadBalancerClass }: ServiceSpec): FieldErrors {
  if (loadBalancerClass === undefined) return;
  if (type === 'LoadBalancer') yield* checkQualifiedName('spec.loadBalancerClass', loadBalancerClass);
  else yield forbiddenField('spec.loadBalancerClass', onlyForLoadBalancers);
}

function* checkTrafficPolicies(spec: ServiceSpec): FieldErrors {
  const { externalTrafficPolicy, healthCheckNodePort, internalTrafficPolicy, trafficDistribution, type } = spec;
  const policies = ['Cluster', 'Local'];
  const external = 'spec.externalTrafficPolicy';
  if (isExternallyAccessible(spec)) yield* checkEnum(external, externalTrafficPolicy, policies);
  else if (externalTrafficPolicy)
    yield invalidValue(external, externalTrafficPolicy, 'may only be set for externally-accessible services');
  const healthCheck = 'spec.healthCheckNodePort';
  if (needsHealthCheck(spec)) {
    if (!healthCheckNodePort) yield required(healthCheck);
    else yield* checkPort(healthCheck, healthCheckNodePort);
  } else if (healthCheckNodePort) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    yield invalidValue(healthCheck, healthCheckNodePort, why);
  }
  if (internalTrafficPolicy === undefined && type !== 'ExternalName') yield required('spec.internalTrafficPolicy');
  yield* checkOptionalEnum('spec.internalTrafficPolicy', internalTrafficPolicy, policies);
  const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
  yield* checkOptionalEnum('spec.trafficDistribution', trafficDistribution, distributions);
}

export const hintsAnnotation = 'service.kubernetes.io/topology-aware-hints';
export const modeAnnotation = 'service.kubernetes.io/topology-mode';

function* checkTopologyAnnotations({ metadata }: Service): FieldErrors {
  const hints = metadata.annotations?.[hintsAnnotation];
  const mode = metadata.annotations?.[modeAnnotation];
  if (hints !== undefined && mode !== undefined && hints !== mode) {
    const why = `must match annotations[${hintsAnnotation}] when both are specified`;
    yield invalidValue(`metadata.annotations[${modeAnnotation}]`, mode, why);
  }
}

export function validateServiceUpdate({ spec }: Service, { spec: old }: Service): FieldError[] {
  const errors = collect(checkAddressUpdate(spec, old));
  if (spec.type === 'LoadBalancer' && old.type === 'LoadBalancer' && spec.loadBalancerClass !== old.loadBalancerClass)
    errors.push(invalidValue('spec.loadBalancerClass', spec.loadBalancerClass ?? null, 'may not change once set'));
  errors.push(...collect(checkLoadBalancerClass(spec)));
  if (needsHealthCheck(spec) && needsHealthCheck(old) && spec.healthCheckNodePort !== old.healthCheckNodePort)
    errors.push(forbiddenField('spec.healthCheckNodePort', 'field is immutable'));
  return errors;
}

export function* validateServiceStatus({ spec, status }: Service): FieldErrors {
  const ingress = status?.loadBalancer?.ingress ?? [];
  const at = 'status.loadBalancer.ingress';
  if (spec.type !== 'LoadBalancer' && ingress.length > 0) {
    yield forbiddenField(at, "may only be used when `spec.type` is 'LoadBalancer'");
    return;
  }
  for (const { path, value } of each(at, ingress)) {
    const { ip, ipMode, hostname } = value;
    if (ip) yield* checkIp(`${path}.ip`, ip);
    if (ip && ipMode === undefined) yield required(`${path}.ipMode`, 'must be specified when `ip` is set');
    else if (!ip && ipMode !== undefined)
      yield forbiddenField(`${path}.ipMode`, 'may not be specified when `ip` is not set');
    else yield* checkOptionalEnum(`${path}.ipMode`, ipMode, ['Proxy', 'VIP']);
    if (!hostname) continue;
    yield* check(`${path}.hostname`, hostname, subdomainProblems);
    if (isAddress(hostname)) yield invalidValue(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address');
  }
}

function isAddress(text: string): boolean {
  return /^\d+(\.\d+){3}$/.test(text) || isIPv6(text);
}
