/**
 * The objects that a cluster has before anybody makes one: namespaces, the default policy, priority classes, flow schemas,
 * the APIServices of what is served here, the service `kubernetes` with the API server's own address, and what aggregated
 * API servers need to know.
 */
import apiServiceResource from '#api/apiregistration/apiservice.js';
import { localApiServices } from '#api/apiregistration/local-services.js';
import configMapResource from '#api/core/configmap.js';
import endpointsResource from '#api/core/endpoints.js';
import namespaceResource from '#api/core/namespace.js';
import serviceResource from '#api/core/service.js';
import endpointSliceResource from '#api/discovery/endpointslice.js';
import type { APIService } from '#api/gen/apiregistration-v1.js';
import type { ConfigMap, Endpoints, Namespace, Service } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import type { ServiceCIDR } from '#api/gen/networking-v1.js';
import type { PriorityClass } from '#api/gen/scheduling-v1.js';
import resources from '#api/index.gen.js';
import { defaultRangeName } from '#api/networking/service-range.js';
import serviceCidrResource from '#api/networking/servicecidr.js';
import type { AnyResource, ResourceRef } from '#api/resource.js';
import priorityClassResource from '#api/scheduling/priorityclass.js';
import { isReason } from '#apimachinery/errors.js';
import { formatTime, type KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { copy, equal } from '#base/json.js';
import type { Client } from '#client/client.js';
import type { FrontProxyOptions } from './authentication/front-proxy.js';
import { reconcileBootstrapPolicy } from './authorization/rbac/bootstrap/reconcile.js';
import { reconcileFlowControl } from './flow-control-objects.js';
import { bringObjects } from './start-objects.js';

export interface SystemObjectOptions {
  /**
   * Where pods reach the API server: no loopback address. A machine that has no other leaves it out, and the service
   * has no endpoints.
   */
  advertiseAddress?: string;
  advertisePort: number;
  /** The address of the service `kubernetes`: the first of the service range. */
  serviceAddress: string;
  /** The range of services' addresses, for its ServiceCIDR. */
  serviceRange: string;
  clock: Clock;
  /** PEM, for the ConfigMap extension-apiserver-authentication. */
  clientCa: string;
  frontProxy: FrontProxyOptions;
  nowMs: number;
  signal?: AbortSignal;
}

export const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const;

const attemptsMax = 5;

/** Runs as a member of system:masters at every start; safe to run twice. */
export async function ensureSystemObjects(client: Client, options: SystemObjectOptions): Promise<void> {
  const { signal } = options;
  await Promise.all([
    ...systemNamespaces.map((name) => ensure(client, namespaceResource, namespace(name), { signal })),
    ensureServiceRange(client, options),
  ]);
  await Promise.all([
    reconcileBootstrapPolicy(client, signal),
    ...priorityClasses.map((wanted) => ensure(client, priorityClassResource, wanted, { signal })),
    ensure(client, configMapResource, extensionAuthentication(options), { signal, keep: keepData }),
    reconcileKubernetesService(client, options),
    ensure(client, configMapResource, legacyTokenTracking(options), { signal }),
    reconcileFlowControl(client, signal),
    bringObjects(client, {
      ref: apiServiceResource,
      wanted: localApiServices(resources as AnyResource[]),
      merge: mergeApiService,
      signal,
    }),
  ]);
}

/**
 * The range that this server gives addresses from. Another one that is there by its name stays as it is: changing it is
 * for an administrator.
 */
async function ensureServiceRange(client: Client, { serviceRange, clock, signal }: SystemObjectOptions): Promise<void> {
  const cidrs = [serviceRange];
  const wanted: ServiceCIDR = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: defaultRangeName },
    spec: { cidrs },
  };
  await ensure(client, serviceCidrResource, wanted, { signal });
  const range = copy(await client.of(serviceCidrResource).get(defaultRangeName, { signal }));
  const isSaid = range.status?.conditions?.some(({ type }) => type === 'Ready');
  if (isSaid || range.metadata.deletionTimestamp || !equal(range.spec?.cidrs, cidrs)) return;
  const message = 'Kubernetes default Service CIDR is ready';
  const lastTransitionTime = formatTime(clock.now());
  range.status = { conditions: [{ type: 'Ready', status: 'True', reason: '', message, lastTransitionTime }] };
  try {
    await client
      .of(serviceCidrResource)
      .updateStatus(range, { signal, fieldManager: 'kubernetes-service-cidr-controller' });
  } catch (error) {
    // Somebody else has said something of it meanwhile.
    if (!isReason(error, 'Conflict', 'NotFound')) throw error;
  }
}

