/** What is kept, and how much of it: on disk, in the store, and of each resource that somebody reads in memory. */
import type { MetricRegistry } from '#base/metrics.js';
import type { KindLoad, ObjectRegistry } from '../registry/store.js';

interface PerKind {
  name: string;
  type: 'counter' | 'gauge';
  help: string;
  figure: (load: KindLoad) => number;
}

const gauge = (name: string, help: string, figure: PerKind['figure']): PerKind => ({
  name,
  type: 'gauge',
  help,
  figure,
});
const counter = (name: string, help: string, figure: PerKind['figure']): PerKind => ({
  ...gauge(name, help, figure),
  type: 'counter',
});

const perKind: readonly PerKind[] = [
  gauge('apiserver_resource_objects', 'Stored objects of resources that somebody reads.', ({ values }) => values),
  gauge(
    'apiserver_resource_size_estimate_bytes',
    'About how large the objects of a resource are in all.',
    ({ bytes }) => Math.round(bytes),
  ),
  gauge(
    'apiserver_watch_cache_resource_version',
    'How far the memory of a resource has come, of which the last 15 digits.',
    ({ revision }) => revision % 1e15,
  ),
  gauge('watch_cache_capacity', 'Events of a resource that are kept at most.', ({ eventsMax }) => eventsMax),
  counter(
    'apiserver_watch_cache_initializations_total',
    'Times that the memory of a resource was filled from the store.',
    ({ fills }) => fills,
  ),
  counter(
    'apiserver_watch_cache_events_received_total',
    'Events that the memory of a resource took.',
    ({ eventsReceived }) => eventsReceived,
  ),
  counter(
    'apiserver_watch_cache_events_dispatched_total',
    'Events that watches took from the memory of a resource.',
    ({ eventsDispatched }) => eventsDispatched,
  ),
  counter(
    'apiserver_storage_events_received_total',
    'Events that the store sent of a resource.',
    ({ eventsReceived }) => eventsReceived,
  ),
  // To fill the memory is to list in the store.
  counter(
    'apiserver_storage_list_total',
    'Lists that were read from the store.',
    ({ reads, fills }) => reads.store.lists + fills,
  ),
  counter(
    'apiserver_storage_list_fetched_objects_total',
    'Objects that were read from the store for lists.',
    ({ reads, filledValues }) => reads.store.fetched + filledValues,
  ),
  counter(
    'apiserver_storage_list_evaluated_objects_total',
    'Objects that were held against selectors for lists from the store.',
    ({ reads, filledValues }) => reads.store.fetched + filledValues,
  ),
  counter(
    'apiserver_storage_list_returned_objects_total',
    'Objects of lists that were read from the store.',
    ({ reads, filledValues }) => reads.store.returned + filledValues,
  ),
  counter(
    'apiserver_cache_list_returned_objects_total',
    'Objects of lists that were answered from memory.',
    ({ reads }) => reads.cache.returned,
  ),
];

/** There is one index, by namespace and name, which has no name. */
const perKindAndIndex: readonly Omit<PerKind, 'type'>[] = [
  counter('apiserver_cache_list_total', 'Lists that were answered from memory.', ({ reads }) => reads.cache.lists),
  counter(
    'apiserver_cache_list_fetched_objects_total',
    'Objects that were looked at for lists from memory.',
    ({ reads }) => reads.cache.fetched,
  ),
];

/** There is one store; upstream numbers its own so. */
const storeId = 'etcd-0';

export function addStoreMetrics(registry: MetricRegistry, objects: () => ObjectRegistry): void {
  for (const { name, type, help, figure } of perKind)
    registry.collected({
      name,
      type,
      help: `[ALPHA] ${help}`,
      labels: ['group', 'resource'],
      collect: () =>
        objects()
          .loads()
          .map((load) => ({ labels: [load.group, load.plural], value: figure(load) })),
    });
  for (const { name, help, figure } of perKindAndIndex)
    registry.collected({
      name,
      type: 'counter',
      help: `[ALPHA] ${help}`,
      labels: ['group', 'index', 'resource'],
      collect: () =>
        objects()
          .loads()
          .map((load) => ({ labels: [load.group, '', load.plural], value: figure(load) })),
    });
  registry.collected({
    name: 'apiserver_storage_objects',
    type: 'gauge',
    help: '[STABLE] Stored objects of resources that somebody reads.',
    labels: ['resource'],
    collect: () =>
      objects()
        .loads()
        .map(({ group, plural, values }) => ({
          labels: [group ? `${plural}.${group}` : plural],
          value: values,
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
