/** Where the services are that webhooks run behind: at their cluster IP, as upstream's API server finds them. */
import serviceResource from '#api/core/service.js';
import type { Service } from '#api/gen/core-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import type { Registry } from '../registry/registry.js';
import type { ResolveService } from './client.js';

export function clusterAddresses({ registry }: { registry: () => Registry }): ResolveService {
  return async ({ namespace, name, port }) => {
    const { spec = {} } = await find(registry(), { namespace, name });
    if (spec.type === 'ExternalName') return { host: spec.externalName ?? '', port };
    if (spec.clusterIP === 'None') throw new Error('cannot route to service with ClusterIP "None"');
    if (!spec.ports?.some((one) => one.port === port))
      throw new StatusError({
        reason: 'ServiceUnavailable',
        message: `no service port ${port} found for service ${JSON.stringify(name)}`,
      });
    return { host: spec.clusterIP ?? '', port };
  };
}

async function find(registry: Registry, { namespace, name }: { namespace: string; name: string }): Promise<Service> {
  try {
    return await registry.of<Service>(serviceResource).get({ namespace, name });
  } catch (error) {
    // Upstream reads an informer, whose lister names the resource in the singular.
    if (isReason(error, 'NotFound')) throw new Error(`service ${JSON.stringify(name)} not found`, { cause: error });
    throw error;
  }
}
