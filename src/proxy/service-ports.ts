/** From Services and EndpointSlices, which addresses and ports lead to which endpoints: a pure function. */
import type { Service, ServicePort } from '#api/gen/core-v1.js';
import type { EndpointSlice, Endpoint as SliceEndpoint } from '#api/gen/discovery-v1.js';

export const serviceNameLabel = 'kubernetes.io/service-name';
/** Services that have it are another proxy's, whatever its value (kube-proxy's own reference says so). */
const proxyNameLabel = 'service.kubernetes.io/service-proxy-name';
/** Slices that have it are for DNS alone. */
const headlessLabel = 'service.kubernetes.io/headless';

export interface Endpoint {
  ip: string;
  port: number;
  local: boolean;
}

/** One port of one service, with everything the rules need of it. */
export interface ServicePortRoute {
  /** `namespace/name:port name`, for comments and hashes. */
  name: string;
  protocol: 'tcp' | 'udp' | 'sctp';
  port: number;
  clusterIps: string[];
  /** External addresses: externalIPs and those of the load balancer. */
  externalIps: string[];
  /** 0: none. */
  nodePort: number;
  /** Where traffic from inside the cluster goes. */
  internal: Endpoint[];
  /** Where traffic from outside goes. */
  external: Endpoint[];
  /** externalTrafficPolicy Local: the client's address must stay visible. */
  keepsSource: boolean;
  /** A client goes to the same endpoint again until it has not come for this long. */
  affinity: { timeoutSeconds: number } | undefined;
  /** Clients that may use the load balancer's address; empty: all. */
  sourceRanges: string[];
}

export function serviceRoutes(
  services: Iterable<Service>,
  slices: Iterable<EndpointSlice>,
  { nodeName }: { nodeName: string },
): ServicePortRoute[] {
  const slicesOf = slicesByService(slices);
  const routes: ServicePortRoute[] = [];
  for (const service of services) {
    if (!isProxied(service)) continue;
    const key = `${service.metadata.namespace}/${service.metadata.name}`;
    for (const port of service.spec.ports ?? []) {
      routes.push(routeOf(service, { key, port, slices: slicesOf.get(key) ?? [], nodeName }));
    }
  }
  return routes.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** By `namespace/name` of the service. */
export function slicesByService(slices: Iterable<EndpointSlice>): Map<string, EndpointSlice[]> {
  const slicesOf = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const { [serviceNameLabel]: service, [headlessLabel]: headless } = slice.metadata.labels ?? {};
    if (!service || headless !== undefined || slice.addressType !== 'IPv4') continue;
    const key = `${slice.metadata.namespace}/${service}`;
    const list = slicesOf.get(key);
    if (list) list.push(slice);
    else slicesOf.set(key, [slice]);
  }
  return slicesOf;
}

/** Whether the service has addresses that are ours to forward. */
export function isProxied({ metadata, spec: { clusterIP, type } }: Service): boolean {
  if (!clusterIP || clusterIP === 'None' || type === 'ExternalName') return false;
  return metadata.labels?.[proxyNameLabel] === undefined;
}

function routeOf(
  { spec, status }: Service,
  { key, port, slices, nodeName }: { key: string; port: ServicePort; slices: EndpointSlice[]; nodeName: string },
): ServicePortRoute {
  const endpoints = usable(slices, { port, nodeName });
  const local = endpoints.filter((endpoint) => endpoint.local);
  const keepsSource = spec.externalTrafficPolicy === 'Local';
  const ingress = status?.loadBalancer?.ingress ?? [];
  const balancerIps = ingress.flatMap(({ ip, ipMode }) => (ip && ipMode !== 'Proxy' ? [ip] : []));
  return {
    name: `${key}:${port.name ?? ''}`,
    protocol: (port.protocol ?? 'TCP').toLowerCase() as ServicePortRoute['protocol'],
    port: port.port,
    clusterIps: (spec.clusterIPs ?? [spec.clusterIP!]).filter((ip) => !ip.includes(':')),
    externalIps: [...new Set([...(spec.externalIPs ?? []), ...balancerIps])].filter((ip) => !ip.includes(':')),
    nodePort: port.nodePort ?? 0,
    internal: spec.internalTrafficPolicy === 'Local' ? local : endpoints,
    external: keepsSource ? local : endpoints,
    keepsSource,
    affinity: affinityOf(spec),
    sourceRanges: (spec.loadBalancerSourceRanges ?? [])
      .map((range) => range.trim())
      .filter((range) => !range.includes(':')),
  };
}

/** The API server writes the default of three hours into every such service. */
function affinityOf({ sessionAffinity, sessionAffinityConfig }: Service['spec']): ServicePortRoute['affinity'] {
  if (sessionAffinity !== 'ClientIP') return undefined;
  return { timeoutSeconds: sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800 };
}

/** Ready endpoints; where there is none, those that still serve while they end (KEP-1669). */
function usable(slices: EndpointSlice[], { port, nodeName }: { port: ServicePort; nodeName: string }): Endpoint[] {
  const ready = new Map<string, Endpoint>();
  const ending = new Map<string, Endpoint>();
  for (const slice of slices) {
    const number = slice.ports?.find(({ name }) => (name ?? '') === (port.name ?? ''))?.port;
    if (!number) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const target = isReady(endpoint) ? ready : isServingWhileEnding(endpoint) ? ending : undefined;
      for (const ip of target ? endpoint.addresses : []) {
        target!.set(`${ip}:${number}`, { ip, port: number, local: endpoint.nodeName === nodeName });
      }
    }
  }
  return [...(ready.size > 0 ? ready : ending).values()].sort((a, b) =>
    `${a.ip}:${a.port}` < `${b.ip}:${b.port}` ? -1 : 1,
  );
}

/** How many addresses are ready on the node, at whichever port. */
export function localReady(slices: readonly EndpointSlice[], nodeName: string): number {
  const local = slices.flatMap(({ endpoints = [], ports = [] }) =>
    ports.length === 0 ? [] : endpoints.filter((endpoint) => endpoint.nodeName === nodeName && isReady(endpoint)),
  );
  return new Set(local.flatMap(({ addresses }) => addresses)).size;
}

/** Unknown counts as ready (discovery/v1). */
function isReady({ conditions }: SliceEndpoint): boolean {
  return conditions?.ready !== false;
}

function isServingWhileEnding({ conditions }: SliceEndpoint): boolean {
  return conditions?.terminating === true && conditions.serving !== false;
}
