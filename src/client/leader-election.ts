/**
 * Lets one of several copies of a component work at a time, by holding a Lease that it must renew.
 * https://kubernetes.io/docs/concepts/architecture/leases/#leader-election
 *
 * Clocks of the copies need not agree: each measures, on its own clock, how long ago it saw the Lease change.
 */
import leases from '#api/coordination/lease.js';
import type { Lease, LeaseSpec } from '#api/gen/coordination-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { formatMicroTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { Log } from '#base/log.js';
import { fraction, type Prng } from '#base/prng.js';
import { Client } from './client.js';
import type { EventRecorder } from './events.js';
import { FencedTransport } from './fenced-transport.js';
import { TransportError } from './transport.js';

export interface LeaderElectorOptions {
  client: Client;
  name: string;
  /** Default: kube-system. */
  namespace?: string;
  /** Unique among the copies: `<host>_<uuid>`. */
  identity: string;
  clock: Clock;
  prng: Prng;
  log: Log;
  recorder?: EventRecorder;
  /** Others wait this long, after a renewal, before they take the Lease. Default: 15 s. */
  leaseMs?: number;
  /** The leader gives up after failing to renew for this long. Less than `leaseMs`. Default: 10 s. */
  renewDeadlineMs?: number;
  /** Default: 2 s. */
  retryMs?: number;
  onNewLeader?: (identity: string) => void;
}

const jitterFactor = 1.2;

/** What can never work of these, in words; undefined: they can. */
export function electionProblem({
  leaseMs,
  renewDeadlineMs,
  retryMs,
}: Required<Pick<LeaderElectorOptions, 'leaseMs' | 'renewDeadlineMs' | 'retryMs'>>): string | undefined {
  if (leaseMs <= renewDeadlineMs) return 'the lease duration must be greater than the renew deadline';
  if (renewDeadlineMs <= retryMs * jitterFactor)
    return `the renew deadline must be greater than ${jitterFactor} retry periods`;
  return undefined;
}

/**
 * What is done while leading. The signal aborts when the lead is lost; but a process that was stopped for a while, and
 * wakes when another leads, may be about to write before it learns so: `client` is one whose writes are held back then.
 */
export type LeadersWork = (leading: AbortSignal, fenced: (client: Client) => Client) => Promise<void>;

/** Leads whenever it can until the signal aborts; each time `work` must begin anew. */
export async function runWhileLeading(
  options: LeaderElectorOptions,
  signal: AbortSignal,
  work: LeadersWork,
): Promise<void> {
  const elector = new LeaderElector(options);
  while (!signal.aborted) await elector.lead(signal, work);
}

export class LeaderElector {
  readonly #options: Required<Omit<LeaderElectorOptions, 'recorder' | 'onNewLeader'>> & LeaderElectorOptions;
  #lease: Lease | undefined;
  #observedMs = 0;
  /** When the last request that was granted the Lease was sent. */
  #grantedMs = Number.NEGATIVE_INFINITY;
  #reported = '';

  /** Throws a RangeError when the durations cannot work. */
  constructor(options: LeaderElectorOptions) {
    const durations = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };
    this.#options = { ...durations, namespace: 'kube-system', ...options };
    const problem = electionProblem(this.#options);
    if (problem) throw new RangeError(problem);
  }

  get isLeader(): boolean {
    return this.#lease?.spec.holderIdentity === this.#options.identity;
  }

  /** Nobody else can have taken the Lease yet. */
  get isSureToLead(): boolean {
    const { clock, renewDeadlineMs } = this.#options;
    return this.isLeader && clock.monotonic() - this.#grantedMs < renewDeadlineMs;
  }

  /** The identity last seen, '' for none. */
  get leader(): string {
    return this.#lease?.spec.holderIdentity ?? '';
  }

