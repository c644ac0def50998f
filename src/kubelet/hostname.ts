/** A pod's host name and its /etc/hosts. Pure. */
import type { HostAlias, Pod } from '#api/gen/core-v1.js';
import { KubeletError } from './kubelet-error.js';

const hostnameCharsMax = 63;
/** What Linux takes as a host name. */
const fqdnCharsMax = 64;

/** Throws KubeletError 'config' when the FQDN is asked for as host name and is too long. */
export function podHostname(pod: Pod, clusterDomain: string): { hostname: string; domain: string } {
  const { hostname, subdomain, setHostnameAsFQDN, hostnameOverride } = pod.spec;
  if (hostnameOverride) return { hostname: hostnameOverride, domain: '' };
  const name = hostname || truncate(pod.metadata.name ?? '');
  const domain = subdomain ? `${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}` : '';
  if (!setHostnameAsFQDN || !domain) return { hostname: name, domain };
  const fqdn = `${name}.${domain}`;
  if (fqdn.length > fqdnCharsMax) {
    const text = `failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long (${fqdnCharsMax} characters is the max, ${fqdn.length} characters requested)`;
    throw new KubeletError('config', text);
  }
  return { hostname: fqdn, domain };
}

function truncate(name: string): string {
  return name.slice(0, hostnameCharsMax).replace(/[-.]+$/, '');
}

const managed = [
  '# Kubernetes-managed hosts file.',
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
  '',
].join('\n');

export interface HostsFileInput {
  pod: Pod;
  podIPs: readonly string[];
  clusterDomain: string;
  /** The node's own file, for pods on its network. */
  nodeHosts: string;
}

export function hostsFile({ pod, podIPs, clusterDomain, nodeHosts }: HostsFileInput): string {
  const aliases = aliasLines(pod.spec.hostAliases ?? []);
  if (pod.spec.hostNetwork) return `# Kubernetes-managed hosts file (host network).\n${nodeHosts}${aliases}`;
  const { hostname, domain } = podHostname(pod, clusterDomain);
  const names = domain && !hostname.endsWith(domain) ? `${hostname}.${domain}\t${hostname}` : hostname;
  return managed + podIPs.map((ip) => `${ip}\t${names}\n`).join('') + aliases;
}

function aliasLines(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return '';
  const lines = aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join('')}`;
}
