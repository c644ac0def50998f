/**
 * Endpoints: the older API for the addresses behind a service, kept for clients that have not moved to slices.
 * https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoints-v1/
 */

import endpointsResource from '#api/core/endpoints.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import type { Endpoints, Service } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { equal } from '#base/json.js';
import { isNamespaceTerminating } from '../pod-writes.js';
import { type ControllerContext, defineController, watch } from '../runtime.js';
import { headlessLabel, isHeadless, podsOf, servicesOf } from '../service-pods.js';
import { TriggerTimes, withTriggerTime } from '../trigger-times.js';
import { subsetsOf, truncate } from './subsets.js';

const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
const managedByLabel = 'endpoints.kubernetes.io/managed-by';

type Context = ControllerContext<TriggerTimes>;

export default defineController<Service, TriggerTimes>({
  name: 'endpoint-controller',
  for: services,
  state: () => new TriggerTimes(),
  watches: ({ informers }) => [
    watch(pods, (pod, { old }) => servicesOf(pod, old, informers)),
    watch(endpointsResource, ({ metadata }, { type }) =>
      type === 'deleted' ? [`${metadata.namespace}/${metadata.name}`] : [],
    ),
  ],
  reconcile: ({ key, namespace, name }, context) => reconcile({ key, namespace, name }, context),
});

async function reconcile(
  { key, namespace, name }: { key: string; namespace: string; name: string },
  context: Context,
): Promise<undefined> {
  const { informers, client, recorder, state } = context;
  const service = informers.of(services).get(key);
  if (!service) {
    state.forget(key);
    await deleteOrphan({ key, namespace, name }, context);
    return;
  }
  const { selector, type } = service.spec;
  if (type === 'ExternalName' || !selector || Object.keys(selector).length === 0) return;
  const current = informers.of(endpointsResource).get(key);
  const wanted = wantedEndpoints(service, current, context);
  if (current && isSame(current, wanted)) return;
  try {
    if (current) await client.of(endpointsResource).update(wanted);
    else await client.of(endpointsResource).create(wanted);
  } catch (error) {
    if (isNamespaceTerminating(error)) return;
    const [reason, doing] = current
      ? ['FailedToUpdateEndpoint', 'update endpoint']
      : ['FailedToCreateEndpoint', 'create endpoint for service'];
    const message = `Failed to ${doing} ${key}: ${(error as Error).message}`;
    if (!isReason(error, 'Conflict', 'AlreadyExists'))
      recorder.event(wanted, { type: 'Warning', reason: reason!, message });
    throw error;
  }
}

/** The Endpoints of a service that is gone; those that someone made without a service stay. */
async function deleteOrphan(
  { key, namespace, name }: { key: string; namespace: string; name: string },
  { informers, client }: Context,
): Promise<void> {
  const endpoints = informers.of(endpointsResource).get(key);
  if (!endpoints) return;
  try {
    await client.of(endpointsResource).delete(name, { namespace });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

function wantedEndpoints(service: Service, current: Endpoints | undefined, { informers, state }: Context): Endpoints {
  const { name, namespace } = service.metadata;
  const behind = podsOf(service, informers.of(pods).inNamespace(namespace ?? ''));
  const { subsets, isTruncated } = truncate(subsetsOf(service, behind));
  const { [headlessLabel]: _, ...labels } = service.metadata.labels ?? {};
  labels[managedByLabel] = 'endpoint-controller';
  if (isHeadless(service)) labels[headlessLabel] = '';
  const { [overCapacityAnnotation]: __, ...annotations } = current?.metadata.annotations ?? {};
  if (isTruncated) annotations[overCapacityAnnotation] = 'truncated';
  const timed = withTriggerTime(annotations, state.look(service, behind));
  const metadata = { ...(current?.metadata ?? { name, namespace }), labels, annotations: timed };
  return { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets };
}

/** The trigger time alone is no reason to write. */
function isSame(current: Endpoints, wanted: Endpoints): boolean {
  const capacity = (one: Endpoints) => one.metadata.annotations?.[overCapacityAnnotation];
  return (
    equal(current.subsets ?? [], wanted.subsets ?? []) &&
    equal(current.metadata.labels ?? {}, wanted.metadata.labels ?? {}) &&
    capacity(current) === capacity(wanted)
  );
}