function mergeApiService(existing: APIService, wanted: APIService): APIService | undefined {
  const merged = copy(existing);
  merged.metadata.labels = { ...existing.metadata.labels, ...wanted.metadata.labels };
  merged.spec = copy(wanted.spec);
  return equal(merged, existing) ? undefined : merged;
}

/**
 * The service and the one address behind it: this API server's. Repeat it now and then: another server's restart, or a
 * person, may have written something else.
 */
export async function reconcileKubernetesService(client: Client, options: SystemObjectOptions): Promise<void> {
  const { signal, advertiseAddress } = options;
  await ensure(client, serviceResource, kubernetesService(options), {
    signal,
    keep(existing, wanted) {
      existing.spec = { ...existing.spec, ports: withNodePorts(wanted, existing) };
    },
  });
  if (!advertiseAddress) return;
  const address = { advertiseAddress, advertisePort: options.advertisePort };
  await ensure(client, endpointsResource, kubernetesEndpoints(address), {
    signal,
    keep(existing, wanted) {
      existing.subsets = wanted.subsets;
      existing.metadata.labels = { ...existing.metadata.labels, ...wanted.metadata.labels };
    },
  });
  await ensure(client, endpointSliceResource, kubernetesEndpointSlice(address), {
    signal,
    keep(existing, wanted) {
      existing.endpoints = wanted.endpoints;
      existing.ports = wanted.ports;
      existing.metadata.labels = { ...existing.metadata.labels, ...wanted.metadata.labels };
    },
  });
}

function withNodePorts(wanted: Service, existing: Service) {
  const nodePort = existing.spec?.ports?.[0]?.nodePort;
  return wanted.spec.ports?.map((port) => (nodePort ? { ...port, nodePort } : port));
}

/** Creates the object, or lets `keep` put into the existing one what must be so; without it the existing one stays. */
async function ensure<T extends KubeObject>(
  client: Client,
  ref: ResourceRef<T>,
  wanted: T,
  { keep, signal }: { keep?: (existing: T, wanted: T) => void; signal?: AbortSignal },
): Promise<void> {
  const { name = '', namespace } = wanted.metadata;
  const resource = client.of(ref);
  for (let attempt = 1; ; attempt++) {
    try {
      const existing = await resource.get(name, { namespace, signal });
      const merged = copy(existing);
      keep?.(merged, wanted);
      if (!equal(merged, existing)) await resource.update(merged, { signal });
      return;
    } catch (error) {
      if (attempt === attemptsMax || !isReason(error, 'NotFound', 'Conflict')) throw error;
      if (isReason(error, 'Conflict')) continue;
    }
    try {
      await resource.create(copy(wanted), { signal });
      return;
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
  }
}

function namespace(name: string): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} };
}

/** https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/ */
const priorityClasses: PriorityClass[] = [
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
];

/** https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/ */
function extensionAuthentication({ clientCa, frontProxy }: SystemObjectOptions): ConfigMap {
  const list = (values: readonly string[]) => JSON.stringify(values);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: {
      'client-ca-file': clientCa,
      'requestheader-allowed-names': list(frontProxy.allowedNames),
      'requestheader-client-ca-file': frontProxy.authorities,
      'requestheader-extra-headers-prefix': list(frontProxy.extraHeaderPrefixes),
      'requestheader-group-headers': list(frontProxy.groupHeaders),
      'requestheader-uid-headers': list(frontProxy.uidHeaders),
      'requestheader-username-headers': list(frontProxy.usernameHeaders),
    },
  };
}

/** Since when the last use of tokens in secrets is noted: those never seen since may be taken for unused. */
function legacyTokenTracking({ nowMs }: SystemObjectOptions): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kube-apiserver-legacy-service-account-token-tracking', namespace: 'kube-system' },
    data: { since: formatTime(nowMs).slice(0, 10) },
  };
}

function keepData(existing: ConfigMap, wanted: ConfigMap): void {
  existing.data = { ...existing.data, ...wanted.data };
}

const port = { name: 'https', protocol: 'TCP' } as const;
const home = { name: 'kubernetes', namespace: 'default' } as const;

function kubernetesService({ serviceAddress, advertisePort }: SystemObjectOptions): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...home, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: serviceAddress,
      clusterIPs: [serviceAddress],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      ports: [{ ...port, port: 443, targetPort: advertisePort }],
    },
  };
}

interface Address {
  advertiseAddress: string;
  advertisePort: number;
}

function kubernetesEndpoints({ advertiseAddress, advertisePort }: Address): Endpoints {
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { ...home, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: [{ ip: advertiseAddress }], ports: [{ ...port, port: advertisePort }] }],
  };
}

function kubernetesEndpointSlice({ advertiseAddress, advertisePort }: Address): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...home, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: advertiseAddress.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [advertiseAddress], conditions: { ready: true } }],
    ports: [{ ...port, port: advertisePort }],
  };
}
