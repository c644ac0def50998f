/** Service: a stable name and address for a set of pods. */

import type { LoadBalancerStatus, Service, ServiceSpec } from '#api/gen/core-v1.js';
import { labelProblems } from '#apimachinery/names.js';
import { formatLabels } from '#apimachinery/selectors.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';
import {
  isExternallyAccessible,
  validateService,
  validateServiceStatus,
  validateServiceUpdate,
} from './service-rules.js';
import { serviceWarnings } from './service-warnings.js';

export default defineResource<Service>({
  group: '',
  versions: ['v1'],
  kind: 'Service',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  subresources: {
    status: true,
    others: [{ name: 'proxy', kind: 'ServiceProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] }],
  },
  allowCreateOnUpdate: true,
  storageVersionHash: '0/CO1lhkEBI=',
  storagePrefix: 'services/specs',
  selectableFields: {
    'spec.clusterIP': (service) => service.spec?.clusterIP ?? '',
    'spec.type': (service) => service.spec?.type ?? '',
  },
  validateName: labelProblems,
  default: setDefaults,
  validate: validateService,
  tellsChangeFirst: true,
  validateUpdate: validateServiceUpdate,
  validateStatusUpdate: validateServiceStatus,
  warnings: serviceWarnings,
  deletion: { returnsObject: true },
  columns: [
    nameColumn,
    {
      name: 'Type',
      type: 'string',
      description: fieldText('core.v1.ServiceSpec.type'),
      cell: ({ spec }) => spec.type ?? '',
    },
    {
      name: 'Cluster-IP',
      type: 'string',
      description: fieldText('core.v1.ServiceSpec.clusterIP'),
      cell: ({ spec }) => spec.clusterIPs?.[0] || spec.clusterIP || '<none>',
    },
    {
      name: 'External-IP',
      type: 'string',
      description: fieldText('core.v1.ServiceSpec.externalIPs'),
      cell: externalAddresses,
    },
    { name: 'Port(s)', type: 'string', description: fieldText('core.v1.ServiceSpec.ports'), cell: ports },
    ageColumn,
    {
      name: 'Selector',
      type: 'string',
      priority: 1,
      description: fieldText('core.v1.ServiceSpec.selector'),
      cell: ({ spec }) => formatLabels(spec.selector),
    },
  ],
});

/** Three hours. */
const affinitySecondsDefault = 10800;

function setDefaults(service: Service): void {
  service.spec ??= {};
  const { spec } = service;
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: affinitySecondsDefault } };
  spec.type ||= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP';
    port.targetPort ||= port.port;
  }
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'LoadBalancer') return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of service.status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP';
}

function externalAddresses({ spec, status }: Service): string {
  const own = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return own.join(',') || '<none>';
    case 'LoadBalancer':
      return [...ingressAddresses(status?.loadBalancer), ...own].join(',') || '<pending>';
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

function ingressAddresses(status: LoadBalancerStatus | undefined): string[] {
  const addresses = (status?.ingress ?? []).map(({ ip, hostname }) => ip || (hostname ?? '')).filter(Boolean);
  return [...new Set(addresses)].sort();
}

function ports({ spec }: { spec: ServiceSpec }): string {
  const texts = (spec.ports ?? []).map(
    ({ port, nodePort, protocol }) => `${nodePort ? `${port}:${nodePort}` : port}/${protocol ?? ''}`,
  );
  return texts.join(',') || '<none>';
}
