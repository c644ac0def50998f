/** Creating and deleting the pods of a controlling object, each with the event that tells of it. */

import pods from '#api/core/pod/index.js';
import type { Pod, PodTemplateSpec } from '#api/gen/core-v1.js';
import type { ResourceRef } from '#api/resource.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Client } from '#client/client.js';
import type { EventRecorder } from '#client/events.js';
import { controllerReference } from './claim.js';
import type { UnseenWrites } from './unseen-writes.js';

interface Means {
  client: Client;
  recorder: EventRecorder;
}

/** Remembered for the owner until the copy of the pods shows it. Gives undefined when the namespace is going, where nothing can be created and nothing need be. */
export async function createPod({
  owner,
  ownerResource,
  template,
  generateName,
  unseen,
  context,
}: {
  owner: KubeObject;
  ownerResource: ResourceRef;
  template: PodTemplateSpec;
  /** Default: the owner's name and a hyphen. */
  generateName?: string;
  unseen: UnseenWrites<Pod>;
  context: Means;
}): Promise<Pod | undefined> {
  const { client, recorder } = context;
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const { namespace, name = '', uid = '' } = owner.metadata;
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: generateName ?? `${name}-`,
      namespace,
      labels,
      annotations,
      finalizers,
      ownerReferences: [controllerReference(owner, ownerResource)],
    },
    spec: template.spec!,
  };
  try {
    const created = await unseen.attempt(uid, () => client.of(pods).create(pod));
    unseen.wrote(uid, created);
    recorder.event(owner, {
      type: 'Normal',
      reason: 'SuccessfulCreate',
      message: `Created pod: ${created.metadata.name}`,
    });
    return created;
  } catch (error) {
    if (isNamespaceTerminating(error)) return undefined;
    recorder.event(owner, { type: 'Warning', reason: 'FailedCreate', message: `Error creating: ${messageOf(error)}` });
    throw error;
  }
}

/** Remembered like a creation. */
export async function deletePod({
  owner,
  pod,
  unseen,
  context,
}: {
  owner: KubeObject;
  pod: Pod;
  unseen: UnseenWrites<Pod>;
  context: Means;
}): Promise<void> {
  const { client, recorder } = context;
  const { name = '', namespace, uid } = pod.metadata;
  const { uid: ownerUid = '' } = owner.metadata;
  try {
    await unseen.attempt(ownerUid, () => client.of(pods).delete(name, { namespace, preconditions: { uid } }));
  } catch (error) {
    if (isReason(error, 'NotFound')) {
      unseen.gone(ownerUid, pod);
      return;
    }
    // A Conflict: another pod has the name by now, as the copy will show.
    if (isReason(error, 'Conflict')) throw error;
    recorder.event(owner, { type: 'Warning', reason: 'FailedDelete', message: `Error deleting: ${messageOf(error)}` });
    throw error;
  }
  unseen.deleted(ownerUid, pod);
  recorder.event(owner, { type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted pod: ${name}` });
}

/** Nothing can be created in a namespace that is going; no use in trying again or telling anyone. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof StatusError)) return false;
  return (error.status.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating');
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