  /**
   * Waits to become the leader, runs `work` with a signal that aborts when the lead is lost or `signal` aborts, and
   * then gives the Lease up if it is still held. Settles as `work` does; not leading again is up to the caller.
   */
  async lead(signal: AbortSignal, work: LeadersWork): Promise<void> {
    if (!(await this.#acquire(signal))) return;
    const lost = new AbortController();
    const leading = AbortSignal.any([signal, lost.signal]);
    const renewing = this.#renewUntilLost(leading).then(() => lost.abort(new Error('no longer the leader')));
    try {
      await work(leading, ({ transport }) => new Client(new FencedTransport(transport, () => this.isSureToLead)));
    } finally {
      lost.abort();
      await renewing;
      if (this.isLeader) await this.#release();
    }
  }

  async #acquire(signal: AbortSignal): Promise<boolean> {
    const { clock, prng, retryMs, name, identity, log, recorder } = this.#options;
    while (!signal.aborted) {
      const acquired = await this.#tryAcquireOrRenew(signal);
      this.#reportLeader();
      if (acquired) {
        log.info('became leader', { lease: name, identity });
        if (this.#lease) {
          const message = `${identity} became leader`;
          recorder?.event(this.#lease, { type: 'Normal', reason: 'LeaderElection', message });
        }
        return true;
      }
      await clock.sleep(retryMs * (1 + jitterFactor * fraction(prng)), signal).catch(() => {});
    }
    return false;
  }

  async #renewUntilLost(signal: AbortSignal): Promise<void> {
    const { clock, retryMs, renewDeadlineMs, name, identity, log, recorder } = this.#options;
    let renewedMs = clock.monotonic();
    while (!signal.aborted) {
      await clock.sleep(retryMs, signal).catch(() => {});
      if (signal.aborted) return;
      // A request that hangs must not outlast the deadline: others may lead by then.
      const late = new AbortController();
      const timer = clock.setTimer(renewedMs + renewDeadlineMs - clock.monotonic(), () => late.abort());
      const renewed = await this.#tryAcquireOrRenew(AbortSignal.any([signal, late.signal]));
      timer.cancel();
      this.#reportLeader();
      if (renewed) renewedMs = clock.monotonic();
      else if (clock.monotonic() - renewedMs >= renewDeadlineMs) {
        log.warn('lost the lead', { lease: name, identity });
        if (this.#lease) {
          const message = `${identity} stopped leading`;
          recorder?.event(this.#lease, { type: 'Normal', reason: 'LeaderElection', message });
        }
        return;
      }
    }
  }

  async #tryAcquireOrRenew(signal: AbortSignal): Promise<boolean> {
    const { client, name, namespace, identity, leaseMs, clock, log } = this.#options;
    const source = client.of(leases);
    const now = formatMicroTime(clock.now());
    const sentMs = clock.monotonic();
    const granted = () => {
      this.#grantedMs = sentMs;
      return true;
    };
    const spec: LeaseSpec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseMs / 1000),
      acquireTime: now,
      renewTime: now,
      leaseTransitions: 0,
    };
    try {
      if (await this.#renew(now, signal)) return granted();
      let current: Lease;
      try {
        current = await source.get(name, { namespace, signal });
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
        const created = { apiVersion: '', kind: '', metadata: { name, namespace }, spec };
        this.#observe(await source.create(created, { signal }));
        return granted();
      }
      this.#observe(current);
      const held = !!current.spec.holderIdentity && current.spec.holderIdentity !== identity;
      // For as long as whoever holds it has said, which need not be as long as we would.
      const heldMs = (current.spec.leaseDurationSeconds ?? 0) * 1000;
      if (held && clock.monotonic() - this.#observedMs < heldMs) return false;
      const transitions = current.spec.leaseTransitions ?? 0;
      if (current.spec.holderIdentity === identity) spec.acquireTime = current.spec.acquireTime;
      spec.leaseTransitions = current.spec.holderIdentity === identity ? transitions : transitions + 1;
      this.#observe(await source.update({ ...current, spec: { ...current.spec, ...spec } }, { signal }));
      return granted();
    } catch (error) {
      if (!(error instanceof StatusError) && !(error instanceof TransportError) && !signal.aborted) throw error;
      log.debug('lease not acquired or renewed', { lease: name, err: error });
      return false;
    }
  }

  /** The leader writes at once what it has written last; gives false where somebody else has written since. */
  async #renew(renewTime: string, signal: AbortSignal): Promise<boolean> {
    const { client, leaseMs } = this.#options;
    const lease = this.#lease;
    if (!lease || !this.isLeader) return false;
    const spec = { ...lease.spec, renewTime, leaseDurationSeconds: Math.ceil(leaseMs / 1000) };
    try {
      this.#observe(await client.of(leases).update({ ...lease, spec }, { signal }));
      return true;
    } catch (error) {
      if (isReason(error, 'Conflict', 'NotFound')) return false;
      throw error;
    }
  }

  #observe(lease: Lease): void {
    if (!equal(this.#lease?.spec, lease.spec)) this.#observedMs = this.#options.clock.monotonic();
    this.#lease = lease;
  }

  async #release(): Promise<void> {
    const { client, clock, log } = this.#options;
    const lease = this.#lease!;
    const now = formatMicroTime(clock.now());
    const { leaseTransitions } = lease.spec;
    const spec = { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now, leaseTransitions };
    try {
      this.#observe(await client.of(leases).update({ ...lease, spec }));
    } catch (error) {
      log.debug('lease not released', { lease: lease.metadata.name, err: error });
    }
  }

  #reportLeader(): void {
    if (this.leader === this.#reported) return;
    this.#reported = this.leader;
    this.#options.onNewLeader?.(this.leader);
  }
}
