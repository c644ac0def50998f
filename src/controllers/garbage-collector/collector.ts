/** Looks at one object and its owners as the server has them, and deletes it, frees it, or lets it be. */
import { isReason, StatusError } from '#apimachinery/errors.js';
import { type KubeObject, type OwnerReference, parseApiVersion } from '#apimachinery/object.js';
import type { DeleteOptions } from '#client/client.js';
import type { DiscoveredResource } from '#client/discovery.js';
import { RecentMap } from '#client/recent-map.js';
import type { ControllerContext } from '../runtime.js';
import { type Affected, foregroundFinalizer, type Node, type OwnershipGraph, orphanFinalizer } from './graph.js';

export interface CollectorOptions {
  context: ControllerContext<undefined>;
  graph: OwnershipGraph;
  apply: (affected: Affected) => void;
  resourceOf: (kind: { group: string; kind: string }) => DiscoveredResource | undefined;
}

type OwnerState = 'solid' | 'dangling' | 'waiting';

/** Owners known to be gone, so that ten thousand dependents ask for them once. Uids never come back. */
const absentMax = 500;

export class Collector {
  readonly #options: CollectorOptions;
  readonly #absent = new RecentMap<string, true>(absentMax);
  /** Dependents whose owner is in another namespace, which is told once. */
  readonly #warned = new RecentMap<string, true>(absentMax);

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** Throws StatusError or TransportError when it has to be tried again. */
  async check(uid: string): Promise<void> {
    const { graph } = this.#options;
    const node = graph.get(uid);
    if (!node || (node.isDeleting && !node.awaitsDependents)) return;
    if (node.awaitsDependents) {
      await this.#awaitDependents(node);
      return;
    }
    if (node.owners.length === 0) return;
    const fromCache = await this.#ownerStates(node, node.owners);
    if ([...fromCache.values()].every((state) => state === 'solid')) return;
    const latest = await this.#get(node);
    if (!latest) return;
    const owners = latest.metadata.ownerReferences ?? [];
    if (owners.length > 0) await this.#collect(node, latest, await this.#ownerStates(node, owners));
  }

  /** Sets the dependents of a deleted owner free, and then lets the owner go. */
  async orphanDependents(uid: string): Promise<void> {
    const { graph } = this.#options;
    const owner = graph.get(uid);
    if (!owner?.orphansDependents) return;
    const results = await Promise.allSettled(graph.dependentsOf(uid).map((node) => this.#dropOwners(node, [uid])));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
    await this.#removeFinalizer(owner, orphanFinalizer);
  }

  async #awaitDependents(node: Node): Promise<void> {
    const { graph, apply } = this.#options;
    const blocking = graph.blockingDependentsOf(node.uid);
    if (blocking.length === 0) await this.#removeFinalizer(node, foregroundFinalizer);
    else apply({ check: blocking.filter((one) => !one.awaitsDependents).map(({ uid }) => uid), orphan: [] });
  }

  async #collect(node: Node, latest: KubeObject, states: Map<string, OwnerState>): Promise<void> {
    const { graph } = this.#options;
    const inState = (wanted: OwnerState) => [...states].filter(([, state]) => state === wanted).map(([uid]) => uid);
    const waiting = inState('waiting');
    const gone = [...inState('dangling'), ...waiting];
    if (gone.length === 0) return;
    if (gone.length < states.size) {
      // Another owner still wants it.
      await this.#dropOwners(node, gone);
      return;
    }
    const dependents = graph.dependentsOf(node.uid);
    if (waiting.length > 0 && dependents.length > 0) {
      // In a circle of owners that wait for one another, someone must stop blocking.
      if (dependents.some((one) => one.awaitsDependents)) await this.#unblockOwners(node);
      await this.#delete(node, latest, 'Foreground');
      return;
    }
    const { finalizers = [] } = latest.metadata;
    if (finalizers.includes(orphanFinalizer)) await this.#delete(node, latest, 'Orphan');
    else if (finalizers.includes(foregroundFinalizer)) await this.#delete(node, latest, 'Foreground');
    else await this.#delete(node, latest, 'Background');
  }

  async #ownerStates(node: Node, owners: readonly OwnerReference[]): Promise<Map<string, OwnerState>> {
    const states = new Map<string, OwnerState>();
    for (const owner of owners) states.set(owner.uid, await this.#ownerState(node, owner));
    return states;
  }

