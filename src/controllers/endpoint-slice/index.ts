/**
 * EndpointSlice: publishes the addresses, ports and state of the pods behind each service.
 * https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
 */

import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { Node, Service } from '#api/gen/core-v1.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import { StatusError } from '#apimachinery/errors.js';
import { isNamespaceTerminating } from '../pod-writes.js';
import { type ControllerContext, defineController, type Requeue, watch } from '../runtime.js';
import { podsOf, servicesOf } from '../service-pods.js';
import { TriggerTimes } from '../trigger-times.js';
import { UnseenWrites } from '../unseen-writes.js';
import { isSpreadByZone, wantedGroups, zoneLabel } from './endpoints.js';
import { type Changes, indexByService, isManaged, merge, plan, serviceNameLabel } from './slices.js';
import { writeSlices } from './write.js';
import { sharesOfZones, ZoneHints } from './zone-hints.js';

interface State {
  writes: UnseenWrites<EndpointSlice>;
  hints: ZoneHints;
  times: TriggerTimes;
}

type Context = ControllerContext<State>;

export default defineController<Service, State>({
  name: 'endpointslice-controller',
  eventSource: 'endpoint-slice-controller',
  for: services,
  state: ({ clock, informers }) => ({
    writes: new UnseenWrites({ clock, informer: informers.of(endpointSlices) }),
    hints: new ZoneHints(),
    times: new TriggerTimes(),
  }),
  watches: ({ informers, state }) => [
    watch(pods, (pod, { old }) => servicesOf(pod, old, informers)),
    watch(endpointSlices, (slice) => {
      const service = slice.metadata.labels?.[serviceNameLabel];
      return service && isManaged(slice) ? [`${slice.metadata.namespace}/${service}`] : [];
    }),
    // Nodes give the zone; and where zones grow and shrink, endpoints may have to be spread anew.
    watch(nodes, (node, { old }) => {
      if (old && zoneOf(node) === zoneOf(old)) return [];
      return state.hints.overloaded(sharesOfZones(informers.of(nodes).list()));
    }),
  ],
  reconcile: ({ key }, context) => reconcile(key, context),
});

/** '' while it is not ready. */
function zoneOf({ metadata, status }: Node): string {
  const isReady = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
  return isReady ? (metadata.labels?.[zoneLabel] ?? '') : '';
}

function countChanges({ creates, updates, deletes }: Changes, { metrics }: Context): void {
  for (const [operation, { length }] of Object.entries({ create: creates, update: updates, delete: deletes }))
    if (length > 0) metrics.sliceChanges.with(operation).add(length);
}

async function reconcile(key: string, context: Context): Promise<Requeue | undefined> {
  try {
    const next = await publish(key, context);
    context.metrics.sliceSyncs.with('success').add();
    return next;
  } catch (error) {
    context.metrics.sliceSyncs.with('error').add();
    throw error;
  }
}

async function publish(key: string, context: Context): Promise<Requeue | undefined> {
  const { informers, recorder, state } = context;
  const service = informers.of(services).get(key);
  if (!service) {
    state.hints.forget(key);
    state.times.forget(key);
    return;
  }
  if (service.spec.type === 'ExternalName') return;
  const { selector } = service.spec;
  // Without a selector someone else publishes; being deleted, the slices go with their owner.
  if (!selector || Object.keys(selector).length === 0 || service.metadata.deletionTimestamp) return;
  const { uid = '', namespace = '', name } = service.metadata;
  const pendingMs = state.writes.pendingMs(uid);
  if (pendingMs !== undefined) return { afterMs: pendingMs };
  const existing = indexByService(informers.of(endpointSlices), key).filter(isManaged);
  const behind = podsOf(service, informers.of(pods).inNamespace(namespace));
  const time = state.times.look(service, behind);
  const { groups, missing } = wantedGroups(service, behind, (node) => informers.of(nodes).get(node));
  const isByZone = isSpreadByZone(service);
  const families = plan(service, { existing, groups, keepsHints: isByZone });
  const shares = isByZone ? sharesOfZones(informers.of(nodes).list()) : undefined;
  const said = families.flatMap((changes) => state.hints.apply(service, changes, shares));
  try {
    const changes = merge(service, families, time);
    await writeSlices(uid, changes, { ...context, state: state.writes });
    countChanges(changes, context);
    for (const text of said) recorder.event(service, text);
    // The others are published; these are tried again, later each time, since their nodes may still come.
    if (missing.length > 0) throw new StatusError({ reason: 'NotFound', message: joined(missing) });
  } catch (error) {
    if (isNamespaceTerminating(error)) return;
    const message = `Error updating Endpoint Slices for Service ${namespace}/${name}: ${(error as Error).message}`;
    recorder.event(service, { type: 'Warning', reason: 'FailedToUpdateEndpointSlices', message });
    throw error;
  }
  return undefined;
}

/** Several errors read as one list. */
function joined(messages: readonly string[]): string {
  return messages.length === 1 ? messages[0]! : `[${messages.join(', ')}]`;
}
