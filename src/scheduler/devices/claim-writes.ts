/** Writes what was decided about claims: their devices, who uses them, and that they are free again. */
import pods from '#api/core/pod/index.js';
import { isReservedFor } from '#api/devices/pod-claims.js';
import resourceClaims from '#api/devices/resourceclaim.js';
import type { Pod } from '#api/gen/core-v1.js';
import type { ResourceClaim } from '#api/gen/resource-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Client } from '#client/client.js';
import { TransportError } from '#client/transport.js';
import { SchedulerError } from '../framework.js';
import { Waits } from '../waits.js';
import type { DeviceWatch } from './device-watch.js';
import { attachment, needsAttachment } from './pod-claims.js';
import type { Assignment, DeviceEffects } from './view.js';

export interface ClaimWritesOptions {
  client: Client;
  clock: Clock;
  log: Log;
  signal: () => AbortSignal;
  watch: DeviceWatch;
  /** Tells that the pod waits until its devices are attached. */
  onAttaching(pod: Pod, nodeName: string): void;
}

/** Keeps a claim until its devices are free. */
const finalizer = 'resource.kubernetes.io/delete-protection';
/** Others may write to a claim at the same time. */
const attemptsMax = 5;

export class ClaimWrites implements DeviceEffects {
  readonly #options: ClaimWritesOptions;
  readonly #waits: Waits;
  /** What a pod is being given, and the claims as they were written for it. */
  readonly #assumed = new WeakMap<Pod, { assignments: readonly Assignment[]; written: ResourceClaim[] }>();

  constructor(options: ClaimWritesOptions) {
    this.#options = options;
    this.#waits = new Waits(options);
    options.watch.onClaim = () => this.#waits.look();
  }

  assume(pod: Pod, assignments: readonly Assignment[]): void {
    this.#assumed.set(pod, { assignments, written: [] });
    for (const assignment of assignments) this.#options.watch.setPending(assignment);
  }

  release(pod: Pod, claims: readonly ResourceClaim[]): void {
    const { watch, log } = this.#options;
    const { assignments = [], written = [] } = this.#assumed.get(pod) ?? {};
    this.#assumed.delete(pod);
    for (const { claim } of assignments) watch.settle(claim);
    const extended = assignments.find(({ mappings }) => mappings);
    for (const claim of [...written, ...claims.filter((one) => isReservedFor(pod, one))]) {
      const isOwn = extended && !claims.some(({ metadata }) => metadata.uid === claim.metadata.uid);
      const write = isOwn ? this.remove(claim) : this.#unreserve(pod, claim);
      // The next attempt for the pod comes here again.
      write.catch((error: unknown) => {
        if (isReason(error, 'NotFound')) return;
        if (!(error instanceof StatusError || error instanceof TransportError)) throw error;
        log.warn('a claim was not released', { claim: claim.metadata.name, err: error });
      });
    }
  }

  /** Throws SchedulerError, StatusError or TransportError. */
  async bind(pod: Pod, claims: readonly ResourceClaim[]): Promise<void> {
    const { watch } = this.#options;
    const assumed = this.#assumed.get(pod);
    for (const claim of claims) {
      if (isReservedFor(pod, claim)) continue;
      const assignment = assumed?.assignments.find((one) => one.claim.metadata.uid === claim.metadata.uid);
      const written = await this.#reserve(claim, { pod, assignment });
      watch.settle(claim, written);
      assumed?.written.push(written);
    }
    const extended = assumed?.assignments.find(({ mappings }) => mappings);
    if (extended) await this.#bindExtended(pod, extended, assumed!.written);
  }

