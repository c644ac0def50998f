/** Under which address this machine is known to others. */
import { readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';

/** The IPv4 address of the interface with the default route, else of the first that is not loopback. */
export function machineAddress(): string | undefined {
  const interfaces = networkInterfaces();
  const addressOf = (name: string | undefined) =>
    (name ? interfaces[name] : undefined)?.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  const first = Object.keys(interfaces).find((name) => addressOf(name) && !/^(t8s|docker|br-|veth|cni)/.test(name));
  return addressOf(defaultInterface()) ?? addressOf(first);
}

/** A host name as a node may have it: a DNS-1123 subdomain. */
export function machineNodeName(): string {
  const name = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '');
  return name || 'node';
}

/** /proc/net/route has one line per route; the default one's destination is zero. */
function defaultInterface(): string | undefined {
  try {
    const lines = readFileSync('/proc/net/route', 'utf8').split('\n').slice(1);
    return lines.map((line) => line.split('\t')).find(([, destination]) => destination === '00000000')?.[0];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // not Linux
    throw error;
  }
}
