/** Turns the pods behind a service into endpoints, grouped by address family and by the ports that they answer on. */
import type { Node, Pod, Service } from '#api/gen/core-v1.js';
import type { Endpoint, EndpointPort } from '#api/gen/discovery-v1.js';
import { isReady } from '../pod-state.js';
import { dumpOfSlicePort, inOrder } from '../port-order.js';
import { hasEndpoint, hostnameOf, targetPortOf } from '../service-pods.js';

export interface Group {
  addressType: string;
  ports: EndpointPort[];
  endpoints: Endpoint[];
}

export const zoneLabel = 'topology.kubernetes.io/zone';
const modeAnnotations = ['service.kubernetes.io/topology-aware-hints', 'service.kubernetes.io/topology-mode'];

/** Whether the service asks for it; it then has no say in how its traffic is spread otherwise. */
export function isSpreadByZone({ metadata }: Service): boolean {
  const mode = modeAnnotations.map((name) => metadata.annotations?.[name]).find((value) => value !== undefined);
  return mode === 'Auto' || mode === 'auto';
}

/** `missing` says which pods were left out since their node is not known (yet). */
export function wantedGroups(
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
): { groups: Group[]; missing: string[] } {
  const groups = new Map<string, Group>();
  const { publishNotReadyAddresses = false } = service.spec;
  const missing = new Set<string>();
  for (const addressType of addressTypesOf(service)) {
    for (const pod of pods) {
      if (!hasEndpoint(pod, { includeTerminating: true })) continue;
      const addresses = addressesOf(pod, addressType);
      if (addresses.length === 0) continue;
      const node = pod.spec.nodeName ? nodeOf(pod.spec.nodeName) : undefined;
      if (pod.spec.nodeName && !node && !publishNotReadyAddresses) {
        const { metadata, spec } = pod;
        const of = `${service.metadata.namespace}/${service.metadata.name}`;
        missing.add(`skipping Pod ${metadata.name} for Service ${of}: Node ${spec.nodeName} Not Found`);
        continue;
      }
      const ports = portsOf(service, pod);
      const key = groupKey(addressType, ports);
      let group = groups.get(key);
      if (!group) groups.set(key, (group = { addressType, ports, endpoints: [] }));
      group.endpoints.push(endpointOf(service, { pod, addresses, node }));
    }
  }
  return { groups: [...groups.values()], missing: [...missing] };
}

/** Slices hold endpoints of one family and one set of ports. */
export function groupKey(addressType: string, ports: readonly EndpointPort[]): string {
  const texts = ports.map(({ name = '', port, protocol = 'TCP', appProtocol = '' }) =>
    [name, port, protocol, appProtocol].join('/'),
  );
  return [addressType, ...texts.sort()].join('|');
}

export function addressTypesOf({ spec }: Service): string[] {
  if (spec.ipFamilies?.length) return [...spec.ipFamilies];
  return [spec.clusterIP?.includes(':') ? 'IPv6' : 'IPv4'];
}

function addressesOf({ status }: Pod, addressType: string): string[] {
  const ips = status?.podIPs?.length ? status.podIPs.map(({ ip }) => ip) : [status?.podIP];
  return ips.filter((ip): ip is string => !!ip && ip.includes(':') === (addressType === 'IPv6'));
}

function portsOf({ spec }: Service, pod: Pod): EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const one of spec.ports ?? []) {
    const port = targetPortOf(pod, one);
    if (port === undefined) continue;
    const { name = '', protocol = 'TCP', appProtocol } = one;
    ports.push({ name, port, protocol, ...(appProtocol && { appProtocol }) });
  }
  return inOrder(ports, dumpOfSlicePort);
}

function endpointOf(
  service: Service,
  { pod, addresses, node }: { pod: Pod; addresses: string[]; node: Node | undefined },
): Endpoint {
  const { namespace, name, uid, deletionTimestamp } = pod.metadata;
  const serving = isReady(pod);
  const terminating = !!deletionTimestamp;
  const ready = !!service.spec.publishNotReadyAddresses || (serving && !terminating);
  const hostname = hostnameOf(pod, service);
  const zone = node?.metadata.labels?.[zoneLabel];
  const isByZone = isSpreadByZone(service);
  const hints =
    ready && !isByZone ? hintsFor(service.spec.trafficDistribution, { zone, node: pod.spec.nodeName }) : undefined;
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname && { hostname }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(pod.spec.nodeName && { nodeName: pod.spec.nodeName }),
    ...(zone && { zone }),
    ...(hints && { hints }),
  };
}

/** https://kubernetes.io/docs/reference/networking/virtual-ips/#traffic-distribution */
function hintsFor(
  distribution: string | undefined,
  { zone, node }: { zone: string | undefined; node: string | undefined },
): Endpoint['hints'] {
  if (distribution !== 'PreferClose' && distribution !== 'PreferSameZone' && distribution !== 'PreferSameNode') return;
  const forZones = zone ? [{ name: zone }] : undefined;
  const forNodes = distribution === 'PreferSameNode' && node ? [{ name: node }] : undefined;
  return forZones || forNodes ? { ...(forZones && { forZones }), ...(forNodes && { forNodes }) } : undefined;
}
