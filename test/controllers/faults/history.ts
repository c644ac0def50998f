/** Every change that was stored, in the order of revisions, and the world as it was after each. */
import type { ResourceRef } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import { keyOf } from '#client/informer.js';
import type { TestCluster } from '../test-cluster.js';

export interface Change<T extends KubeObject = KubeObject> {
  resource: ResourceRef;
  type: 'added' | 'updated' | 'deleted';
  object: T;
  /** Undefined for what is added. */
  old: T | undefined;
}

/** All objects of the recorded resources after one change. */
export class World {
  readonly #objects = new Map<string, Map<string, KubeObject>>();

  /** Of one namespace, or all. */
  list<T extends KubeObject>({ plural }: ResourceRef<T>, namespace?: string): T[] {
    const all = [...(this.#objects.get(plural)?.values() ?? [])] as T[];
    return namespace === undefined ? all : all.filter(({ metadata }) => metadata.namespace === namespace);
  }

  get<T extends KubeObject>({ plural }: ResourceRef<T>, key: string): T | undefined {
    return this.#objects.get(plural)?.get(key) as T | undefined;
  }

  put({ resource: { plural }, type, object }: Change): void {
    let objects = this.#objects.get(plural);
    if (!objects) this.#objects.set(plural, (objects = new Map()));
    if (type === 'deleted') objects.delete(keyOf(object));
    else objects.set(keyOf(object), object);
  }
}

/** What must hold after each change. Gives what is wrong. May keep a memory of its own. */
export type Law = (world: World, change: Change) => string | undefined;

export class History {
  readonly #changes: Change[] = [];

  constructor({ informers }: TestCluster, resources: readonly ResourceRef[]) {
    for (const resource of resources) {
      const add = (change: Omit<Change, 'resource'>) => this.#changes.push({ resource, ...change });
      informers.of(resource).onEvent({
        added: (object) => add({ type: 'added', object, old: undefined }),
        updated: (object, old) => add({ type: 'updated', object, old }),
        deleted: (object) => add({ type: 'deleted', object, old: object }),
      });
    }
  }

  /** The first broken law of each, told with the change that broke it. */
  violations(laws: readonly Law[]): string[] {
    const world = new World();
    const told = new Map<Law, string>();
    for (const change of [...this.#changes].sort((a, b) => revisionOf(a) - revisionOf(b))) {
      world.put(change);
      for (const law of laws) {
        if (told.has(law)) continue;
        const wrong = law(world, change);
        const { plural } = change.resource;
        if (wrong)
          told.set(law, `${wrong}, after ${plural} ${keyOf(change.object)} ${change.type} at ${revisionOf(change)}`);
      }
    }
    return [...told.values()];
  }
}

function revisionOf({ object }: Change): number {
  return Number(object.metadata.resourceVersion);
}
