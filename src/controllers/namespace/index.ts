/**
 * Namespace: once one is being deleted, deletes all that is in it, tells how far that is, and lets it go.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
 */

import namespaces from '#api/core/namespace.js';
import type { Namespace } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { equal } from '#base/json.js';
import { discover } from '#client/discovery.js';
import { type ControllerContext, defineController, type Requeue } from '../runtime.js';
import { nextConditions } from './conditions.js';
import { deleteContent } from './content.js';

/** Held in spec.finalizers by namespaces whose content we delete. */
const finalizer = 'kubernetes';

export default defineController<Namespace, undefined>({
  name: 'namespace-controller',
  workers: 10,
  for: namespaces,
  reconcile: ({ name }, context, signal) => reconcile(name, context, signal),
});

async function reconcile(name: string, context: ControllerContext, signal: AbortSignal): Promise<Requeue | undefined> {
  const { client, informers } = context;
  if (!informers.of(namespaces).get(name)?.metadata.deletionTimestamp) return;
  let namespace: Namespace;
  try {
    namespace = await client.of(namespaces).get(name, { signal });
  } catch (error) {
    if (isReason(error, 'NotFound')) return;
    throw error;
  }
  if (!namespace.metadata.deletionTimestamp) return;
  if (namespace.status?.phase !== 'Terminating')
    namespace = await client.of(namespaces).updateStatus({
      ...namespace,
      status: { ...namespace.status, phase: 'Terminating' },
    });
  if (!namespace.spec.finalizers?.length) return;

  const discovered = await discover(client.transport, signal);
  const progress = await deleteContent({ client, namespace: name, resources: discovered.resources, signal });
  const conditions = nextConditions(namespace.status?.conditions, {
    ...progress,
    undiscovered: discovered.failures,
    nowMs: context.clock.now(),
  });
  if (!equal(conditions, namespace.status?.conditions))
    namespace = await client.of(namespaces).updateStatus({ ...namespace, status: { ...namespace.status, conditions } });
  const failure = progress.failures[0] ?? discovered.failures[0]?.error;
  if (failure) throw failure;
  if (progress.remainingInSeconds !== undefined)
    return { afterMs: (Math.floor(progress.remainingInSeconds / 2) + 1) * 1000 };
  await finalize(namespace, context);
}

async function finalize(namespace: Namespace, { client }: ControllerContext): Promise<void> {
  const finalizers = namespace.spec.finalizers?.filter((one) => one !== finalizer);
  try {
    await client
      .of(namespaces)
      .update({ ...namespace, spec: { ...namespace.spec, finalizers } }, { subresource: 'finalize' });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
