/**
 * Where the services are that webhooks and aggregated servers run behind: at their cluster IP, or, as with upstream's
 * `--enable-aggregator-routing`, at one of their endpoints, which needs nobody who forwards cluster IPs.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/
 */
import serviceResource from '#api/core/service.js';
import endpointSliceResource from '#api/discovery/endpointslice.js';
import type { Service, ServicePort } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import type { Prng } from '#base/prng.js';
import type { Registry } from '../registry/registry.js';
import type { ResolveService, WebhookAddress } from './client.js';

type Wanted = Parameters<ResolveService>[0];

type Spec = Partial<Service['spec']>;

export function clusterAddresses({ registry }: { registry: () => Registry }): ResolveService {
  return unlessNamed(registry, (spec, wanted) => {
    if (spec.clusterIP === 'None') throw new Error('cannot route to service with ClusterIP "None"');
    portOf(spec, wanted);
    return { host: spec.clusterIP ?? '', port: wanted.port };
  });
}

export function endpointAddresses({ registry, prng }: { registry: () => Registry; prng: Prng }): ResolveService {
  return unlessNamed(registry, async (spec, wanted) => {
    const { name: portName = '' } = portOf(spec, wanted);
    const labelSelector = `kubernetes.io/service-name=${wanted.name}`;
    const slices = registry().of<EndpointSlice>(endpointSliceResource);
    const { items } = await slices.list({ namespace: wanted.namespace, labelSelector });
    const ready = items.flatMap((slice) => readyAddresses(slice, portName));
    if (ready.length > 0) return ready[prng.uint32() % ready.length]!;
    const message = `no endpoints available for service ${JSON.stringify(wanted.name)}`;
    throw new StatusError({ reason: 'ServiceUnavailable', message });
  });
}

/** A service of type ExternalName has neither a cluster IP nor endpoints, and is found by its name. */
function unlessNamed(
  registry: () => Registry,
  addressOf: (spec: Spec, wanted: Wanted) => WebhookAddress | Promise<WebhookAddress>,
): ResolveService {
  return async (wanted) => {
    const { spec = {} } = await find(registry(), wanted);
    return spec.type === 'ExternalName'
      ? { host: spec.externalName ?? '', port: wanted.port }
      : addressOf(spec, wanted);
  };
}

function readyAddresses({ endpoints, ports }: EndpointSlice, portName: string): WebhookAddress[] {
  const port = ports?.find(({ name = '' }) => name === portName)?.port;
  if (port === undefined) return [];
  const ready = endpoints?.filter(({ conditions }) => conditions?.ready !== false) ?? [];
  return ready.map(({ addresses }) => ({ host: addresses[0]!, port }));
}

/** Throws StatusError where there is none. */
function portOf({ ports = [] }: Spec, { name, port }: Wanted): ServicePort {
  const found = ports.find((one) => one.port === port);
  if (found) return found;
  const message = `no service port ${port} found for service ${JSON.stringify(name)}`;
  throw new StatusError({ reason: 'ServiceUnavailable', message });
}

async function find(registry: Registry, { namespace, name }: Wanted): Promise<Service> {
  try {
    return await registry.of<Service>(serviceResource).get({ namespace, name });
  } catch (error) {
    // Upstream reads an informer, whose lister names the resource in the singular.
    if (isReason(error, 'NotFound')) throw new Error(`service ${JSON.stringify(name)} not found`, { cause: error });
    throw error;
  }
}
