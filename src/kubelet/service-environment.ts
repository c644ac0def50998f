/** The variables that tell a container of the services in its namespace (`enableServiceLinks`). Pure. */
import type { Service } from '#api/gen/core-v1.js';

/** https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables */
export function serviceEnvironment(services: Iterable<Service>): Map<string, string> {
  const env = new Map<string, string>();
  for (const { metadata, spec } of services) {
    const ip = spec.clusterIP;
    const ports = spec.ports ?? [];
    const [first] = ports;
    if (!ip || ip === 'None' || !first) continue;
    const name = variableName(metadata.name ?? '');
    const host = ip.includes(':') ? `[${ip}]` : ip;
    env.set(`${name}_SERVICE_HOST`, ip);
    env.set(`${name}_SERVICE_PORT`, String(first.port));
    for (const port of ports) {
      if (port.name) env.set(`${name}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
    }
    for (const [index, { port, protocol = 'TCP' }] of ports.entries()) {
      const url = `${protocol.toLowerCase()}://${host}:${port}`;
      const prefix = `${name}_PORT_${port}_${protocol.toUpperCase()}`;
      if (index === 0) env.set(`${name}_PORT`, url);
      env.set(prefix, url);
      env.set(`${prefix}_PROTO`, protocol.toLowerCase());
      env.set(`${prefix}_PORT`, String(port));
      env.set(`${prefix}_ADDR`, ip);
    }
  }
  return env;
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
