/** What the scheduler says to the API about pods: bound, cannot be placed, must go. */
import { conditionsPatch } from '#api/core/pod/conditions-patch.js';
import pods from '#api/core/pod/index.js';
import type { Pod, PodCondition } from '#api/gen/core-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Client } from '#client/client.js';
import { TransportError } from '#client/transport.js';

const questionsMax = 5;
const questionMs = 500;

export class PodWrites {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #signal: () => AbortSignal;
  /** What pods say by now, where the copy at hand may not show it yet. */
  readonly #nominated = new WeakMap<Pod, string>();

  constructor({ client, clock, signal }: { client: Client; clock: Clock; signal: () => AbortSignal }) {
    this.#client = client;
    this.#clock = clock;
    this.#signal = signal;
  }

  async bind({ metadata: { name, namespace, uid } }: Pod, nodeName: string): Promise<void> {
    await this.#client.of(pods).subresource({
      method: 'POST',
      name: name!,
      namespace: namespace!,
      subresource: 'binding',
      body: {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid },
        target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
      },
    });
  }

  /** Asks until there is an answer, or for as long as `questionsMax` allow. */
  async isBound({ metadata: { name, namespace, uid } }: Pod, nodeName: string): Promise<boolean> {
    for (let question = 1; question <= questionsMax; question++) {
      try {
        const { metadata, spec } = await this.#client.of(pods).get(name!, { namespace });
        return metadata.uid === uid && spec.nodeName === nodeName;
      } catch (error) {
        if (isReason(error, 'NotFound')) return false;
        if (!(error instanceof StatusError || error instanceof TransportError)) throw error;
      }
      await this.#clock.sleep(questionMs * question, this.#signal()).catch(() => {});
      if (this.#signal().aborted) return false;
    }
    return false;
  }

  async nominate(pod: Pod, nodeName: string): Promise<void> {
    if (pod.status?.nominatedNodeName === nodeName) return;
    this.#nominated.set(pod, nodeName);
    await this.#patchStatus(pod, { nominatedNodeName: nodeName });
  }

  /** Nothing is written that the pod says already. `nominatedNodeName` of undefined leaves what is there. */
  async setUnschedulable(
    pod: Pod,
    { message, reason, nominatedNodeName }: { message: string; reason: string; nominatedNodeName?: string },
  ): Promise<void> {
    const known = conditionOf(pod, 'PodScheduled');
    const isSaid = known?.status === 'False' && known.reason === reason && known.message === message;
    const nominated = this.#nominated.get(pod) ?? pod.status?.nominatedNodeName ?? '';
    const isNominated = nominatedNodeName === undefined || nominated === nominatedNodeName;
    if (isSaid && isNominated) return;
    this.#nominated.delete(pod);
    const condition = this.#condition(pod, { type: 'PodScheduled', status: 'False', reason, message });
    await this.#patchStatus(pod, {
      ...(!isSaid && conditionsPatch(pod, [{ ...condition, lastProbeTime: null }])),
      ...(!isNominated && { nominatedNodeName: nominatedNodeName || null }),
    });
  }

  async clearNomination(pod: Pod): Promise<void> {
    if (pod.status?.nominatedNodeName) await this.#patchStatus(pod, { nominatedNodeName: null });
  }

  /** Says first why it must go, which is how owners tell a disruption from a failure. */
  async evict(victim: Pod, { schedulerName }: { schedulerName: string }): Promise<void> {
    const { name, namespace, uid } = victim.metadata;
    const condition = this.#condition(victim, {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${schedulerName}: preempting to accommodate a higher priority pod`,
    });
    await this.#patchStatus(victim, conditionsPatch(victim, [condition]));
    await this.#client.of(pods).delete(name!, { namespace, preconditions: { uid } });
  }

  #condition(pod: Pod, parts: Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>): PodCondition {
    const known = conditionOf(pod, parts.type);
    const sinceBefore = known?.status === parts.status ? known.lastTransitionTime : undefined;
    return {
      ...parts,
      observedGeneration: pod.metadata.generation,
      lastTransitionTime: sinceBefore ?? formatTime(this.#clock.now()),
    };
  }

  async #patchStatus({ metadata: { name, namespace, uid } }: Pod, status: object): Promise<void> {
    const body = { metadata: { uid }, status };
    await this.#client.of(pods).patch(name!, body, { namespace, type: 'strategic', subresource: 'status' });
  }
}

function conditionOf({ status }: Pod, type: string): PodCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}