  /** A claim of the scheduler's own making, of which the pod is told. */
  async #bindExtended(pod: Pod, assignment: Assignment, written: ResourceClaim[]): Promise<void> {
    const { client, watch } = this.#options;
    const { name: _, uid: __, ...metadata } = assignment.claim.metadata;
    const created = await client.of(resourceClaims).create({ ...assignment.claim, metadata });
    written.push(created);
    const reserved = await this.#reserve(created, { pod, assignment });
    watch.settle(assignment.claim, reserved);
    written.splice(written.indexOf(created), 1, reserved);
    const { name, namespace, uid } = pod.metadata;
    const extendedResourceClaimStatus = {
      requestMappings: assignment.mappings,
      resourceClaimName: reserved.metadata.name,
    };
    const body = { metadata: { uid }, status: { extendedResourceClaimStatus } };
    await client.of(pods).patch(name!, body, { namespace, type: 'strategic', subresource: 'status' });
  }

  async attached(pod: Pod, { nodeName, timeoutMs }: { nodeName: string; timeoutMs: number }): Promise<void> {
    const { watch, onAttaching } = this.#options;
    const assumed = this.#assumed.get(pod);
    const waited = (assumed?.written ?? []).filter(needsAttachment);
    if (waited.length > 0) {
      onAttaching(pod, nodeName);
      const isAttached = ({ metadata: { namespace, name } }: ResourceClaim) => {
        const claim = watch.claim(namespace!, name!);
        if (!claim) throw new SchedulerError(`resourceclaim.resource.k8s.io ${JSON.stringify(name)} not found`);
        const answer = attachment(claim);
        if (typeof answer === 'string') throw new SchedulerError(answer);
        return answer;
      };
      let first: string | undefined;
      const areAttached = () => {
        first = waited.find((claim) => !isAttached(claim))?.metadata.name;
        return first === undefined;
      };
      await this.#waits.until(areAttached, { timeoutMs, late: () => `device binding timeout: claim=${first}` });
    }
  }

  async deallocate({ metadata, status }: ResourceClaim): Promise<void> {
    const { allocation: _, reservedFor: __, devices: ___, ...left } = status ?? {};
    const claim = this.#options.watch.claim(metadata.namespace!, metadata.name!);
    if (!claim) return;
    const written = await this.#options.client.of(resourceClaims).updateStatus({ ...claim, metadata, status: left });
    this.#options.watch.settle(claim, written);
  }

  async remove(claim: ResourceClaim): Promise<void> {
    const { name, namespace, uid } = claim.metadata;
    await this.#retried(claim, async (now) => {
      const finalizers = now.metadata.finalizers?.filter((one) => one !== finalizer);
      if (finalizers?.length === now.metadata.finalizers?.length) return now;
      const source = this.#options.client.of(resourceClaims);
      return await source.update({ ...now, metadata: { ...now.metadata, finalizers } });
    });
    await this.#options.client.of(resourceClaims).delete(name!, { namespace, preconditions: { uid } });
  }

  async #reserve(
    claim: ResourceClaim,
    { pod, assignment }: { pod: Pod; assignment: Assignment | undefined },
  ): Promise<ResourceClaim> {
    const source = this.#options.client.of(resourceClaims);
    const name = `${claim.metadata.namespace}/${claim.metadata.name}`;
    return await this.#retried(claim, async (found) => {
      let now = found;
      if (now.metadata.deletionTimestamp) throw new SchedulerError(`claim ${name} got deleted in the meantime`);
      let allocation = now.status?.allocation;
      if (assignment) {
        if (allocation) throw new SchedulerError(`claim ${name} got allocated elsewhere in the meantime`);
        allocation = assignment.allocation;
        const { finalizers = [] } = now.metadata;
        if (!finalizers.includes(finalizer)) {
          const metadata = { ...now.metadata, finalizers: [...finalizers, finalizer] };
          now = await doing(`add finalizer to claim ${name}`, () => source.update({ ...now, metadata }));
        }
      }
      const user = { resource: 'pods', name: pod.metadata.name!, uid: pod.metadata.uid! };
      const status = {
        ...now.status,
        allocation: allocation && { allocationTimestamp: formatTime(this.#options.clock.now()), ...allocation },
        reservedFor: [...(now.status?.reservedFor ?? []), user],
      };
      const what = assignment ? 'add allocation and reservation' : 'add reservation';
      return await doing(`${what} to claim ${name}`, () => source.updateStatus({ ...now, status }));
    });
  }

  async #unreserve(pod: Pod, { metadata: { name, namespace, uid } }: ResourceClaim): Promise<void> {
    const gone = { $patch: 'delete', uid: pod.metadata.uid };
    const body = { metadata: { uid }, status: { reservedFor: [gone] } };
    const source = this.#options.client.of(resourceClaims);
    await source.patch(name!, body, { namespace, type: 'strategic', subresource: 'status' });
  }

  /** On the claim as it is now, where another was faster. */
  async #retried(claim: ResourceClaim, work: (now: ResourceClaim) => Promise<ResourceClaim>): Promise<ResourceClaim> {
    const { name, namespace } = claim.metadata;
    let now = claim;
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(now);
      } catch (error) {
        if (!isReason(error, 'Conflict') || attempt === attemptsMax) throw error;
        now = await this.#options.client.of(resourceClaims).get(name!, { namespace });
      }
    }
  }
}

/** An error says what was being done, but for a conflict, which is tried again. */
async function doing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isReason(error, 'Conflict') || !(error instanceof StatusError)) throw error;
    throw new SchedulerError(`${what}: ${error.message}`, { cause: error });
  }
}
