/** Groups addresses by the ports that they share, in an order that is always the same, and cuts what is too much. */
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '#api/gen/core-v1.js';
import { isReady } from '../pod-state.js';
import { hasEndpoint, hostnameOf, isHeadless, targetPortOf } from '../service-pods.js';

/** More addresses than this make the object too large for those who watch it. */
const addressesMax = 1000;

interface Entry {
  address: EndpointAddress;
  isReady: boolean;
  ports: EndpointPort[];
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
    entries.push({ address: addressOf(service, pod, ip), isReady: publishAll || isReady(pod), ports });
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

/** Addresses with exactly the same ports share a subset. */
function repack(entries: readonly Entry[]): EndpointSubset[] {
  const subsets = new Map<string, { ready: EndpointAddress[]; notReady: EndpointAddress[]; ports: EndpointPort[] }>();
  for (const { address, isReady, ports } of entries) {
    const sorted = [...ports].sort((a, b) => compare(portKey(a), portKey(b)));
    const key = sorted.map(portKey).join('|');
    let subset = subsets.get(key);
    if (!subset) subsets.set(key, (subset = { ready: [], notReady: [], ports: sorted }));
    (isReady ? subset.ready : subset.notReady).push(address);
  }
  const byIp = (a: EndpointAddress, b: EndpointAddress) =>
    compare(a.ip, b.ip) || compare(a.targetRef?.uid ?? '', b.targetRef?.uid ?? '');
  return [...subsets]
    .sort(([a], [b]) => compare(a, b))
    .map(([, { ready, notReady, ports }]) => ({
      ...(ready.length > 0 && { addresses: ready.sort(byIp) }),
      ...(notReady.length > 0 && { notReadyAddresses: notReady.sort(byIp) }),
      ...(ports.length > 0 && { ports }),
    }));
}

function portKey({ name = '', port, protocol = '', appProtocol = '' }: EndpointPort): string {
  return [name, protocol, port, appProtocol].join('/');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Keeps ready addresses before others, and of each subset its share. */
export function truncate(subsets: EndpointSubset[]): { subsets: EndpointSubset[]; isTruncated: boolean } {
  const count = (field: 'addresses' | 'notReadyAddresses') =>
    subsets.reduce((sum, subset) => sum + (subset[field]?.length ?? 0), 0);
  const ready = count('addresses');
  const notReady = count('notReadyAddresses');
  if (ready + notReady <= addressesMax) return { subsets, isTruncated: false };
  const readyShare = Math.min(addressesMax / ready, 1);
  const notReadyShare = ready >= addressesMax ? 0 : (addressesMax - ready) / notReady;
  const cut = (addresses: EndpointAddress[] | undefined, share: number) =>
    addresses?.slice(0, Math.floor(addresses.length * share));
  const kept = subsets.map(({ addresses, notReadyAddresses, ports }) => {
    const left = cut(addresses, readyShare);
    const leftNotReady = cut(notReadyAddresses, notReadyShare);
    return {
      ...(left?.length && { addresses: left }),
      ...(leftNotReady?.length && { notReadyAddresses: leftNotReady }),
      ...(ports && { ports }),
    };
  });
  return { subsets: kept.filter((subset) => subset.addresses || subset.notReadyAddresses), isTruncated: true };
}
