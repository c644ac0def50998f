/**
 * Claims and devices as the scheduler sees them: what the API says, and what was decided a moment ago. Watched from the
 * first pod on that wants devices.
 */
import deviceClasses from '#api/devices/deviceclass.js';
import resourceClaims from '#api/devices/resourceclaim.js';
import resourceSlices from '#api/devices/resourceslice.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { DeviceClass, ResourceClaim } from '#api/gen/resource-v1.js';
import type { Clock } from '#base/clock.js';
import { loading } from '#base/loading.js';
import { type Prng, uuid } from '#base/prng.js';
import { type InformerFactory, keyOf } from '#client/informer.js';
import { isNewer, newer } from '../assumed.js';
import type { ClusterChange } from '../framework.js';
import type { Allocation } from './allocation.js';
import type { Allocator } from './allocator.js';
import { extendedClaimAnnotation } from './extended.js';
import { Ledger } from './in-use.js';
import { classResourcePrefix } from './pod-claims.js';
import type { Assignment, DeviceView } from './view.js';

export interface DeviceWatchOptions {
  clock: Clock;
  prng: Prng;
  informers: InformerFactory;
  onChange(change: ClusterChange): void;
}

/** Answers to writes that are still to come are about no more claims than these. */
const goneMax = 1000;
const byClassResource = 'extended resource';
const byPod = 'extended resources of pod';

export class DeviceWatch implements DeviceView {
  readonly #options: DeviceWatchOptions;
  readonly #ledger = new Ledger();
  /** Decided, and not written yet: by the claim's uid. */
  readonly #pending = new Map<string, Assignment>();
  /** Written, and perhaps not heard of yet: by the claim's key. */
  readonly #written = new Map<string, ResourceClaim>();
  /** Uids of claims that went lately. */
  readonly #gone = new Set<string>();
  #allocation: Allocation | undefined;
  #ready: Promise<void> | undefined;
  isReady = false;
  /** Told of every change of a claim. */
  onClaim: () => void = () => {};

  constructor(options: DeviceWatchOptions) {
    this.#options = options;
  }

  /** Resolves when all there is to know about devices is known, and what allocates them is loaded. */
  ready(): Promise<void> {
    this.#ready ??= this.#watch();
    return this.#ready;
  }

  claim(namespace: string, name: string): ResourceClaim | undefined {
    const key = `${namespace}/${name}`;
    return newer(this.#written.get(key), this.#options.informers.of(resourceClaims).get(key));
  }

  isPending(uid: string): boolean {
    return this.#pending.has(uid);
  }

  deviceClass(name: string): DeviceClass | undefined {
    return this.#options.informers.of(deviceClasses).get(name);
  }

  /** Of several classes for a resource, the youngest; of those of one age, the first by name. */
  classFor(resource: string): DeviceClass | undefined {
    if (!this.isReady) return undefined;
    const classes = this.#options.informers.of(deviceClasses);
    if (resource.startsWith(classResourcePrefix)) return classes.get(resource.slice(classResourcePrefix.length));
    const found = classes.byIndex(byClassResource, resource);
    if (found.length < 2) return found[0];
    return [...found].sort(
      ({ metadata: a }, { metadata: b }) =>
        Date.parse(b.creationTimestamp ?? '') - Date.parse(a.creationTimestamp ?? '') || (a.name! < b.name! ? -1 : 1),
    )[0];
  }

  extendedClaimOf({ metadata }: Pod): ResourceClaim | undefined {
    const [found] = this.#options.informers.of(resourceClaims).byIndex(byPod, metadata.uid!);
    return found && newer(this.#written.get(keyOf(found)), found);
  }

  allocator({ timeoutMs }: { timeoutMs: number }): Allocator {
    const { clock, prng, informers } = this.#options;
    const endMs = clock.monotonic() + timeoutMs;
    return this.#allocation!.allocator({
      slices: () => informers.of(resourceSlices).list(),
      inUse: this.#ledger,
      deviceClass: (name) => this.deviceClass(name),
      isLate: () => timeoutMs > 0 && clock.monotonic() > endMs,
      newShareId: () => uuid(prng),
    });
  }

