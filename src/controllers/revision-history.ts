/**
 * The past of a StatefulSet's or DaemonSet's template, kept as ControllerRevisions: which is the newest, which come
 * back, and which are too many. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/
 */
import controllerRevisions from '#api/apps/controllerrevision.js';
import type { ControllerRevision } from '#api/gen/apps-v1.js';
import type { PodTemplateSpec } from '#api/gen/core-v1.js';
import type { ResourceRef } from '#api/resource.js';
import { isReason } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import { type LabelSelector, labelSelectorFrom } from '#apimachinery/selectors.js';
import { type Json, sortKeys } from '#base/json.js';
import type { Client } from '#client/client.js';
import type { Informer } from '#client/informer.js';
import { candidatesOf, claim, controllerReference } from './claim.js';
import { sameValue } from './template-hash.js';

/** On pods: of which revision they are. A StatefulSet's have its name, a DaemonSet's its hash. */
export const revisionLabel = 'controller-revision-hash';

/** An owner that has a template, and a history of it. */
export interface Versioned extends KubeObject {
  spec: { selector?: Parameters<typeof labelSelectorFrom>[0]; template?: PodTemplateSpec };
  status?: { collisionCount?: number };
}

export interface HistoryContext<O extends Versioned> {
  client: Client;
  owner: O;
  ownerResource: ResourceRef<O>;
  revisions: Informer<ControllerRevision>;
  /** The label by which a revision says its hash: every kind has its own. */
  hashLabel: string;
  /** Names a revision: by its template, or by its data. */
  hash(revision: { template: PodTemplateSpec; data: Json; collisions: number | undefined }): string;
}

/** The owner's revisions, oldest first; orphans that its selector matches are adopted. */
export async function revisionsOf<O extends Versioned>(context: HistoryContext<O>): Promise<ControllerRevision[]> {
  const { client, owner, ownerResource, revisions } = context;
  const selector: LabelSelector = labelSelectorFrom(owner.spec.selector);
  const candidates = candidatesOf(revisions, owner);
  const mine = await claim({ client, owner, ownerResource, selector, resource: controllerRevisions, candidates });
  return mine.sort(byAge);
}

function byAge(a: ControllerRevision, b: ControllerRevision): number {
  const { creationTimestamp: aTime = '', name: aName = '' } = a.metadata;
  const { creationTimestamp: bTime = '', name: bName = '' } = b.metadata;
  return (a.revision ?? 0) - (b.revision ?? 0) || aTime.localeCompare(bTime) || aName.localeCompare(bName);
}

/**
 * The patch that makes the owner's template what it is now; kubectl applies it to undo a rollout. Its keys are in order,
 * since clients in Go find the revision of a template by writing this patch themselves and comparing the bytes.
 */
function dataOf(template: PodTemplateSpec | undefined): Record<string, Json> {
  return { spec: { template: sortKeys({ ...(template as Record<string, Json>), $patch: 'replace' }) } };
}

/** The template of a revision. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const data = revision.data as { spec?: { template?: PodTemplateSpec & { $patch?: string } } };
  const { $patch: _, ...template } = data.spec?.template ?? {};
  return template;
}

export function isOfTemplate(revision: ControllerRevision, template: PodTemplateSpec | undefined): boolean {
  return sameValue(templateOf(revision), template ?? {});
}

export interface NewestRevision {
  newest: ControllerRevision;
  /** Undefined until two templates have had one name. */
  collisionCount: number | undefined;
}

/**
 * The revision of the template as it is now: the newest, an earlier one that becomes the newest (a rollback), or a new
 * one. `revisions` are sorted, oldest first.
 */
export async function newestRevision<O extends Versioned>(
  context: HistoryContext<O>,
  revisions: readonly ControllerRevision[],
): Promise<NewestRevision> {
  const { client, owner } = context;
  const collisionCount = owner.status?.collisionCount;
  const last = revisions.at(-1);
  const equal = revisions.findLast((one) => isOfTemplate(one, owner.spec.template));
  const next = (last?.revision ?? 0) + 1;
  if (!equal) return createRevision(context, { revision: next, collisionCount });
  if (equal === last) return { newest: equal, collisionCount };
  const raised = await client.of(controllerRevisions).update({ ...equal, revision: next });
  return { newest: raised, collisionCount };
}

async function createRevision<O extends Versioned>(
  { client, owner, ownerResource, hashLabel, hash: hashOf }: HistoryContext<O>,
  { revision, collisionCount }: NewestRevisionNumber,
): Promise<NewestRevision> {
  const { name: ownerName = '', namespace, annotations } = owner.metadata;
  const data = dataOf(owner.spec.template);
  const template = owner.spec.template ?? {};
  for (let collisions = collisionCount; ; collisions = (collisions ?? 0) + 1) {
    const hash = hashOf({ template, data, collisions });
    const name = `${ownerName.slice(0, namePrefixMax)}-${hash}`;
    const labels = { ...owner.spec.template?.metadata?.labels, [hashLabel]: hash };
    const ownerReferences = [controllerReference(owner, ownerResource)];
    const metadata = { name, namespace, labels, annotations, ownerReferences };
    const wanted: ControllerRevision = { apiVersion: 'apps/v1', kind: 'ControllerRevision', metadata, data, revision };
    try {
      return { newest: await client.of(controllerRevisions).create(wanted), collisionCount: collisions };
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
      const taken = await client.of(controllerRevisions).get(name, { namespace });
      if (sameValue(taken.data, data)) return { newest: taken, collisionCount: collisions };
    }
  }
}

interface NewestRevisionNumber {
  revision: number;
  collisionCount: number | undefined;
}

/** The hash and a dash must fit behind it. */
const namePrefixMax = 223;

/** Deletes the oldest of those that are not in use, down to the limit; a negative limit keeps all. */
export async function truncateHistory(
  client: Client,
  revisions: readonly ControllerRevision[],
  { live, limit }: { live: ReadonlySet<string>; limit: number },
): Promise<void> {
  const past = revisions.filter(({ metadata }) => !live.has(metadata.name ?? ''));
  if (limit < 0 || past.length <= limit) return;
  for (const { metadata } of past.slice(0, past.length - limit)) {
    const { name = '', namespace } = metadata;
    try {
      await client.of(controllerRevisions).delete(name, { namespace });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
}
