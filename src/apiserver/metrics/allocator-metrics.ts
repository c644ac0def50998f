/** How many cluster addresses services have, and how many are left, under upstream's names. */
import type { MetricRegistry } from '#base/metrics.js';
import { parseRange } from '../admission/service-addresses/range.js';
import type { ObjectRegistry } from '../registry/store.js';

/** Each address of a service is an IPAddress. */
export function addAllocatorMetrics(
  registry: MetricRegistry,
  { objects, serviceRange }: { objects: () => ObjectRegistry; serviceRange: string },
): void {
  const { text: cidr, size } = parseRange(serviceRange);
  const gauge = (name: string, help: string, figure: (held: number) => number) =>
    registry.collected({
      name: `kube_apiserver_clusterip_allocator_${name}`,
      type: 'gauge',
      help: `[ALPHA] ${help}`,
      labels: ['cidr'],
      collect: () => {
        const held = objects()
          .loads()
          .find(({ plural }) => plural === 'ipaddresses')?.values;
        return held === undefined ? [] : [{ labels: [cidr], value: figure(held) }];
      },
    });
  gauge('allocated_ips', 'Cluster addresses that services have.', (held) => held);
  gauge('available_ips', 'Cluster addresses that are left.', (held) => size - held);
}
