/** Groups addresses by the ports that they share, in an order that is always the same, and cuts what is too much. */
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '#api/gen/core-v1.js';
import { isReady } from '../pod-state.js';
import { dumpOfPort, dumpOfSubset, inOrder } from '../port-order.js';
import { hasEndpoint, hostnameOf, isHeadless, targetPortOf } from '../service-pods.js';

/** More addresses than this make the object too large for those who watch it. */
const addressesMax = 1000;

interface Entry {
  address: EndpointAddress;
  isReady: boolean;
  /** undefined: the address alone. */
  port: EndpointPort | undefined;
}

export function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const publishAll = service.spec.publishNotReadyAddresses ?? false;
  const entries: Entry[] = [];
  for (const pod of pods) {
    if (!hasEndpoint(pod, { includeTerminating: publishAll })) continue;
    const ip = addressFor(service, pod);
    const ports = portsOf(service, pod);
    // Only a headless service without any port publishes addresses alone.
    const isBare = isHeadless(service) && !service.spec.ports?.length;
    if (!ip || (ports.length === 0 && !isBare)) continue;
    const entry = { address: addressOf(service, pod, ip), isReady: publishAll || isReady(pod) };
    for (const port of isBare ? [undefined] : ports) entries.push({ ...entry, port });
  }
  return repack(entries);
}

function addressOf(service: Service, { metadata, spec }: Pod, ip: string): EndpointAddress {
  const { namespace, name, uid } = metadata;
  const hostname = hostnameOf({ apiVersion: 'v1', kind: 'Pod', metadata, spec }, service);
  return {
    ip,
    ...(hostname && { hostname }),
    ...(spec.nodeName && { nodeName: spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/** Endpoints show one family: the service's first. */
function addressFor({ spec }: Service, { status }: Pod): string | undefined {
  const family = spec.ipFamilies?.[0] ?? (spec.clusterIP?.includes(':') ? 'IPv6' : 'IPv4');
  const ips = status?.podIPs?.length ? status.podIPs.map(({ ip }) => ip) : [status?.podIP];
  return ips.find((ip) => !!ip && ip.includes(':') === (family === 'IPv6'));
}

function portsOf({ spec }: Service, pod: Pod): EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const one of spec.ports ?? []) {
    const port = targetPortOf(pod, one);
    if (port === undefined) continue;
    const { name, protocol = 'TCP', appProtocol } = one;
    ports.push({ ...(name && { name }), port, protocol, ...(appProtocol && { appProtocol }) });
  }
  return ports;
}

/** The same addresses at the same ports, put together as upstream puts them, whoever wrote them. */
export function repackSubsets(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  const entries = subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) =>
    (ports.length > 0 ? ports : [undefined]).flatMap((port) => [
      ...addresses.map((address) => ({ address, isReady: true, port })),
      ...notReadyAddresses.map((address) => ({ address, isReady: false, port })),
    ]),
  );
  return repack(entries);
}

type Place = Pick<Entry, 'address' | 'isReady'>;

/** Ports that lead to exactly the same addresses share a subset. */
function repack(entries: readonly Entry[]): EndpointSubset[] {
  const byPort = new Map<string, { port: EndpointPort | undefined; places: Map<string, Place> }>();
  for (const { address, isReady, port } of entries) {
    const key = port ? dumpOfPort(port) : '';
    const group = byPort.get(key) ?? { port, places: new Map<string, Place>() };
    byPort.set(key, group);
    const place = idOf(address);
    // Not ready wins, where an address is said to be both.
    if (!group.places.has(place) || !isReady) group.places.set(place, { address, isReady });
  }
  const byPlaces = new Map<string, { places: Place[]; ports: EndpointPort[] }>();
  for (const { port, places } of byPort.values()) {
    const key = [...places]
      .map(([id, { isReady }]) => `${id}|${isReady}`)
      .sort()
      .join('\n');
    const subset = byPlaces.get(key) ?? { places: [...places.values()], ports: [] };
    byPlaces.set(key, subset);
    if (port) subset.ports.push(port);
  }
  return inOrder([...byPlaces.values()].map(subsetOf), dumpOfSubset);
}

function subsetOf({ places, ports }: { places: readonly Place[]; ports: readonly EndpointPort[] }): EndpointSubset {
  const byIp = (a: EndpointAddress, b: EndpointAddress) =>
    compare(a.ip, b.ip) || compare(a.targetRef?.uid ?? '', b.targetRef?.uid ?? '');
  const those = (ready: boolean) =>
    places
      .filter(({ isReady }) => isReady === ready)
      .map(({ address }) => address)
      .sort(byIp);
  const [addresses, notReadyAddresses] = [those(true), those(false)];
  return {
    ...(addresses.length > 0 && { addresses }),
    ...(notReadyAddresses.length > 0 && { notReadyAddresses }),
    ...(ports.length > 0 && { ports: inOrder(ports, dumpOfPort) }),
  };
}

function idOf({ ip, targetRef }: EndpointAddress): string {
  return `${ip}|${targetRef?.uid ?? ''}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Keeps ready addresses before others, and of each subset its share, rounded up as long as there is room. */
export function truncate(subsets: EndpointSubset[]): { subsets: EndpointSubset[]; isTruncated: boolean } {
  const count = (field: 'addresses' | 'notReadyAddresses') =>
    subsets.reduce((sum, subset) => sum + (subset[field]?.length ?? 0), 0);
  const ready = count('addresses');
  const notReady = count('notReadyAddresses');
  if (ready + notReady <= addressesMax) return { subsets, isTruncated: false };
  const isCrowded = ready > addressesMax;
  const [room, total] = isCrowded ? [addressesMax, ready] : [addressesMax - ready, notReady];
  let left = room;
  const cut = (addresses: EndpointAddress[] = []) => {
    const kept = addresses.slice(0, Math.min(left, Math.ceil((addresses.length / total) * room)));
    left -= kept.length;
    return kept;
  };
  const kept = subsets.map((subset): EndpointSubset => {
    if (isCrowded) return { ...subset, addresses: cut(subset.addresses), notReadyAddresses: undefined };
    const others = cut(subset.notReadyAddresses);
    return { ...subset, notReadyAddresses: others.length > 0 ? others : undefined };
  });
  return { subsets: kept, isTruncated: true };
}
