/** Pods that were promised room on a node and wait for it: what others must leave free. */
import type { Pod } from '#api/gen/core-v1.js';

const nobody: readonly Pod[] = [];

export class Nominations {
  readonly #byUid = new Map<string, { pod: Pod; nodeName: string }>();
  readonly #byNode = new Map<string, Map<string, Pod>>();
  /** As `on` gives them: the same as long as they stay, so that what was found out about them can be kept. */
  readonly #lists = new Map<string, readonly Pod[]>();

  /** undefined or '': the pod is promised nothing (any more). */
  set(pod: Pod, nodeName: string | undefined): void {
    const uid = pod.metadata.uid!;
    this.delete(uid);
    if (!nodeName) return;
    this.#byUid.set(uid, { pod, nodeName });
    this.#lists.delete(nodeName);
    const guests = this.#byNode.get(nodeName);
    if (guests) guests.set(uid, pod);
    else this.#byNode.set(nodeName, new Map([[uid, pod]]));
  }

  /** Gives the node where room is free again. */
  delete(uid: string): string | undefined {
    const known = this.#byUid.get(uid);
    if (!known) return undefined;
    this.#byUid.delete(uid);
    this.#lists.delete(known.nodeName);
    const guests = this.#byNode.get(known.nodeName)!;
    guests.delete(uid);
    if (guests.size === 0) this.#byNode.delete(known.nodeName);
    return known.nodeName;
  }

  /** What the API says of a pod; a promise of ours that it has not heard of yet stands until it says otherwise. */
  observe(pod: Pod, old?: Pod): void {
    const said = pod.status?.nominatedNodeName;
    const nodeName = said || said !== old?.status?.nominatedNodeName ? said : this.of(pod);
    this.set(pod, nodeName);
  }

  of({ metadata }: Pod): string | undefined {
    return this.#byUid.get(metadata.uid!)?.nodeName;
  }

  on(nodeName: string): readonly Pod[] {
    if (this.#byNode.size === 0) return nobody;
    const guests = this.#byNode.get(nodeName);
    if (!guests) return nobody;
    let list = this.#lists.get(nodeName);
    if (!list) this.#lists.set(nodeName, (list = [...guests.values()]));
    return list;
  }
}
