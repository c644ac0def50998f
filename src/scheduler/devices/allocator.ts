/**
 * Finds devices for claims on a node: one choice after the other, going back where a choice leads nowhere, and no longer
 * than a limit allows. The first solution is taken.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
 */
import { toleratesDeviceTaint } from '#api/devices/tolerations.js';
import type { Node } from '#api/gen/core-v1.js';
import type { AllocationResult, DeviceClass, ResourceClaim } from '#api/gen/resource-v1.js';
import { AllocationError } from './allocation-error.js';
import { type Constraint, constraintOf } from './constraints.js';
import { Holdings } from './holdings.js';
import type { InUse } from './in-use.js';
import type { Pool, PoolDevice, SliceIndex } from './pools.js';
import { type Request, requestsOf } from './requests.js';
import { type Given, resultOf } from './result.js';
import { SelectorError, type Selectors } from './selectors.js';

export interface AllocatorOptions {
  slices: SliceIndex;
  inUse: InUse;
  selectors: Pick<Selectors, 'matches'>;
  deviceClass(name: string): DeviceClass | undefined;
  /** Whether the search has taken too long; asked now and then. */
  isLate(): boolean;
  newShareId(): string;
}

/** The most devices that one claim can be given. */
const resultsMax = 32;
/** Devices looked at for one node, and for all that are tried for a pod; nothing else is decided meanwhile. */
const looksMax = 250_000;
const looksOfAttemptMax = 2_000_000;
const looksBetweenClocks = 1024;

export type Allocated = { results: AllocationResult[] } | { why: string };

export class Allocator {
  readonly #options: AllocatorOptions;
  #looks = 0;

  constructor(options: AllocatorOptions) {
    this.#options = options;
  }

  /** Throws AllocationError. */
  allocate(node: Node, claims: readonly ResourceClaim[]): Allocated {
    const pools = this.#options.slices.poolsOf(node);
    const search = new Search({ ...this.#options, pools, claims });
    const outcome = this.#looks > looksOfAttemptMax ? 'late' : search.run();
    this.#looks += search.looks;
    if (outcome === 'late') return { why: 'timed out trying to allocate devices' };
    if (outcome === 'none') {
      const isBroken = pools.some(({ state }) => state === 'invalid');
      return { why: isBroken ? 'invalid resource pools were encountered' : 'cannot allocate all claims' };
    }
    const classOf = this.#options.deviceClass;
    return { results: claims.map((claim, at) => resultOf(claim, { given: outcome[at]!, classOf, node })) };
  }
}

/** An alternative of a request, with what can be known of it before any choice is made. */
interface Wanted extends Request {
  deviceClass: DeviceClass;
  /** Those that must all be given, where it asks for all. */
  all: readonly PoolDevice[] | undefined;
  count: number;
}

interface Task {
  claim: ResourceClaim;
  /** By request, then by alternative. */
  requests: readonly (readonly Wanted[])[];
  constraints: readonly Constraint[];
  given: Given[];
}

/** Where the search is: a device of an alternative of a request of a claim, and from where on to look for it. */
interface Place {
  claim: number;
  request: number;
  alternative: number;
  device: number;
  from: number;
}

/** `too many`: whatever was chosen before in this claim, it would be given more than a claim can hold. */
type Outcome = 'found' | 'none' | 'too many';

class Late extends Error {}

class Search {
  readonly #options: AllocatorOptions & { pools: readonly Pool[]; claims: readonly ResourceClaim[] };
  /** Of all pools that can be given away. */
  readonly #devices: readonly PoolDevice[];
  readonly #holdings: Holdings;
  #tasks: readonly Task[] = [];
  looks = 0;

  constructor(options: AllocatorOptions & { pools: readonly Pool[]; claims: readonly ResourceClaim[] }) {
    this.#options = options;
    this.#devices = options.pools.flatMap(({ state, devices }) => (state === 'ready' ? devices : []));
    this.#holdings = new Holdings(options.inUse);
  }

  run(): (readonly Given[])[] | 'none' | 'late' {
    try {
      this.#tasks = this.#options.claims.map((claim) => this.#taskOf(claim));
      const outcome = this.#next({ claim: 0, request: 0 });
      return outcome === 'found' ? this.#tasks.map(({ given }) => given) : 'none';
    } catch (error) {
      if (error instanceof Late) return 'late';
      throw error;
    }
  }

  #taskOf(claim: ResourceClaim): Task {
    const requests = requestsOf(claim).map((alternatives) => alternatives.map((one) => this.#wantedOf(one, claim)));
    const least = requests.reduce((sum, alternatives) => sum + Math.min(...alternatives.map(({ count }) => count)), 0);
    if (least > resultsMax) {
      const why = `number of requested devices ${least} exceeds the claim limit of ${resultsMax}`;
      throw new AllocationError(`claim ${nameOf(claim)}: ${why}`);
    }
    const constraints = (claim.spec.devices?.constraints ?? []).map((given, at) => {
      const constraint = constraintOf(given);
      if (constraint) return constraint;
      const why = 'empty constraint (unsupported constraint type?)';
      throw new AllocationError(`claim ${nameOf(claim)}, constraint #${at}: ${why}`);
    });
    return { claim, requests, constraints, given: [] };
  }

  #wantedOf(request: Request, claim: ResourceClaim): Wanted {
    const where = `claim ${nameOf(claim)}, request ${request.name.slice(request.name.indexOf('/') + 1)}`;
    const deviceClass = this.#options.deviceClass(request.deviceClassName);
    if (!deviceClass) {
      const notFound = `deviceclass.resource.k8s.io ${JSON.stringify(request.deviceClassName)} not found`;
      throw new AllocationError(`${where}: could not retrieve device class ${request.deviceClassName}: ${notFound}`);
    }
    const wanted: Wanted = { ...request, deviceClass, all: undefined };
    if (!request.isForAll) return wanted;
    const unsure = this.#options.pools.find(({ state }) => state !== 'ready');
    if (unsure) {
      const problem = unsure.state === 'invalid' ? 'invalid' : 'being updated';
      throw new AllocationError(
        `${where}: asks for all devices, but resource pool ${unsure.id} is currently ${problem}`,
      );
    }
    const all = this.#devices.filter(
      (one) => this.#isChosen(one, { wanted, claim }) && this.#holdings.hasCapacity(one, wanted),
    );
    return { ...wanted, all, count: all.length };
  }

  /** Begins a request; behind the last one of a claim, the next claim. */
  #next({ claim, request }: { claim: number; request: number }): Outcome {
    const task = this.#tasks[claim];
    if (!task) return 'found';
    if (request === task.requests.length) {
      const outcome = this.#next({ claim: claim + 1, request: 0 });
      // Another claim's excess says nothing about this one.
      return outcome === 'too many' ? 'none' : outcome;
    }
    let areTooMany = true;
    for (const alternative of task.requests[request]!.keys()) {
      const outcome = this.#fill({ claim, request, alternative, device: 0, from: 0 });
      if (outcome === 'found') return 'found';
      if (outcome === 'none') areTooMany = false;
    }
    return areTooMany ? 'too many' : 'none';
  }

