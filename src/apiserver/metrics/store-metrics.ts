/** What is kept, and how much of it: on disk, in the store, and of each resource that somebody reads in memory. */
import type { MetricRegistry } from '#base/metrics.js';
import type { ObjectRegistry } from '../registry/store.js';

type Load = ReturnType<ObjectRegistry['loads']>[number];

/** There is one store; upstream numbers its own so. */
const storeId = 'etcd-0';

export function addStoreMetrics(registry: MetricRegistry, objects: () => ObjectRegistry): void {
  const perResource = (name: string, help: string, figure: (load: Load) => number) =>
    registry.collected({
      name,
      type: 'gauge',
      help,
      labels: ['group', 'resource'],
      collect: () =>
        objects()
          .loads()
          .map((load) => ({ labels: [load.group, load.plural], value: figure(load) })),
    });
  perResource(
    'apiserver_resource_objects',
    '[ALPHA] Stored objects of resources that somebody reads.',
    (load) => load.objects,
  );
  perResource(
    'apiserver_watch_cache_resource_version',
    '[ALPHA] How far the memory of a resource has come, of which the last 15 digits.',
    ({ revision }) => revision % 1e15,
  );
  perResource(
    'watch_cache_capacity',
    '[ALPHA] Events of a resource that are kept at most.',
    ({ eventsMax }) => eventsMax,
  );
  registry.collected({
    name: 'apiserver_storage_objects',
    type: 'gauge',
    help: '[STABLE] Stored objects of resources that somebody reads.',
    labels: ['resource'],
    collect: () =>
      objects()
        .loads()
        .map(({ group, plural, objects: count }) => ({
          labels: [group ? `${plural}.${group}` : plural],
          value: count,
        })),
  });
}

/** `bytesOf` is undefined of a store that is in memory. */
export function addStoreSize(registry: MetricRegistry, bytesOf: () => number | undefined): void {
  registry.collected({
    name: 'apiserver_storage_size_bytes',
    type: 'gauge',
    help: '[STABLE] Bytes of the files of the store.',
    labels: ['storage_cluster_id'],
    collect: () => {
      const value = bytesOf();
      return value === undefined ? [] : [{ labels: [storeId], value }];
    },
  });
}
