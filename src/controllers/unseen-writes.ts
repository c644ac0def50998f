/**
 * Remembers what a controller created and deleted until its informer shows it, so that a copy that lags behind is not
 * taken for pods that are missing, and made twice. Does the work of upstream's "expectations", without counting events.
 */
import type { KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Informer } from '#client/informer.js';

/** After this long the memory is taken to be wrong, and the informer right. */
const forgetAfterMs = 300_000;

interface Write {
  key: string;
  uid: string;
  /** Of the written object; undefined for a deletion. */
  resourceVersion?: string;
  /** It is no longer there, not only asked to go. */
  isGone?: boolean;
  atMs: number;
}

export class UnseenWrites<T extends KubeObject> {
  readonly #clock: Clock;
  readonly #informer: Informer<T>;
  /** By the uid of the object whose reconciliation wrote. */
  readonly #writes = new Map<string, Write[]>();

  constructor({ clock, informer }: { clock: Clock; informer: Informer<T> }) {
    this.#clock = clock;
    this.#informer = informer;
  }

  /** It was created or changed, and is now this. */
  wrote(ownerUid: string, { metadata }: T): void {
    const { namespace, name, uid = '', resourceVersion } = metadata;
    this.#remember(ownerUid, { key: `${namespace}/${name}`, uid, resourceVersion, atMs: this.#clock.monotonic() });
  }

  deleted(ownerUid: string, { metadata }: T): void {
    const { namespace, name, uid = '' } = metadata;
    this.#remember(ownerUid, { key: `${namespace}/${name}`, uid, atMs: this.#clock.monotonic() });
  }

  /** It was found to be gone. */
  gone(ownerUid: string, { metadata }: T): void {
    const { namespace, name, uid = '' } = metadata;
    this.#remember(ownerUid, { key: `${namespace}/${name}`, uid, isGone: true, atMs: this.#clock.monotonic() });
  }

  /** Milliseconds until the memory of this owner's writes runs out; undefined when the informer shows them all. */
  pendingMs(ownerUid: string): number | undefined {
    const nowMs = this.#clock.monotonic();
    const left = (this.#writes.get(ownerUid) ?? []).filter(
      (write) => nowMs - write.atMs < forgetAfterMs && !this.#isSeen(write),
    );
    if (left.length === 0) {
      this.#writes.delete(ownerUid);
      return undefined;
    }
    this.#writes.set(ownerUid, left);
    return Math.max(...left.map((write) => write.atMs)) + forgetAfterMs - nowMs;
  }

  /** The owner is gone. */
  forget(ownerUid: string): void {
    this.#writes.delete(ownerUid);
  }

  #remember(ownerUid: string, write: Write): void {
    const writes = this.#writes.get(ownerUid);
    if (writes) writes.push(write);
    else this.#writes.set(ownerUid, [write]);
  }

  #isSeen({ key, uid, resourceVersion, isGone }: Write): boolean {
    const shown = this.#informer.get(key);
    const isShown = shown?.metadata.uid === uid;
    if (isGone) return !isShown;
    if (resourceVersion === undefined) return !isShown || shown.metadata.deletionTimestamp !== undefined;
    // Revisions are ordered numbers since KEP-5504. The informer may be past an object that is gone again already.
    const seen = Number(isShown ? shown.metadata.resourceVersion : this.#informer.resourceVersion);
    return seen >= Number(resourceVersion) || Number(this.#informer.resourceVersion) >= Number(resourceVersion);
  }
}