  /** Gives one more device to an alternative; devices of one request are taken in order, since theirs does not matter. */
  #fill(place: Place): Outcome {
    const task = this.#tasks[place.claim]!;
    const wanted = task.requests[place.request]![place.alternative]!;
    if (wanted.isForAll && wanted.count === 0) return 'none';
    if (place.device === wanted.count) return this.#next({ claim: place.claim, request: place.request + 1 });
    if (task.given.length + wanted.count - place.device > resultsMax) return 'too many';
    if (wanted.all) {
      const device = wanted.all[place.device]!;
      return this.#try(device, { place, task, wanted, next: 0 }) ?? 'none';
    }
    for (let at = place.from; at < this.#devices.length; at++) {
      this.#look();
      const device = this.#devices[at]!;
      if (!this.#holdings.isFree(device, { wanted, claim: place.claim })) continue;
      if (!this.#isChosen(device, { wanted, claim: task.claim })) continue;
      const outcome = this.#try(device, { place, task, wanted, next: at + 1 });
      if (outcome === 'found' || outcome === 'too many') return outcome;
    }
    return 'none';
  }

  /** undefined where the device cannot be given. */
  #try(
    device: PoolDevice,
    { place, task, wanted, next }: { place: Place; task: Task; wanted: Wanted; next: number },
  ): Outcome | undefined {
    const { claim } = place;
    if (wanted.all) this.#look();
    if (!this.#holdings.isFree(device, { wanted, claim }) || !tolerates(wanted, device)) return undefined;
    const taken = this.#holdings.take(device, { wanted, claim });
    if (!taken) return undefined;
    const joined: Constraint[] = [];
    const { driver } = device.pool;
    const undo = () => {
      for (const constraint of joined) constraint.leave(wanted, device.device, driver);
      taken.undo();
    };
    for (const constraint of task.constraints) {
      if (constraint.join(wanted, device.device, driver)) joined.push(constraint);
      else {
        undo();
        if (!wanted.all) return undefined;
        const why = `cannot add device ${device.id} because a claim constraint would not be satisfied`;
        throw new AllocationError(`claim ${nameOf(task.claim)}, request ${wanted.name}: ${why}`);
      }
    }
    const shareID = taken.isShared ? this.#options.newShareId() : undefined;
    task.given.push({ device, request: wanted, shareID, consumed: taken.consumed });
    const outcome = this.#fill({ ...place, device: place.device + 1, from: next });
    if (outcome === 'found') return outcome;
    task.given.pop();
    undo();
    return outcome;
  }

  #isChosen({ device, pool }: PoolDevice, { wanted, claim }: { wanted: Wanted; claim: ResourceClaim }): boolean {
    const ofClass = (wanted.deviceClass.spec.selectors ?? []).flatMap(({ cel }) => cel?.expression ?? []);
    for (const [who, expressions] of [
      [`class ${wanted.deviceClass.metadata.name}`, ofClass],
      [`claim ${nameOf(claim)}`, wanted.selectors],
    ] as const) {
      for (const [at, expression] of expressions.entries()) {
        try {
          if (!this.#options.selectors.matches(expression, device, pool.driver)) return false;
        } catch (error) {
          if (!(error instanceof SelectorError)) throw error;
          const where = `${who}: selector #${at}`;
          throw new AllocationError(`${where}: CEL ${error.when} error: ${error.message}`);
        }
      }
    }
    return true;
  }

  #look(): void {
    this.looks++;
    const isLate = this.looks % looksBetweenClocks === 0 && this.#options.isLate();
    if (isLate || this.looks > looksMax) throw new Late();
  }
}

/** Only what is known to keep devices from being given does so. */
function tolerates({ tolerations = [] }: Request, { device }: PoolDevice): boolean {
  return (device.taints ?? []).every(
    (taint) =>
      (taint.effect !== 'NoSchedule' && taint.effect !== 'NoExecute') ||
      tolerations.some((toleration) => toleratesDeviceTaint(toleration, taint)),
  );
}

function nameOf({ metadata: { namespace, name } }: ResourceClaim): string {
  return `${namespace}/${name}`;
}
