/** What a pod's resolv.conf says. Pure; https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/ */
import type { Pod } from '#api/gen/core-v1.js';

export interface DnsConfig {
  servers: string[];
  searches: string[];
  options: string[];
}

export interface ClusterDns {
  /** Addresses of the cluster's DNS service; none: pods use the host's. */
  servers: readonly string[];
  /** `cluster.local`. */
  domain: string;
}

const serversMax = 3;
const searchesMax = 32;
const searchesCharsMax = 2048;

export function podDns(pod: Pod, { cluster, host }: { cluster: ClusterDns; host: DnsConfig }): DnsConfig {
  const base = basis(pod, { cluster, host });
  const extra = pod.spec.dnsConfig;
  const servers = unique([...base.servers, ...(extra?.nameservers ?? [])]);
  const searches = unique([...base.searches, ...(extra?.searches ?? [])]);
  const options = new Map(base.options.map((option) => [option.split(':')[0]!, option]));
  for (const { name = '', value } of extra?.options ?? []) {
    options.set(name, value === undefined || value === '' ? name : `${name}:${value}`);
  }
  return { servers: servers.slice(0, serversMax), searches: bounded(searches), options: [...options.values()] };
}

function basis(pod: Pod, { cluster, host }: { cluster: ClusterDns; host: DnsConfig }): DnsConfig {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = pod.spec;
  if (dnsPolicy === 'None') return { servers: [], searches: [], options: [] };
  const useHost = dnsPolicy === 'Default' || (dnsPolicy === 'ClusterFirst' && hostNetwork);
  if (useHost || cluster.servers.length === 0) {
    // A container's own loopback has no resolver: an empty list would make the C library look there.
    return host.servers.length > 0 ? host : { ...host, servers: ['127.0.0.1'] };
  }
  const { domain } = cluster;
  const own = [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain];
  return { servers: [...cluster.servers], searches: unique([...own, ...host.searches]), options: ['ndots:5'] };
}

/** The parts of a resolv.conf (resolv.conf(5)); the last `search` and `options` lines hold. */
export function parseResolvConf(text: string): DnsConfig {
  const config: DnsConfig = { servers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && values[0]) config.servers.push(values[0]);
    else if (keyword === 'search') config.searches = values.filter((one) => one !== '.');
    else if (keyword === 'options') config.options = values;
  }
  return config;
}

function unique(items: string[]): string[] {
  return [...new Set(items)];
}

function bounded(searches: string[]): string[] {
  const kept: string[] = [];
  let chars = 0;
  for (const one of searches.slice(0, searchesMax)) {
    chars += one.length + 1;
    if (chars - 1 > searchesCharsMax) break;
    kept.push(one);
  }
  return kept;
}
