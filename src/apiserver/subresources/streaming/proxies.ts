/** nodes/proxy, pods/proxy and services/proxy: which server stands behind the name. */
import { isIP } from 'node:net';
import nodeResource from '#api/core/node.js';
import podResource from '#api/core/pod/index.js';
import serviceResource from '#api/core/service.js';
import slices from '#api/discovery/endpointslice.js';
import type { Pod, Service } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import { badRequest, StatusError } from '#apimachinery/errors.js';
import { below } from '#base/prng.js';
import type { ConnectCall, SubresourceHandler } from '../subresource.js';
import { type Backend, kubeletOf, requireSplit } from './backend.js';
import type { StreamingOptions } from './options.js';
import { reverseProxy } from './reverse-proxy.js';

export function proxyHandlers(options: StreamingOptions): SubresourceHandler[] {
  const { clock } = options;
  const handler = (
    resource: SubresourceHandler['resource'],
    locate: (call: ConnectCall) => Promise<Backend>,
  ): SubresourceHandler => ({
    resource,
    name: 'proxy',
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    connect: async (call) => reverseProxy(call, { backend: await locate(call), clock }),
  });
  return [
    handler(nodeResource, (call) => locateNode(call, options)),
    handler(podResource, locatePod),
    handler(serviceResource, (call) => locateService(call, options)),
  ];
}

async function locateNode({ key, registry }: ConnectCall, { kubeletClient }: StreamingOptions): Promise<Backend> {
  const { scheme, name, port } = requireSplit(key.name, 'node');
  const kubelet = await kubeletOf(name, { registry, client: kubeletClient });
  if (port === '' || port === String(kubelet.port)) return kubelet;
  return { host: kubelet.host, port: portNumber(port), tls: scheme === 'https' ? {} : undefined };
}

async function locatePod({ key, registry }: ConnectCall): Promise<Backend> {
  const { scheme, name, port } = requireSplit(key.name, 'pod');
  const { spec, status } = await registry.of<Pod>(podResource).get({ namespace: key.namespace, name });
  const first = spec.containers.flatMap((container) => container.ports ?? [])[0]?.containerPort;
  const host = status?.podIPs?.[0]?.ip ?? status?.podIP ?? '';
  if (!isReachable(host)) throw badRequest('address not allowed');
  const isHttps = scheme === 'https';
  const number = port === '' ? (first ?? (isHttps ? 443 : 80)) : portNumber(port);
  return { host, port: number, tls: isHttps ? {} : undefined };
}

async function locateService({ key, registry }: ConnectCall, { prng }: StreamingOptions): Promise<Backend> {
  const { scheme, name, port } = requireSplit(key.name, 'service');
  const { namespace } = key;
  const service = await registry.of<Service>(serviceResource).get({ namespace, name });
  const portName = portNameOf(service, port);
  const labelSelector = `kubernetes.io/service-name=${name}`;
  const { items } = await registry.of<EndpointSlice>(slices).list({ namespace, labelSelector });
  const found: Backend[] = [];
  for (const { endpoints, ports } of items) {
    const number = ports?.find((one) => (one.name ?? '') === portName)?.port;
    if (number === undefined) continue;
    for (const { addresses, conditions } of endpoints ?? []) {
      if (conditions?.ready === false) continue;
      for (const host of addresses) {
        if (isReachable(host)) found.push({ host, port: number, tls: scheme === 'https' ? {} : undefined });
      }
    }
  }
  const chosen = found[below(prng, found.length)];
  if (chosen) return chosen;
  throw new StatusError({
    reason: 'ServiceUnavailable',
    message: `no endpoints available for service ${JSON.stringify(name)}`,
  });
}

/** A service's port is asked for by its name or number; without one, it must be the only port, or the nameless one. */
function portNameOf({ metadata, spec }: Service, asked: string): string {
  const ports = spec?.ports ?? [];
  if (asked === '') return ports.length === 1 ? (ports[0]!.name ?? '') : '';
  const found = ports.find((one) => one.name === asked || String(one.port) === asked);
  if (found) return found.name ?? '';
  const message = `no service port ${JSON.stringify(asked)} found for service ${JSON.stringify(metadata.name)}`;
  throw new StatusError({ reason: 'ServiceUnavailable', message });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw badRequest(`invalid port ${JSON.stringify(text)}`);
  return port;
}

/** A global unicast address: not this machine's own, not of a link, not of a group. */
function isReachable(address: string): boolean {
  if (isIP(address) === 4) return !/^(0|127|22[4-9]|23\d|169\.254)\.|^255\.255\.255\.255$/.test(address);
  return isIP(address) === 6 && !/^(::1?$|fe[89ab]|ff)/i.test(address);
}
