/** The service `kube-dns`, under its customary name and address, with this process as its one endpoint. */
import endpoints from '#api/core/endpoints.js';
import services from '#api/core/service.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { Endpoints, Service } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import type { ResourceRef } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Client } from '#client/client.js';

export interface DnsServiceOptions {
  serviceAddress: string;
  /** Where our server listens, as pods reach it. */
  address: string;
  port: number;
  nodeName: string;
}

const home = { name: 'kube-dns', namespace: 'kube-system' };
const labels = {
  'k8s-app': 'kube-dns',
  'kubernetes.io/cluster-service': 'true',
  'kubernetes.io/name': 'CoreDNS',
};
const ports = [
  { name: 'dns', protocol: 'UDP' },
  { name: 'dns-tcp', protocol: 'TCP' },
];

/** Safe to run at every start; the endpoint then is where the server listens now. */
export async function ensureDnsService(client: Client, options: DnsServiceOptions): Promise<void> {
  const { serviceAddress, address, port, nodeName } = options;
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...home, labels },
    // Without a selector: the endpoint is this process, not a pod.
    spec: {
      clusterIP: serviceAddress,
      clusterIPs: [serviceAddress],
      ports: ports.map((one) => ({ ...one, port: 53, targetPort: port })),
    },
  };
  const slice: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...home,
      labels: { 'kubernetes.io/service-name': home.name, 'endpointslice.kubernetes.io/managed-by': 't8s' },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true }, nodeName }],
    ports: ports.map((one) => ({ ...one, port })),
  };
  const legacy: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { ...home, labels: { ...labels, 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: [{ ip: address, nodeName }], ports: ports.map((one) => ({ ...one, port })) }],
  };
  await Promise.all([
    apply(client, services, service),
    apply(client, endpointSlices, slice),
    apply(client, endpoints, legacy),
  ]);
}

/** Creates the object, or merges what must be so into the one that is there. */
async function apply<T extends KubeObject>(client: Client, ref: ResourceRef<T>, wanted: T): Promise<void> {
  const { name, namespace } = wanted.metadata;
  try {
    await client.of(ref).create(wanted);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    await client.of(ref).patch(name!, wanted, { namespace, type: 'merge' });
  }
}
