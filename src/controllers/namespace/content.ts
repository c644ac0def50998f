/** Deletes what is in a namespace, pods first, and counts what is still there. */
import pods from '#api/core/pod/index.js';
import type { Pod } from '#api/gen/core-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Client } from '#client/client.js';
import type { DiscoveredResource } from '#client/discovery.js';

export interface Progress {
  /** How long the rest may take; undefined when nothing is left. */
  remainingInSeconds: number | undefined;
  /** By `pods.` or `deployments.apps`, as the conditions show it. */
  remaining: Map<string, number>;
  /** By finalizer. */
  finalizers: Map<string, number>;
  failures: StatusError[];
}

/** Upstream's guess for objects that wait for a finalizer. */
const finalizerSeconds = 15;
const pageObjectsMax = 500;
/** Requests under way at once for one namespace. */
const concurrencyMax = 10;

interface Request {
  client: Client;
  namespace: string;
  resources: readonly DiscoveredResource[];
  signal: AbortSignal;
}

/**
 * Safe to run again and again. Pods go before all else, so that none of them runs on without its policies or secrets
 * (KEP-5080). Throws TransportError.
 */
export async function deleteContent(request: Request): Promise<Progress> {
  const progress: Progress = {
    remainingInSeconds: undefined,
    remaining: new Map(),
    finalizers: new Map(),
    failures: [],
  };
  const deletable = request.resources.filter(({ namespaced, verbs }) => namespaced && verbs.includes('delete'));
  const isPods = (resource: DiscoveredResource) => resource.group === '' && resource.plural === pods.plural;
  for (const resource of deletable.filter(isPods)) await deleteResource(resource, request, progress);
  // Upstream counts what remains only once it has come to the rest.
  if (progress.remainingInSeconds !== undefined) return { ...progress, remaining: new Map(), finalizers: new Map() };
  if (progress.failures.length > 0) return progress;
  const rest = deletable.filter((resource) => !isPods(resource));
  const workers = Array.from({ length: concurrencyMax }, async () => {
    for (let one = rest.shift(); one; one = rest.shift()) await deleteResource(one, request, progress);
  });
  await Promise.all(workers);
  return progress;
}

async function deleteResource(resource: DiscoveredResource, request: Request, progress: Progress): Promise<void> {
  const { namespace, signal, client } = request;
  try {
    if (!resource.verbs.includes('list')) return;
    const before = await listAll(resource, request);
    if (before.length === 0) return;
    if (resource.verbs.includes('deletecollection')) {
      await client.of(resource).deleteCollection({ namespace, propagationPolicy: 'Background', signal });
    } else await deleteEach(resource, before, request);
    const left = await listAll(resource, request);
    if (left.length === 0) return;
    progress.remaining.set(`${resource.plural}.${resource.group}`, left.length);
    for (const { metadata } of left) {
      for (const finalizer of metadata.finalizers ?? [])
        progress.finalizers.set(finalizer, (progress.finalizers.get(finalizer) ?? 0) + 1);
    }
    const seconds = resource.plural === pods.plural ? gracePeriodSeconds(left as Pod[]) : 0;
    progress.remainingInSeconds = Math.max(progress.remainingInSeconds ?? 0, seconds || finalizerSeconds);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    // A resource that went away since it was discovered has no objects.
    if (!isReason(error, 'NotFound', 'MethodNotAllowed')) progress.failures.push(error);
  }
}

async function deleteEach(
  resource: DiscoveredResource,
  objects: readonly KubeObject[],
  { client, namespace, signal }: Request,
): Promise<void> {
  for (const { metadata } of objects) {
    try {
      await client.of(resource).delete(metadata.name!, { namespace, propagationPolicy: 'Background', signal });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
}

async function listAll(resource: DiscoveredResource, { client, namespace, signal }: Request): Promise<KubeObject[]> {
  const objects: KubeObject[] = [];
  let next: string | undefined;
  do {
    const page = await client.of(resource).list({ namespace, limit: pageObjectsMax, continue: next, signal });
    objects.push(...page.items);
    next = page.metadata.continue || undefined;
  } while (next);
  return objects;
}

/** Pods that finished need no time. */
function gracePeriodSeconds(left: readonly Pod[]): number {
  const running = left.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  return Math.max(0, ...running.map(({ spec }) => spec.terminationGracePeriodSeconds ?? 0));
}
