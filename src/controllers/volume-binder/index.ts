/** Brings claims and volumes together. https://kubernetes.io/docs/concepts/storage/persistent-volumes/#lifecycle-of-a-volume-and-claim */
import volumes from '#api/core/persistentvolume/index.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { PersistentVolumeClaim } from '#api/gen/core-v1.js';
import storageClasses from '#api/storage/storageclass.js';
import type { Clock } from '#base/clock.js';
import { keyOf } from '#client/informer.js';
import { defineController, watch } from '../runtime.js';
import { claimsOf, reconcileClaim } from './claim.js';
import { classOf, hasClass } from './match.js';

/** Upstream looks at everything again after so long; a claim that waits is told about again. */
const resyncMs = 15_000;

/**
 * When waiting claims were last told about. Volumes and classes that come and go are looked at at once, but are no
 * reason to say again what was said: only a change of the claim itself is, and time.
 */
class Told {
  readonly #clock: Clock;
  readonly #byKey = new Map<string, { resourceVersion: string | undefined; atMs: number }>();

  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock;
  }

  isDue(key: string, { metadata: { resourceVersion } }: PersistentVolumeClaim): boolean {
    const last = this.#byKey.get(key);
    const atMs = this.#clock.monotonic();
    if (last?.resourceVersion === resourceVersion && atMs < last!.atMs + resyncMs) return false;
    this.#byKey.set(key, { resourceVersion, atMs });
    return true;
  }

  forget(key: string): void {
    this.#byKey.delete(key);
  }
}

const quiet = { event: () => {} };

export default defineController<PersistentVolumeClaim, Told>({
  name: 'persistent-volume-binder',
  eventSource: 'persistentvolume-controller',
  // One at a time: two claims that look for a volume must not find the same one.
  workers: 1,
  for: claims,
  state: (context) => new Told(context),
  watches: ({ informers }) => [
    watch(volumes, (volume) => claimsOf(volume, informers.of(claims).list()).map(keyOf)),
    watch(storageClasses, ({ metadata }) =>
      informers
        .of(claims)
        .list()
        .filter((claim) => !claim.spec?.volumeName && (!hasClass(claim) || classOf(claim) === metadata.name))
        .map(keyOf),
    ),
    // Only read: they are told as those that a claim waits for.
    watch(pods, () => []),
  ],
  async reconcile({ key }, context) {
    const claim = context.informers.of(claims).get(key);
    const isSettled = claim?.status?.phase === 'Bound' || claim?.status?.phase === 'Lost';
    if (!claim || isSettled) context.state.forget(key);
    if (!claim) return undefined;
    const isDue = isSettled || context.state.isDue(key, claim);
    await reconcileClaim(claim, isDue ? context : { ...context, recorder: quiet });
    return isSettled ? undefined : { afterMs: resyncMs };
  },
});
