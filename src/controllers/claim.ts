/**
 * Settles which objects belong to a controlling object: orphans that its selector matches are adopted, and what no
 * longer matches is let go. https://github.com/kubernetes/design-proposals-archive/blob/main/api-machinery/controller-ref.md
 */
import type { ResourceRef } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import { controllerOf, formatApiVersion, type KubeObject, type OwnerReference } from '#apimachinery/object.js';
import type { LabelSelector } from '#apimachinery/selectors.js';
import type { Client } from '#client/client.js';
import type { Informer } from '#client/informer.js';

export interface Claim<O extends KubeObject, T extends KubeObject> {
  client: Client;
  owner: O;
  ownerResource: ResourceRef<O>;
  selector: LabelSelector;
  resource: ResourceRef<T>;
  /** Of the owner's namespace: its own and those without a controller. Others are passed over. */
  candidates: readonly T[];
  /** Is put on what is adopted, and taken off what is let go. */
  finalizer?: string;
}

/** Gives the candidates that are the owner's. Throws StatusError when one could not be adopted or let go. */
export async function claim<O extends KubeObject, T extends KubeObject>(request: Claim<O, T>): Promise<T[]> {
  const { owner, selector, candidates } = request;
  const mine: T[] = [];
  const changes: Promise<void>[] = [];
  let mayAdopt: Promise<boolean> | undefined;
  for (const candidate of candidates) {
    const controller = controllerOf(candidate);
    if (controller && controller.uid !== owner.metadata.uid) continue;
    const matches = selector.matches(candidate.metadata.labels);
    if (controller) {
      if (matches) mine.push(candidate);
      else if (!owner.metadata.deletionTimestamp) changes.push(release(request, candidate));
    } else if (matches && !owner.metadata.deletionTimestamp && !candidate.metadata.deletionTimestamp) {
      mayAdopt ??= isStillAlive(request);
      changes.push(
        adopt(request, candidate, mayAdopt).then((adopted) => {
          if (adopted) mine.push(candidate);
        }),
      );
    }
  }
  const failure = (await Promise.allSettled(changes)).find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
  return mine;
}

/** What an owner can claim: the objects that it controls, and those of its namespace that nobody does. */
export function candidatesOf<T extends KubeObject>(informer: Informer<T>, { metadata }: KubeObject): T[] {
  return [
    ...controlledBy(informer, metadata.uid ?? ''),
    ...informer.byIndex('controller', `orphans of ${metadata.namespace}`),
  ];
}

export function controlledBy<T extends KubeObject>(informer: Informer<T>, ownerUid: string): T[] {
  informer.addIndex('controller', (object) => [controllerOf(object)?.uid ?? `orphans of ${object.metadata.namespace}`]);
  return informer.byIndex('controller', ownerUid);
}

/** The same by the server's word, of those that the selector matches. */
export async function askControlledBy<T extends KubeObject>(
  client: Client,
  { owner, selector, resource }: { owner: KubeObject; selector: LabelSelector; resource: ResourceRef<T> },
): Promise<T[]> {
  const { namespace, uid } = owner.metadata;
  const { items } = await client.of(resource).list({ namespace, labelSelector: selector.toString() });
  return items.filter((one) => controllerOf(one)?.uid === uid);
}

export function controllerReference(owner: KubeObject, { group, versions, kind }: ResourceRef): OwnerReference {
  const { name = '', uid = '' } = owner.metadata;
  const apiVersion = formatApiVersion({ group, version: versions[0] });
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Asks the server itself: an owner that is gone, though the informer still shows it, must adopt nothing. */
async function isStillAlive<O extends KubeObject, T extends KubeObject>(request: Claim<O, T>): Promise<boolean> {
  const { client, owner, ownerResource } = request;
  const { name = '', namespace, uid } = owner.metadata;
  try {
    const fresh = await client.of(ownerResource).get(name, { namespace });
    return fresh.metadata.uid === uid && !fresh.metadata.deletionTimestamp;
  } catch (error) {
    if (isReason(error, 'NotFound')) return false;
    throw error;
  }
}

async function adopt<O extends KubeObject, T extends KubeObject>(
  request: Claim<O, T>,
  candidate: T,
  mayAdopt: Promise<boolean>,
): Promise<boolean> {
  if (!(await mayAdopt)) return false;
  const reference = controllerReference(request.owner, request.ownerResource);
  const { finalizer } = request;
  return await patchOwners(request, candidate, { reference, ...(finalizer && { finalizers: [finalizer] }) });
}

async function release<O extends KubeObject, T extends KubeObject>(request: Claim<O, T>, mine: T): Promise<void> {
  const { finalizer } = request;
  try {
    await patchOwners(request, mine, {
      reference: { $patch: 'delete', uid: request.owner.metadata.uid },
      ...(finalizer && { '$deleteFromPrimitiveList/finalizers': [finalizer] }),
    });
  } catch (error) {
    // It has no such owner any more.
    if (!isReason(error, 'Invalid')) throw error;
  }
}

/**
 * The uid in the patch makes it miss an object that took the place of ours, which is a Conflict, and another try once the
 * copy shows it. Gives false when ours is gone.
 */
async function patchOwners<O extends KubeObject, T extends KubeObject>(
  { client, resource }: Claim<O, T>,
  { metadata }: T,
  { reference, ...more }: { reference: object },
): Promise<boolean> {
  const { name = '', namespace, uid } = metadata;
  const patch = { metadata: { uid, ownerReferences: [reference], ...more } };
  try {
    await client.of(resource).patch(name, patch, { type: 'strategic', namespace });
    return true;
  } catch (error) {
    if (isReason(error, 'NotFound')) return false;
    throw error;
  }
}