  nowMs(): number {
    return this.#options.clock.now();
  }

  /** What is being given to the claim counts as given. */
  setPending(assignment: Assignment): void {
    const { claim, allocation } = assignment;
    this.#pending.set(claim.metadata.uid!, assignment);
    this.#ledger.set(claim.metadata.uid!, allocation.devices?.results ?? []);
  }

  pendingFor(uid: string): Assignment | undefined {
    return this.#pending.get(uid);
  }

  /** `written`: what the API has answered, where it was written. */
  settle({ metadata }: ResourceClaim, written?: ResourceClaim): void {
    if (written && this.#isNews(written)) {
      this.#written.set(keyOf(written), written);
      this.#count(written);
    }
    if (!this.#pending.delete(metadata.uid!)) return;
    // What stands of it now, where nothing was written, or more has happened since.
    this.#recount(metadata.uid!, this.claim(metadata.namespace!, metadata.name!));
  }

  /** An answer may come after what has become of the claim since. */
  #isNews(written: ResourceClaim): boolean {
    const said = this.#options.informers.of(resourceClaims).get(keyOf(written));
    return !this.#gone.has(written.metadata.uid!) && !(said && isNewer(said, written));
  }

  #count(claim: ResourceClaim): void {
    const uid = claim.metadata.uid!;
    if (!this.#pending.has(uid)) this.#recount(uid, claim);
    else if (claim.status?.allocation) this.#recount(uid, claim);
  }

  #recount(uid: string, claim: ResourceClaim | undefined): void {
    const isIt = claim?.metadata.uid === uid;
    this.#ledger.set(uid, isIt ? claim.status?.allocation?.devices?.results : undefined);
  }

  async #watch(): Promise<void> {
    const { informers, onChange } = this.#options;
    const claims = informers.of(resourceClaims);
    claims.addIndex(byPod, ({ metadata: { annotations, ownerReferences = [] } }) =>
      annotations?.[extendedClaimAnnotation] === 'true' ? ownerReferences.map(({ uid }) => uid) : [],
    );
    informers.of(deviceClasses).addIndex(byClassResource, ({ spec }) => [spec.extendedResourceName ?? '']);
    claims.onEvent({
      added: (claim) => this.#claimChanged(claim),
      updated: (claim, old) => this.#claimChanged(claim, old),
      deleted: (claim) => this.#claimGone(claim),
    });
    const slicesChanged = () => {
      this.#allocation?.slicesChanged();
      onChange({ event: 'resource slice changed' });
    };
    informers.of(resourceSlices).onEvent({ added: slicesChanged, updated: slicesChanged, deleted: slicesChanged });
    const classChanged = (deviceClass?: DeviceClass, oldDeviceClass?: DeviceClass) =>
      onChange({ event: 'device class changed', deviceClass, oldDeviceClass });
    informers.of(deviceClasses).onEvent({
      added: (one) => classChanged(one),
      updated: classChanged,
      deleted: (one) => classChanged(undefined, one),
    });
    const [module] = await Promise.all([loading(import('./allocation.js')), informers.synced()]);
    this.#allocation = new module.Allocation();
    this.isReady = true;
  }

  #claimChanged(claim: ResourceClaim, old?: ResourceClaim): void {
    const key = keyOf(claim);
    const written = this.#written.get(key);
    if (!written || !isNewer(written, claim)) {
      this.#written.delete(key);
      this.#count(claim);
    }
    this.onClaim();
    this.#options.onChange({ event: 'resource claim changed', resourceClaim: claim, oldResourceClaim: old });
  }

  #claimGone(claim: ResourceClaim): void {
    this.#gone.add(claim.metadata.uid!);
    if (this.#gone.size > goneMax) this.#gone.delete(this.#gone.keys().next().value!);
    this.#written.delete(keyOf(claim));
    this.#ledger.set(claim.metadata.uid!, undefined);
    this.onClaim();
    this.#options.onChange({ event: 'resource claim changed', oldResourceClaim: claim });
  }
}
