/**
 * The service controller, with the cluster's own nodes as load balancer: a service of type LoadBalancer gets the
 * addresses of the nodes, where the service proxy takes its ports.
 * https://kubernetes.io/docs/concepts/architecture/cloud-controller/#service-controller
 */
import nodes from '#api/core/node.js';
import services from '#api/core/service.js';
import type { LoadBalancerIngress, Node, Service } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { equal } from '#base/json.js';
import { keyOf } from '#client/informer.js';
import { defineController, watch } from './runtime.js';

const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';

export default defineController({
  name: 'service-controller',
  for: services,
  watches: ({ informers }) => [
    watch(nodes, (node, { type, old }) => {
      if (type === 'updated' && equal(addressesOf([node]), addressesOf(old ? [old] : []))) return [];
      return informers.of(services).list().filter(isBalanced).map(keyOf);
    }),
  ],
  async reconcile({ key, namespace, name }, { client, informers, recorder }) {
    const service = informers.of(services).get(key);
    if (!service || service.metadata.deletionTimestamp) return undefined;
    const before = service.status?.loadBalancer?.ingress ?? [];
    const wanted = isBalanced(service) ? addressesOf(informers.of(nodes).list()) : [];
    // Another load balancer's class: its controller writes the status.
    if (service.spec.loadBalancerClass || equal(before, wanted)) return undefined;
    if (before.length === 0) {
      recorder.event(service, { type: 'Normal', reason: 'EnsuringLoadBalancer', message: 'Ensuring load balancer' });
    }
    const body = {
      metadata: { uid: service.metadata.uid },
      status: { loadBalancer: { ingress: wanted.length > 0 ? wanted : null } },
    };
    try {
      await client.of(services).patch(name, body, { namespace, type: 'merge', subresource: 'status' });
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
    if (before.length === 0) {
      recorder.event(service, { type: 'Normal', reason: 'EnsuredLoadBalancer', message: 'Ensured load balancer' });
    }
    return undefined;
  },
});

function isBalanced({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer';
}

/** One address of each ready node that has not asked to be left out. */
function addressesOf(list: readonly Node[]): LoadBalancerIngress[] {
  const addresses = list
    .filter(({ metadata, status }) => {
      const ready = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
      return ready && !(excludeLabel in (metadata.labels ?? {}));
    })
    .flatMap(({ status }) => status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? []);
  // Simulated nodes share the machine's.
  return [...new Set(addresses)].sort().map((ip) => ({ ip, ipMode: 'VIP' }));
}