  /** What watches show as alive is taken to be: should it be gone, word of that is on its way. Else the server is asked. */
  async #ownerState(node: Node, owner: OwnerReference): Promise<OwnerState> {
    const { graph, resourceOf, context } = this.#options;
    const { group, version } = parseApiVersion(owner.apiVersion);
    const resource = resourceOf({ group, kind: owner.kind });
    if (!resource) {
      // Served again later, perhaps: until then nobody can say whether the owner is there.
      const message = `no matches for kind ${JSON.stringify(owner.kind)} in version ${JSON.stringify(owner.apiVersion)}`;
      throw new StatusError({ reason: 'ServiceUnavailable', message });
    }
    const namespace = resource.namespaced ? node.namespace : '';
    const seen = graph.get(owner.uid);
    // In another namespace, or with one where the dependent has none.
    if (seen?.namespace && seen.namespace !== node.namespace) this.#warnInvalid(node, owner);
    // Not valid, and not for us to mend: a cluster-scoped object must not depend on a namespaced one.
    if (resource.namespaced && !node.namespace) return 'solid';
    if (seen?.name === owner.name && seen.namespace === namespace && seen.resource.kind === owner.kind)
      return seen.awaitsDependents ? 'waiting' : 'solid';
    const key = [owner.uid, group, owner.kind, namespace, owner.name].join('|');
    if (this.#absent.get(key)) return 'dangling';
    try {
      const ref = { ...resource, versions: [version] as const };
      const found = await context.client.of(ref).get(owner.name, { namespace });
      if (found.metadata.uid === owner.uid) {
        const { deletionTimestamp, finalizers = [] } = found.metadata;
        return deletionTimestamp && finalizers.includes(foregroundFinalizer) ? 'waiting' : 'solid';
      }
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    this.#absent.set(key, true);
    return 'dangling';
  }

  #warnInvalid({ resource, namespace, name, uid }: Node, owner: OwnerReference): void {
    const pair = `${uid} ${owner.uid}`;
    if (this.#warned.get(pair)) return;
    this.#warned.set(pair, true);
    const { group, versions, kind } = resource;
    const about = { apiVersion: group ? `${group}/${versions[0]}` : versions[0], kind, namespace, name, uid };
    const ref = `[${owner.apiVersion}/${owner.kind}, namespace: ${namespace}, name: ${owner.name}, uid: ${owner.uid}]`;
    const message = `ownerRef ${ref} does not exist in namespace ${JSON.stringify(namespace)}`;
    this.#options.context.recorder.event(about, { type: 'Warning', reason: 'OwnerRefInvalidNamespace', message });
  }

  /** The object as the server has it; undefined, and taken out of the graph, when it is gone. */
  async #get({ resource, namespace, name, uid }: Node): Promise<KubeObject | undefined> {
    const { context, graph, apply } = this.#options;
    try {
      const latest = await context.client.of(resource).get(name, { namespace });
      if (latest.metadata.uid === uid) return latest;
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    apply(graph.remove(uid));
    return undefined;
  }

  /** Refused with a Conflict, and so looked at again, when the object changed since: its owners may have. */
  async #delete(
    { resource, namespace, name, uid }: Node,
    { metadata: { resourceVersion } }: KubeObject,
    propagationPolicy: DeleteOptions['propagationPolicy'],
  ): Promise<void> {
    const preconditions = { uid, resourceVersion };
    try {
      await this.#options.context.client.of(resource).delete(name, { namespace, propagationPolicy, preconditions });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  async #dropOwners(node: Node, uids: readonly string[]): Promise<void> {
    await this.#patch(node, ({ metadata: { ownerReferences = [] } }) => {
      const left = ownerReferences.filter(({ uid }) => !uids.includes(uid));
      return left.length < ownerReferences.length ? { ownerReferences: left } : undefined;
    });
  }

  async #unblockOwners(node: Node): Promise<void> {
    await this.#patch(node, ({ metadata: { ownerReferences = [] } }) =>
      ownerReferences.some((owner) => owner.blockOwnerDeletion)
        ? { ownerReferences: ownerReferences.map((owner) => ({ ...owner, blockOwnerDeletion: false })) }
        : undefined,
    );
  }

  async #removeFinalizer(node: Node, finalizer: string): Promise<void> {
    await this.#patch(node, ({ metadata: { finalizers = [] } }) =>
      finalizers.includes(finalizer) ? { finalizers: finalizers.filter((one) => one !== finalizer) } : undefined,
    );
  }

  /** A merge patch, which custom resources know as well, of the metadata as it was read: a Conflict if it changed. */
  async #patch(node: Node, change: (latest: KubeObject) => object | undefined): Promise<void> {
    const latest = await this.#get(node);
    const metadata = latest && change(latest);
    if (!metadata) return;
    const { resource, namespace, name, uid } = node;
    const patch = { metadata: { ...metadata, uid, resourceVersion: latest.metadata.resourceVersion } };
    try {
      await this.#options.context.client.of(resource).patch(name, patch, { type: 'merge', namespace });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
}
