/**
 * What a name of the cluster's domain resolves to: a pure function of the question and the zone's data.
 * The Kubernetes DNS specification 1.1.0: https://github.com/kubernetes/dns/blob/master/docs/specification.md
 */
import type { Service } from '#api/gen/core-v1.js';
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.js';

/** What the zone is made of. Lookups, not lists: a question touches little of it. */
export interface ZoneData {
  /** Without dots around: `cluster.local`. */
  domain: string;
  namespaceExists(name: string): boolean;
  service(namespace: string, name: string): Service | undefined;
  slices(namespace: string, service: string): readonly EndpointSlice[];
  /** The service with this cluster address. */
  serviceByIp(ip: string): Service | undefined;
  /** Slices that hold this endpoint address. */
  slicesByIp(ip: string): readonly EndpointSlice[];
}

export type DnsRecord =
  | { name: string; type: 'A' | 'AAAA' | 'CNAME' | 'PTR'; ttl: number; data: string }
  | { name: string; type: 'TXT'; ttl: number; data: string[] }
  | {
      name: string;
      type: 'SRV';
      ttl: number;
      data: { priority: number; weight: number; port: number; target: string };
    };

export interface Answer {
  /** 'NOERROR' without answers: the name exists, but has nothing of this type. */
  code: 'NOERROR' | 'NXDOMAIN';
  answers: DnsRecord[];
  additionals: DnsRecord[];
  /** A name outside the domain, to be resolved by the upstream servers and appended. */
  chase?: string;
}

/** Kubernetes' usual life of a record, as kubeadm configures CoreDNS. */
export const ttlSeconds = 30;
const schemaVersion = '1.1.0';

/** Answers a question about a name in the domain, or a reverse name of ours; undefined: not ours, ask upstream. */
export function resolve(question: { name: string; type: string }, zone: ZoneData): Answer | undefined {
  const name = question.name.toLowerCase().replace(/\.$/, '');
  const asked = { name: question.name, type: question.type };
  if (name.endsWith('.in-addr.arpa')) return resolveReverse(name, { asked, zone });
  if (name !== zone.domain && !name.endsWith(`.${zone.domain}`)) return undefined;
  const labels = name === zone.domain ? [] : name.slice(0, -zone.domain.length - 1).split('.');
  const last = labels.at(-1);
  if (labels.length === 0) return exists();
  if (last === 'svc') return resolveService(labels.slice(0, -1), { asked, zone });
  if (last === 'pod') return resolvePod(labels.slice(0, -1), { asked, zone });
  if (labels.length === 1 && last === 'dns-version') {
    return give(asked, [{ name: asked.name, type: 'TXT', ttl: ttlSeconds, data: [schemaVersion] }]);
  }
  return missing();
}

interface Scope {
  asked: { name: string; type: string };
  zone: ZoneData;
}

/** `[..., service, namespace]`, before it nothing, an endpoint's host name, or `_port`, `_protocol`. */
function resolveService(labels: string[], { asked, zone }: Scope): Answer {
  const namespace = labels.at(-1);
  if (namespace === undefined) return exists();
  if (!zone.namespaceExists(namespace)) return missing();
  const name = labels.at(-2);
  if (name === undefined) return exists();
  const service = zone.service(namespace, name);
  if (!service) return missing();
  const before = labels.slice(0, -2);
  if (service.spec.type === 'ExternalName') {
    if (before.length > 0) return missing();
    const target = service.spec.externalName!.replace(/\.$/, '');
    const alias: DnsRecord = { name: asked.name, type: 'CNAME', ttl: ttlSeconds, data: target };
    const inner = asked.type === 'CNAME' ? undefined : resolve({ name: target, type: asked.type }, zone);
    if (inner) return { ...inner, code: 'NOERROR', answers: [alias, ...inner.answers] };
    return { code: 'NOERROR', answers: [alias], additionals: [], chase: asked.type === 'CNAME' ? undefined : target };
  }
  const found = { service, base: `${name}.${namespace}.svc.${zone.domain}`, slices: zone.slices(namespace, name) };
  if (before.length === 0)
    return give(
      asked,
      [...addresses(asked.name, found), ...(asked.type === 'SRV' ? ports(asked.name, found).answers : [])],
      found,
    );
  if (before.length === 1)
    return give(asked, endpointAddresses(asked.name, { ...found, hostname: before[0]! }), undefined, missing);
  if (before.length === 2 && before[0]!.startsWith('_') && before[1]!.startsWith('_')) {
    const filter = { port: before[0]!.slice(1), protocol: before[1]!.slice(1) };
    const { answers, additionals } = ports(asked.name, found, filter);
    if (answers.length === 0) return missing();
    return asked.type === 'SRV' || asked.type === 'ANY' ? { code: 'NOERROR', answers, additionals } : exists();
  }
  return missing();
}

interface Found {
  service: Service;
  /** The service's full name. */
  base: string;
  slices: readonly EndpointSlice[];
}

function isHeadless({ spec }: Service): boolean {
  return !spec.clusterIP || spec.clusterIP === 'None';
}

