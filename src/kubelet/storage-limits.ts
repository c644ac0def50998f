/**
 * Ends pods that keep more on the node's disk than they may: in an emptyDir with a size limit, in a container, or in all.
 * https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#resource-emphemeralstorage-consumption
 */
import { aggregateRequests } from '#api/core/pod/resources.js';
import type { Container, Pod } from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { isCritical } from './admission/preemption.js';
import type { Verdict } from './pod-status.js';
import type { PodUsage, UsageSource } from './stats/usage.js';

const storage = 'ephemeral-storage';
/** Whoever fills the disk gets no more time than that. */
const graceSeconds = 1;

/** Ends those that have too much. Gives whether there were any. */
export async function evictOverLimits({
  usage,
  evict,
}: {
  /** Of the pods with limits alone: to look at disks is not cheap. */
  usage: UsageSource;
  evict: (pod: Pod, verdict: Verdict) => Promise<void>;
}): Promise<boolean> {
  let hasEvicted = false;
  for (const one of await usage.pods({ detailed: true })) {
    const message = excess(one);
    if (!message) continue;
    await evict(one.pod, { reason: 'Evicted', message, graceSeconds });
    hasEvicted = true;
  }
  return hasEvicted;
}

/** Pods that the node itself needs are never ended for that. */
export function hasStorageLimits(pod: Pod): boolean {
  const { volumes = [] } = pod.spec;
  const limited = podLimit(pod) !== undefined || volumes.some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined);
  return limited && !isCritical(pod);
}

/** What the pod's status says of it, in upstream's words, which end with a space. */
export function excess({ pod, containers, volumes }: Pick<PodUsage, 'pod' | 'containers' | 'volumes'>): string {
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    const limit = Quantity.tryParse(emptyDir?.sizeLimit);
    const used = volumes.find((volume) => volume.name === name)?.usedBytes;
    if (limit && !limit.isZero && used !== undefined && isOver(used, limit))
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `;
  }
  const used = new Map(containers.map(({ name, layer, logs }) => [name, bytes(layer) + bytes(logs)]));
  const kept = volumes.filter(({ isEphemeral }) => isEphemeral);
  const total = [...used.values(), ...kept.map(bytes)].reduce((sum, one) => sum + one, 0);
  const ofPod = podLimit(pod);
  if (ofPod && isOver(total, ofPod))
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${ofPod}. `;
  for (const container of pod.spec.containers) {
    const limit = limitOf(container);
    if (limit && !limit.isZero && isOver(used.get(container.name) ?? 0, limit))
      return `Container ${container.name} exceeded its local ephemeral storage limit "${limit}". `;
  }
  return '';
}

const bytes = (one: { usedBytes: number } | undefined) => one?.usedBytes ?? 0;

const isOver = (used: number, limit: Quantity) => Quantity.of(used).compare(limit) > 0;

function limitOf({ resources }: Container): Quantity | undefined {
  return Quantity.tryParse(resources?.limits?.[storage]);
}

/** The sum of those that have a limit, or the most that an init container may have before them. */
function podLimit({ spec }: Pod): Quantity | undefined {
  return aggregateRequests(spec, { list: 'limits', isWanted: (name) => name === storage }).get(storage);
}
