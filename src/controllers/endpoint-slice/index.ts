/**
 * EndpointSlice: publishes the addresses, ports and state of the pods behind each service.
 * https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
 */

import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { Service } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import { isNamespaceTerminating } from '../pod-writes.js';
import { type ControllerContext, defineController, type Requeue, watch } from '../runtime.js';
import { podsOf, servicesOf } from '../service-pods.js';
import { UnseenWrites } from '../unseen-writes.js';
import { wantedGroups } from './endpoints.js';
import { indexByService, isManaged, plan, serviceNameLabel } from './slices.js';
import { writeSlices } from './write.js';

type Context = ControllerContext<UnseenWrites<EndpointSlice>>;

/** Pods on a node that is not known are left out, and looked at again after this long. */
const missingNodeMs = 5_000;

export default defineController<Service, UnseenWrites<EndpointSlice>>({
  name: 'endpointslice-controller',
  eventSource: 'endpoint-slice-controller',
  for: services,
  state: ({ clock, informers }) => new UnseenWrites({ clock, informer: informers.of(endpointSlices) }),
  watches: ({ informers }) => [
    watch(pods, (pod, { old }) => servicesOf(pod, old, informers)),
    watch(endpointSlices, (slice) => {
      const service = slice.metadata.labels?.[serviceNameLabel];
      return service && isManaged(slice) ? [`${slice.metadata.namespace}/${service}`] : [];
    }),
    // Only read: nodes give the zone.
    watch(nodes, () => []),
  ],
  reconcile: ({ key }, context) => reconcile(key, context),
});

async function reconcile(key: string, context: Context): Promise<Requeue | undefined> {
  const { informers, recorder, state } = context;
  const service = informers.of(services).get(key);
  if (!service || service.spec.type === 'ExternalName') return;
  const { selector } = service.spec;
  // Without a selector someone else publishes; being deleted, the slices go with their owner.
  if (!selector || Object.keys(selector).length === 0 || service.metadata.deletionTimestamp) return;
  const { uid = '', namespace = '', name } = service.metadata;
  const pendingMs = state.pendingMs(uid);
  if (pendingMs !== undefined) return { afterMs: pendingMs };
  const existing = indexByService(informers.of(endpointSlices), key).filter(isManaged);
  const behind = podsOf(service, informers.of(pods).inNamespace(namespace));
  const { groups, hasMissingNode } = wantedGroups(service, behind, (node) => informers.of(nodes).get(node));
  try {
    await writeSlices(uid, plan(service, { existing, groups, pods: behind }), context);
  } catch (error) {
    if (isNamespaceTerminating(error)) return;
    const message = `Error updating Endpoint Slices for Service ${namespace}/${name}: ${(error as Error).message}`;
    recorder.event(service, { type: 'Warning', reason: 'FailedToUpdateEndpointSlices', message });
    throw error;
  }
  return hasMissingNode ? { afterMs: missingNodeMs } : undefined;
}