function addresses(name: string, { service, slices }: Found): DnsRecord[] {
  const ips = isHeadless(service)
    ? slices.flatMap((slice) => readyEndpoints(slice, service).flatMap((endpoint) => endpoint.addresses))
    : (service.spec.clusterIPs ?? [service.spec.clusterIP!]);
  return [...new Set(ips)].map((ip) => addressRecord(name, ip));
}

function endpointAddresses(name: string, { service, slices, hostname }: Found & { hostname: string }): DnsRecord[] {
  if (!isHeadless(service)) return [];
  const ips = slices.flatMap((slice) =>
    readyEndpoints(slice, service)
      .filter((endpoint) => hostnameOf(endpoint) === hostname)
      .flatMap((endpoint) => endpoint.addresses),
  );
  return [...new Set(ips)].map((ip) => addressRecord(name, ip));
}

/** SRV records: one per port, and for a headless service per endpoint too, with the targets' addresses beside. */
function ports(
  name: string,
  { service, base, slices }: Found,
  filter?: { port: string; protocol: string },
): { answers: DnsRecord[]; additionals: DnsRecord[] } {
  const answers: DnsRecord[] = [];
  const additionals: DnsRecord[] = [];
  const wanted = (port: { name?: string; protocol?: string }) =>
    !filter ||
    ((port.name ?? '').toLowerCase() === filter.port && (port.protocol ?? 'TCP').toLowerCase() === filter.protocol);
  const addTarget = (target: string, ip: string, number: number) => {
    answers.push({ name, type: 'SRV', ttl: ttlSeconds, data: { priority: 0, weight: 100, port: number, target } });
    const record = addressRecord(target, ip);
    if (!additionals.some((one) => one.name === target && one.data === record.data)) additionals.push(record);
  };
  if (!isHeadless(service)) {
    for (const port of (service.spec.ports ?? []).filter(wanted)) addTarget(base, service.spec.clusterIP!, port.port);
    return { answers, additionals };
  }
  for (const slice of slices) {
    for (const port of (slice.ports ?? []).filter(wanted)) {
      for (const endpoint of readyEndpoints(slice, service)) {
        for (const ip of endpoint.addresses) addTarget(`${hostnameOf(endpoint)}.${base}`, ip, port.port ?? 0);
      }
    }
  }
  return { answers, additionals };
}

function readyEndpoints(slice: EndpointSlice, { spec }: Service): Endpoint[] {
  const endpoints = slice.endpoints ?? [];
  return spec.publishNotReadyAddresses ? endpoints : endpoints.filter(({ conditions }) => conditions?.ready !== false);
}

/** Endpoints without a host name are named after their address. */
function hostnameOf({ hostname, addresses: [ip] }: Endpoint): string {
  return hostname?.toLowerCase() || ip!.replaceAll(/[.:]/g, '-');
}

/** `10-244-0-3.default.pod`: the address is in the name, so that certificates can name pods. */
function resolvePod(labels: string[], { asked, zone }: Scope): Answer {
  const [address, namespace] = labels.length === 1 ? [undefined, labels[0]] : labels;
  if (namespace === undefined) return exists();
  if (labels.length > 2 || !zone.namespaceExists(namespace)) return missing();
  if (address === undefined) return exists();
  const ip = address.replaceAll('-', '.');
  if (!/^(\d{1,3}\.){3}\d{1,3}$/.test(ip) || ip.split('.').some((part) => Number(part) > 255)) return missing();
  return give(asked, [addressRecord(asked.name, ip)]);
}

function resolveReverse(name: string, { asked, zone }: Scope): Answer | undefined {
  const ip = name.slice(0, -'.in-addr.arpa'.length).split('.').reverse().join('.');
  const pointer = (data: string): DnsRecord => ({ name: asked.name, type: 'PTR', ttl: ttlSeconds, data });
  const service = zone.serviceByIp(ip);
  if (service) {
    return give(asked, [pointer(`${service.metadata.name}.${service.metadata.namespace}.svc.${zone.domain}`)]);
  }
  const pointers = zone.slicesByIp(ip).flatMap((slice) => {
    const owner = slice.metadata.labels?.['kubernetes.io/service-name'];
    const named = (slice.endpoints ?? []).filter((endpoint) => endpoint.hostname && endpoint.addresses.includes(ip));
    return named.map((endpoint) =>
      pointer(`${hostnameOf(endpoint)}.${owner}.${slice.metadata.namespace}.svc.${zone.domain}`),
    );
  });
  return pointers.length > 0 ? give(asked, pointers) : undefined;
}

function addressRecord(name: string, ip: string): DnsRecord {
  return { name, type: ip.includes(':') ? 'AAAA' : 'A', ttl: ttlSeconds, data: ip };
}

/** Those of the type asked for. A name with records of another type exists all the same. */
function give(
  { name, type }: { name: string; type: string },
  records: DnsRecord[],
  found?: Found,
  whenEmpty: () => Answer = exists,
): Answer {
  if (records.length === 0) return whenEmpty();
  const answers = records.filter((record) => type === 'ANY' || record.type === type);
  const additionals = type === 'SRV' && found ? ports(name, found).additionals : [];
  return { code: 'NOERROR', answers, additionals };
}

function exists(): Answer {
  return { code: 'NOERROR', answers: [], additionals: [] };
}

function missing(): Answer {
  return { code: 'NXDOMAIN', answers: [], additionals: [] };
}
