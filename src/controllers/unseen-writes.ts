/**
 * Remembers what a controller created and deleted until its informer shows it, so that a copy that lags behind is not
 * taken for pods that are missing, and made twice. Does the work of upstream's "expectations", without counting events,
 * and more: of a write without an answer it is asked what became of it.
 */
import { isReason } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { type Informer, keyOf } from '#client/informer.js';
import { TransportError } from '#client/transport.js';
import { controlledBy } from './claim.js';

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
  /** Uids of owners for which something may have been written, or not. */
  readonly #unsure = new Set<string>();

  constructor({ clock, informer }: { clock: Clock; informer: Informer<T> }) {
    this.#clock = clock;
    this.#informer = informer;
  }

  /** It was created or changed, and is now this. */
  wrote(ownerUid: string, object: T): void {
    this.#remember(ownerUid, object, { resourceVersion: object.metadata.resourceVersion });
  }

  deleted(ownerUid: string, object: T): void {
    this.#remember(ownerUid, object);
  }

  /** It was found to be gone. */
  gone(ownerUid: string, object: T): void {
    this.#remember(ownerUid, object, { isGone: true });
  }

  /** Watches over one write: if it fails without an answer, `settle` will ask. */
  async attempt<R>(ownerUid: string, write: () => Promise<R>): Promise<R> {
    try {
      return await write();
    } catch (error) {
      if (error instanceof TransportError || isReason(error, 'Timeout')) this.#unsure.add(ownerUid);
      throw error;
    }
  }

  /**
   * If a write for this owner got no answer, asks the server for all that the owner has, and waits for that from then on,
   * as if all of it had been written just now.
   */
  async settle(ownerUid: string, ask: () => Promise<readonly T[]>): Promise<void> {
    if (!this.#unsure.has(ownerUid)) return;
    const all = await ask();
    const uids = new Set(all.map(({ metadata }) => metadata.uid));
    for (const object of all) {
      if (object.metadata.deletionTimestamp) this.deleted(ownerUid, object);
      else this.wrote(ownerUid, object);
    }
    for (const known of controlledBy(this.#informer, ownerUid)) {
      if (!uids.has(known.metadata.uid)) this.gone(ownerUid, known);
    }
    this.#unsure.delete(ownerUid);
  }

  /** Whether it was deleted, or found gone, and the copy does not show it yet. */
  isDeleted(ownerUid: string, { metadata }: T): boolean {
    const writes = this.#writes.get(ownerUid) ?? [];
    return writes.some(({ uid, resourceVersion }) => uid === metadata.uid && resourceVersion === undefined);
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
    this.#unsure.delete(ownerUid);
  }

  #remember(ownerUid: string, object: T, more: Pick<Write, 'resourceVersion' | 'isGone'> = {}): void {
    const { uid = '' } = object.metadata;
    const write = { key: keyOf(object), uid, atMs: this.#clock.monotonic(), ...more };
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
