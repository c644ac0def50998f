/** Asks of each pod that comes to the node whether it can run here, beside those that were let in before. */
import nodes from '#api/core/node.js';
import type { Node, Pod } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import type { Client } from '#client/client.js';
import type { Condition } from '../eviction/thresholds.js';
import type { Verdict } from '../pod-status.js';
import { nodeAffinityReason, type Refusal, refusalOf } from './admission.js';
import { isCritical, victimsFor } from './preemption.js';

/**
 * Controllers answer a failed pod with a new one at once. Whoever sends pods here that can never run must not keep the
 * node and the API server busy with nothing else.
 */
const refusalIntervalMs = 100;
const refusalsAtOnce = 20;

const preempted: Verdict = {
  reason: 'Preempting',
  message: 'Preempted in order to admit critical pod',
  disruption: 'Pod was preempted by Kubelet to accommodate a critical pod.',
};

export interface AdmissionGateOptions {
  client: Client;
  clock: Clock;
  nodeName: string;
  operatingSystem: string;
  /** As the API last showed it; it may be a little old. */
  node: () => Node | undefined;
  /** What the node is short of, as known here: sooner than the API shows it. */
  pressure: () => readonly Condition[];
  allowedSysctls: readonly string[];
  /** Let in, and not ended. */
  admitted: () => readonly Pod[];
  /** Ends a pod; resolves when nothing of it runs any more. */
  evict: (pod: Pod, verdict: Verdict) => Promise<void>;
}

export class AdmissionGate {
  readonly #options: AdmissionGateOptions;
  /** When the next refusal would be told if they came evenly; it may be told a little sooner. */
  #nextRefusalAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: AdmissionGateOptions) {
    this.#options = options;
  }

  /** The answer counts at the instant that it is given: whoever is let in must count as admitted from then on. */
  refusal(pod: Pod, node = this.#options.node()): Refusal | undefined {
    const { admitted, operatingSystem, allowedSysctls, pressure } = this.#options;
    if (!node) return { reason: 'InvalidNodeInfo', message: 'Kubelet cannot get node info.' };
    const others = admitted().filter(({ metadata }) => metadata.uid !== pod.metadata.uid);
    return refusalOf({ pod, others, node, operatingSystem, pressure: pressure(), allowedSysctls });
  }

  /** Makes room for a critical pod. Gives why it still cannot run; undefined: it may. */
  async makeRoom(pod: Pod, refusal: Refusal): Promise<Refusal | undefined> {
    const { lacks } = refusal;
    if (!lacks || !isCritical(pod)) return refusal;
    const { admitted, evict } = this.#options;
    const victims = victimsFor(pod, { admitted: admitted(), lacks });
    if (typeof victims === 'string') {
      const message = `Unexpected error while attempting to recover from admission failure: ${victims}`;
      return { reason: 'UnexpectedAdmissionError', message };
    }
    await Promise.all(victims.map((victim) => evict(victim, preempted)));
    return this.refusal(pod);
  }

  /** How long a refusal is to wait until it is told. */
  refusalDelayMs(): number {
    const nowMs = this.#options.clock.monotonic();
    this.#nextRefusalAtMs = Math.max(this.#nextRefusalAtMs + refusalIntervalMs, nowMs);
    return Math.max(this.#nextRefusalAtMs - nowMs - refusalsAtOnce * refusalIntervalMs, 0);
  }

  /** The node's labels may have changed since the API last showed them: worth asking before a pod fails for them. */
  async freshNodeFor({ reason }: Refusal): Promise<Node | undefined> {
    const { client, nodeName } = this.#options;
    return reason === nodeAffinityReason ? await client.of(nodes).get(nodeName) : undefined;
  }
}
