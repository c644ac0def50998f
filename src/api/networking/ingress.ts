/** Ingress: which host names and paths lead to which Services, for whoever serves its class. */
import { isIP } from 'node:net';
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressSpec } from '#api/gen/networking-v1.js';
import { invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import {
  labelProblems,
  pathSegmentProblems,
  portNameProblems,
  subdomainProblems,
  wildcardSubdomainProblems,
} from '#apimachinery/names.js';
import { check, checkIp, checkPort, checkReference, checkSubdomain, each, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';

const classAnnotation = 'kubernetes.io/ingress.class';

export default defineResource<Ingress>({
  group: 'networking.k8s.io',
  versions: ['v1'],
  kind: 'Ingress',
  shortNames: ['ing'],
  namespaced: true,
  metadataRepeats: { update: ['change', 'whole'] },
  subresources: { status: true },
  storageVersionHash: '39NQlfNR+bo=',
  storagePrefix: 'ingress',
  bumpsGeneration: ['spec'],
  default(ingress) {
    ingress.spec ??= {};
  },
  validate: ({ spec }) => checkSpec(spec),
  validateCreate: (ingress) => checkClassAnnotation(ingress),
  warnings: ({ metadata, spec }, old) => {
    const isOfOld = metadata.annotations?.[classAnnotation] !== undefined && spec?.ingressClassName === undefined;
    if (old || !isOfOld) return [];
    return [`annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`];
  },
  validateStatusUpdate: (ingress) => checkStatus(ingress),
  columns: [
    nameColumn,
    {
      name: 'Class',
      type: 'string',
      description: 'The name of the IngressClass resource that should be used for additional configuration',
      cell: ({ spec }) => spec?.ingressClassName ?? '<none>',
    },
    {
      name: 'Hosts',
      type: 'string',
      description: 'Hosts that incoming requests are matched against before the ingress rule',
      cell: hostsCell,
    },
    {
      name: 'Address',
      type: 'string',
      description: 'Address is a list containing ingress points for the load-balancer',
      cell: addressesCell,
    },
    {
      name: 'Ports',
      type: 'string',
      description: 'Ports of TLS configurations that open',
      cell: ({ spec }) => (spec?.tls?.length ? '80, 443' : '80'),
    },
    ageColumn,
  ],
});

function* checkClassAnnotation({ metadata, spec }: Ingress): FieldErrors {
  const annotation = metadata.annotations?.[classAnnotation];
  const { ingressClassName } = spec;
  if (annotation !== undefined && ingressClassName !== undefined && annotation !== ingressClassName) {
    const why = 'must match `ingressClassName` when both are specified';
    // Upstream's path leaves out that annotations are metadata.
    yield invalidValue(`annotations.${classAnnotation}`, annotation, why);
  }
}

function* checkSpec({ rules = [], defaultBackend, tls, ingressClassName }: IngressSpec): FieldErrors {
  if (rules.length === 0 && !defaultBackend)
    yield invalidValue('spec', null, 'either `defaultBackend` or `rules` must be specified');
  if (defaultBackend) yield* checkBackend('spec.defaultBackend', defaultBackend);
  for (const rule of each('spec.rules', rules)) yield* checkRule(rule.path, rule.value);
  for (const { path, value } of each('spec.tls', tls)) {
    for (const host of each(`${path}.hosts`, value.hosts)) yield* check(host.path, host.value, hostProblems);
    yield* checkReference(`${path}.secretName`, value.secretName);
  }
  if (ingressClassName !== undefined) yield* checkSubdomain('spec.ingressClassName', ingressClassName);
}

function hostProblems(host: string): string[] {
  return host.includes('*') ? wildcardSubdomainProblems(host) : subdomainProblems(host);
}

function* checkRule(path: string, { host, http }: IngressRule): FieldErrors {
  if (host) {
    if (isIP(host)) yield invalidValue(`${path}.host`, host, 'must be a DNS name, not an IP address');
    yield* check(`${path}.host`, host, hostProblems);
  }
  if (!http) return;
  if (!http.paths?.length) yield required(`${path}.http.paths`);
  for (const one of each(`${path}.http.paths`, http.paths)) yield* checkPath(one.path, one.value);
}

const forbiddenSequences = ['//', '/./', '/../', '%2f', '%2F'];
const forbiddenSuffixes = ['/..', '/.'];

function* checkPath(at: string, { path = '', pathType, backend }: HTTPIngressPath): FieldErrors {
  const isAbsolute = path.startsWith('/');
  if (pathType === undefined) {
    yield required(`${at}.pathType`, 'pathType must be specified');
    return;
  }
  if (pathType === 'Exact' || pathType === 'Prefix') {
    if (!isAbsolute) yield invalidValue(`${at}.path`, path, 'must be an absolute path');
    for (const sequence of forbiddenSequences)
      if (path.includes(sequence)) yield invalidValue(`${at}.path`, path, `must not contain '${sequence}'`);
    for (const suffix of forbiddenSuffixes)
      if (path.endsWith(suffix)) yield invalidValue(`${at}.path`, path, `cannot end with '${suffix}'`);
  } else if (pathType === 'ImplementationSpecific') {
    if (path && !isAbsolute) yield invalidValue(`${at}.path`, path, 'must be an absolute path');
  } else yield notSupported(`${at}.pathType`, pathType, ['Exact', 'ImplementationSpecific', 'Prefix']);
  yield* checkBackend(`${at}.backend`, backend ?? {});
}

function* checkBackend(path: string, { service, resource }: IngressBackend): FieldErrors {
  if (service && resource) yield invalidValue(path, '', 'cannot set both resource and service backends');
  else if (resource) {
    const { apiGroup, kind, name } = resource;
    if (typeof apiGroup === 'string') yield* checkSubdomain(`${path}.resource.apiGroup`, apiGroup);
    for (const [field, value] of Object.entries({ kind, name })) {
      if (!value) yield required(`${path}.resource.${field}`);
      else yield* check(`${path}.resource.${field}`, value, pathSegmentProblems);
    }
  } else if (!service) yield invalidValue(path, '', 'resource or service backend is required');
  else {
    if (!service.name) yield required(`${path}.service.name`);
    else yield* check(`${path}.service.name`, service.name, labelProblems);
    const { name, number } = service.port ?? {};
    if (name && number) yield invalidValue(path, '', 'cannot set both port name & port number');
    else if (name) yield* check(`${path}.service.port.name`, name, portNameProblems);
    else if (number) yield* checkPort(`${path}.service.port.number`, number);
    else yield required(path, 'port name or number is required');
  }
}

function* checkStatus({ status }: Ingress): FieldErrors {
  for (const { path, value } of each('status.loadBalancer.ingress', status?.loadBalancer?.ingress)) {
    if (value.ip) yield* checkIp(`${path}.ip`, value.ip);
    if (!value.hostname) continue;
    yield* checkSubdomain(`${path}.hostname`, value.hostname);
    if (isIP(value.hostname))
      yield invalidValue(`${path}.hostname`, value.hostname, 'must be a DNS name, not an IP address');
  }
}

const hostsMax = 3;

function hostsCell({ spec }: Ingress): string {
  const rules = spec?.rules ?? [];
  const hosts = rules.flatMap(({ host }) => (host ? [host] : [])).slice(0, hostsMax);
  if (hosts.length === 0) return '*';
  // What follows the last host that is shown are rules, be they for a host or not.
  const thirdAt = rules.findIndex(({ host }) => host === hosts[hostsMax - 1]);
  const isMore = hosts.length === hostsMax && thirdAt < rules.length - 1;
  return isMore ? `${hosts.join(',')} + ${rules.length - hostsMax} more...` : hosts.join(',');
}

function addressesCell({ status }: Ingress): string {
  const addresses = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || (hostname ?? ''));
  return [...new Set(addresses.filter(Boolean))].sort().join(',');
}
