/**
 * EndpointSlice mirroring: Endpoints that people write by hand, for services without a selector, are published as slices.
 * https://kubernetes.io/docs/concepts/services-networking/service/#endpointslice-mirroring
 */
import endpointsResource from '#api/core/endpoints.js';
import services from '#api/core/service.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { Endpoints, Service } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import { keyOf } from '#client/informer.js';
import { indexByService, serviceNameLabel } from '../endpoint-slice/slices.js';
import { writeSlices } from '../endpoint-slice/write.js';
import { isNamespaceTerminating } from '../pod-writes.js';
import { type ControllerContext, defineController, type Requeue, watch } from '../runtime.js';
import { UnseenWrites } from '../unseen-writes.js';
import { addressesMax, isMirror, mayBeMirrored, mirrored, planMirrors } from './mirror.js';

type Context = ControllerContext<UnseenWrites<EndpointSlice>>;

export default defineController<Endpoints, UnseenWrites<EndpointSlice>>({
  name: 'endpointslicemirroring-controller',
  eventSource: 'endpoint-slice-mirroring-controller',
  for: endpointsResource,
  state: ({ clock, informers }) => new UnseenWrites({ clock, informer: informers.of(endpointSlices) }),
  watches: () => [
    watch(services, (service, { type, old }) => {
      const isTurned = type !== 'updated' || hasSelector(service) !== hasSelector(old!);
      return isTurned ? [keyOf(service)] : [];
    }),
    watch(endpointSlices, (slice) => {
      const service = slice.metadata.labels?.[serviceNameLabel];
      return service && isMirror(slice) ? [`${slice.metadata.namespace}/${service}`] : [];
    }),
  ],
  reconcile: ({ key }, context) => reconcile(key, context),
});

function hasSelector({ spec }: Service): boolean {
  return spec.selector !== undefined;
}

async function reconcile(key: string, context: Context): Promise<Requeue | undefined> {
  const { informers, state } = context;
  const existing = indexByService(informers.of(endpointSlices), key).filter(isMirror);
  const endpoints = informers.of(endpointsResource).get(key);
  const service = informers.of(services).get(key);
  if (!endpoints || !mayBeMirrored(endpoints) || !service || hasSelector(service)) {
    await writeSlices(key, { creates: [], updates: [], deletes: existing }, context);
    state.forget(key);
    return undefined;
  }
  const pendingMs = state.pendingMs(key);
  if (pendingMs !== undefined) return { afterMs: pendingMs };
  const { groups, ...left } = mirrored(endpoints);
  tell(endpoints, left, context);
  const changes = planMirrors(endpoints, { existing, groups });
  if (endpoints.metadata.deletionTimestamp) changes.creates = [];
  try {
    await writeSlices(key, changes, context);
  } catch (error) {
    if (!isNamespaceTerminating(error)) throw error;
  }
  return undefined;
}

function tell(about: Endpoints, { invalid, skipped }: { invalid: number; skipped: number }, { recorder }: Context) {
  if (invalid > 0) {
    const message = `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`;
    recorder.event(about, { type: 'Warning', reason: 'InvalidIPAddress', message });
  }
  if (skipped <= invalid) return;
  const most = `A max of ${addressesMax} addresses can be mirrored to EndpointSlices per Endpoints subset`;
  const message = `${most}. ${skipped} addresses were skipped`;
  recorder.event(about, { type: 'Warning', reason: 'TooManyAddressesToMirror', message });
}
