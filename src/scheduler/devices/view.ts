/** Claims and devices as decisions read them: with what was decided and the API does not say yet. */
import type { Pod } from '#api/gen/core-v1.js';
import type { AllocationResult, DeviceClass, ResourceClaim } from '#api/gen/resource-v1.js';
import type { Allocator } from './allocator.js';

export interface DeviceView {
  /** Whether anything is known yet: it is watched from the first pod on that wants devices. */
  isReady: boolean;
  claim(namespace: string, name: string): ResourceClaim | undefined;
  /** Whether the claim is being given devices for another pod. */
  isPending(uid: string): boolean;
  deviceClass(name: string): DeviceClass | undefined;
  /** The class of which devices are asked for by an extended resource. */
  classFor(resource: string): DeviceClass | undefined;
  /** The claim that was made for the pod's extended resources. */
  extendedClaimOf(pod: Pod): ResourceClaim | undefined;
  allocator(options: { timeoutMs: number }): Allocator;
  nowMs(): number;
}

/** What a claim of a pod is to be given. */
export interface Assignment {
  claim: ResourceClaim;
  allocation: AllocationResult;
  /** For a claim that is yet to be made, which container asked for what. */
  mappings?: readonly RequestMapping[];
}

export interface RequestMapping {
  containerName: string;
  resourceName: string;
  requestName: string;
}

export interface DeviceEffects {
  /** So that nobody else is given them. */
  assume(pod: Pod, assignments: readonly Assignment[]): void;
  /** Takes back what was assumed, and what was written of it. */
  release(pod: Pod, claims: readonly ResourceClaim[]): void;
  /** Writes what was assumed, and that the pod uses the claims. */
  bind(pod: Pod, claims: readonly ResourceClaim[]): Promise<void>;
  /** Waits until drivers have attached devices that must be. Throws SchedulerError. */
  attached(pod: Pod, options: { nodeName: string; timeoutMs: number }): Promise<void>;
  /** Frees a claim that nobody uses, so that it can be given devices elsewhere. */
  deallocate(claim: ResourceClaim): Promise<void>;
  remove(claim: ResourceClaim): Promise<void>;
}

/** No claims, no devices. */
export const noDevices: DeviceView = {
  isReady: false,
  claim: () => undefined,
  isPending: () => false,
  deviceClass: () => undefined,
  classFor: () => undefined,
  extendedClaimOf: () => undefined,
  allocator() {
    throw new TypeError('there are no devices to allocate');
  },
  nowMs: () => 0,
};
