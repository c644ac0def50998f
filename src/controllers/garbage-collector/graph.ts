/** Who owns whom among all objects of the cluster, as far as watches have shown; and what a change makes worth a look. */
import type { ResourceRef } from '#api/resource.js';
import type { KubeObject, OwnerReference } from '#apimachinery/object.js';

export interface Node {
  uid: string;
  resource: ResourceRef;
  /** '' for none. */
  namespace: string;
  name: string;
  owners: readonly OwnerReference[];
  isDeleting: boolean;
  /** Being deleted in the foreground: stays until its dependents are gone. */
  awaitsDependents: boolean;
  /** Being deleted, with its dependents to be set free first. */
  orphansDependents: boolean;
}

/** The uids that may need work after a change. */
export interface Affected {
  /** Perhaps to be deleted, or to lose a finalizer. */
  check: string[];
  /** To have their dependents set free. */
  orphan: string[];
}

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

export class OwnershipGraph {
  readonly #nodes = new Map<string, Node>();
  /** By the uid of an owner, whether or not the owner itself has been seen. */
  readonly #dependents = new Map<string, Set<Node>>();

  get(uid: string): Node | undefined {
    return this.#nodes.get(uid);
  }

  dependentsOf(uid: string): Node[] {
    return [...(this.#dependents.get(uid) ?? [])];
  }

  /** Those without which the owner's deletion must wait. */
  blockingDependentsOf(uid: string): Node[] {
    return this.dependentsOf(uid).filter(({ owners }) =>
      owners.some((one) => one.uid === uid && one.blockOwnerDeletion),
    );
  }

  /** An object was added or changed. */
  observe(resource: ResourceRef, object: KubeObject): Affected {
    const { uid = '', name = '', namespace = '', finalizers = [], ownerReferences = [] } = object.metadata;
    const isDeleting = !!object.metadata.deletionTimestamp;
    const before = this.#nodes.get(uid);
    const node: Node = {
      uid,
      resource,
      namespace,
      name,
      owners: ownerReferences,
      isDeleting,
      awaitsDependents: isDeleting && finalizers.includes(foregroundFinalizer),
      orphansDependents: isDeleting && finalizers.includes(orphanFinalizer),
    };
    if (before) this.#unlink(before);
    this.#nodes.set(uid, node);
    for (const owner of node.owners) {
      const dependents = this.#dependents.get(owner.uid);
      if (dependents) dependents.add(node);
      else this.#dependents.set(owner.uid, new Set([node]));
    }
    return this.#affected(node, before);
  }

  /** An object is gone. */
  remove(uid: string): Affected {
    const node = this.#nodes.get(uid);
    if (!node) return { check: [], orphan: [] };
    this.#nodes.delete(uid);
    this.#unlink(node);
    const waiting = node.owners.filter((owner) => this.#nodes.get(owner.uid)?.awaitsDependents);
    const check = [...this.dependentsOf(uid), ...waiting].map((one) => one.uid);
    return { check, orphan: [] };
  }

  /** All objects with an owner that was not seen, or not so; asked once, when the first lists are in. */
  withDoubtfulOwners(): string[] {
    const found: string[] = [];
    for (const node of this.#nodes.values()) if (this.#hasDoubtfulOwner(node)) found.push(node.uid);
    return found;
  }

  #affected(node: Node, before: Node | undefined): Affected {
    const check: string[] = [];
    if (this.#hasDoubtfulOwner(node) && !(before && sameOwners(before, node))) check.push(node.uid);
    // Dependents may have been seen before what they name, and name it wrongly.
    if (!before) check.push(...this.dependentsOf(node.uid).flatMap((one) => (isNamedBy(node, one) ? [] : one.uid)));
    // An owner may wait for a dependent that no longer names it, or no longer blocks it.
    for (const owner of before?.owners ?? []) {
      if (!owner.blockOwnerDeletion || !this.#nodes.get(owner.uid)?.awaitsDependents) continue;
      const now = node.owners.find(({ uid }) => uid === owner.uid);
      if (!now?.blockOwnerDeletion) check.push(owner.uid);
    }
    // A dependent that comes to an owner which waits already must go as well.
    if (node.owners.some(({ uid }) => this.#nodes.get(uid)?.awaitsDependents)) check.push(node.uid);
    if (node.awaitsDependents && !before?.awaitsDependents)
      check.push(...this.dependentsOf(node.uid).map(({ uid }) => uid), node.uid);
    const orphan = node.orphansDependents && !before?.orphansDependents ? [node.uid] : [];
    return { check, orphan };
  }

  #hasDoubtfulOwner(node: Node): boolean {
    return node.owners.some(({ uid }) => {
      const owner = this.#nodes.get(uid);
      return !owner || !isNamedBy(owner, node);
    });
  }

  #unlink(node: Node): void {
    for (const owner of node.owners) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(node);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
  }
}

/** Whether the dependent means the owner that has the uid, and can: one of its own namespace, or of none. */
export function isNamedBy({ uid, namespace, name, resource }: Node, dependent: Node): boolean {
  const isNear = namespace === '' || namespace === dependent.namespace;
  return dependent.owners.every(
    (owner) => owner.uid !== uid || (isNear && owner.name === name && owner.kind === resource.kind),
  );
}

function sameOwners(a: Node, b: Node): boolean {
  return a.owners.length === b.owners.length && a.owners.every(({ uid }, index) => uid === b.owners[index]?.uid);
}
