/** From requests and limits to the kernel's numbers, and the names of the cgroups. Pure; the formulas are upstream's. */
import type { Container, Pod } from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { isRestartableInit } from './pod-state.js';
import { amountOf, effectiveResources, podAmount, type QosClass, qosClass } from './qos.js';
import type { LinuxResources } from './runtime/runtime.js';

const sharesMin = 2;
const sharesMax = 262_144;
const quotaUsMin = 1000;
export const cpuPeriodUs = 100_000;

export function cpuShares(milliCpu: number): number {
  if (milliCpu === 0) return sharesMin;
  return Math.min(Math.max(Math.floor((milliCpu * 1024) / 1000), sharesMin), sharesMax);
}

/** 0: no limit. */
export function cpuQuotaUs(milliCpu: number): number {
  if (milliCpu === 0) return 0;
  return Math.max(Math.floor((milliCpu * cpuPeriodUs) / 1000), quotaUsMin);
}

/** The cgroup v2 weight (1 to 10000) for v1 shares. */
export function cpuWeight(shares: number): number {
  return Math.floor(1 + ((shares - sharesMin) * 9999) / (sharesMax - sharesMin));
}

export function containerResources(pod: Pod, container: Container, node: { memoryBytes: number }): LinuxResources {
  const resources = effectiveResources(container.resources, pod.spec.resources);
  const whole = { ...container, resources };
  const milliCpu = (side: 'requests' | 'limits') => amountOf(whole, side, 'cpu')?.milliNumber() ?? 0;
  return {
    cpuPeriodUs,
    cpuQuotaUs: cpuQuotaUs(milliCpu('limits')),
    cpuShares: cpuShares(milliCpu('requests')),
    memoryLimitBytes: amountOf(whole, 'limits', 'memory')?.unitsNumber() ?? 0,
    oomScoreAdj: oomScoreAdj(pod, container, node),
  };
}

/** For the pod's own cgroup; `oomScoreAdj` means nothing there. */
export function podResources(pod: Pod): Omit<LinuxResources, 'oomScoreAdj'> {
  return {
    cpuPeriodUs,
    cpuQuotaUs: cpuQuotaUs(podAmount(pod, 'limits', 'cpu')?.milliNumber() ?? 0),
    cpuShares: cpuShares(podAmount(pod, 'requests', 'cpu')?.milliNumber() ?? 0),
    memoryLimitBytes: podAmount(pod, 'limits', 'memory')?.unitsNumber() ?? 0,
  };
}

const guaranteedOomScoreAdj = -997;
const bestEffortOomScoreAdj = 1000;

/** The less of its node a container asked for, the sooner it goes when memory runs out. */
export function oomScoreAdj(pod: Pod, container: Container, node: { memoryBytes: number }): number {
  if (pod.spec.priorityClassName === 'system-node-critical') return guaranteedOomScoreAdj;
  const qos = qosClass(pod);
  if (qos === 'Guaranteed') return guaranteedOomScoreAdj;
  if (qos === 'BestEffort') return bestEffortOomScoreAdj;
  const podShare = podMemoryShare(pod);
  const scoreOf = (one: Container) => burstableOomScoreAdj(one, { podShare, ...node });
  const own = scoreOf(container);
  const isSidecar = isRestartableInit(container) && (pod.spec.initContainers ?? []).includes(container);
  if (!isSidecar) return own;
  // A sidecar serves the others and must not die before them.
  return Math.min(own, ...pod.spec.containers.map(scoreOf));
}

/** What the pod asks for beyond its containers counts for each of them alike (KEP-2837). */
function podMemoryShare({ spec }: Pod): number {
  const asked = Quantity.tryParse(spec.resources?.requests?.['memory'])?.unitsNumber() ?? 0;
  if (asked === 0) return 0;
  const { resources: _, overhead: __, ...containersAlone } = spec;
  const own = podAmount({ metadata: {}, spec: containersAlone } as Pod, 'requests', 'memory')?.unitsNumber() ?? 0;
  return Math.floor((asked - own) / (spec.containers.length + (spec.initContainers ?? []).length));
}

function burstableOomScoreAdj(
  container: Container,
  { memoryBytes, podShare }: { memoryBytes: number; podShare: number },
): number {
  const request = (amountOf(container, 'requests', 'memory')?.unitsNumber() ?? 0) + podShare;
  const score = 1000 - Math.floor((1000 * request) / memoryBytes);
  if (score < 1000 + guaranteedOomScoreAdj) return 1000 + guaranteedOomScoreAdj;
  return score === bestEffortOomScoreAdj ? score - 1 : score;
}

/** `/kubepods/burstable/pod<uid>`, as the cgroupfs driver names it. */
export function podCgroup(root: string, pod: Pod): string {
  return `${qosCgroup(root, qosClass(pod))}/pod${pod.metadata.uid}`;
}

export function qosCgroup(root: string, qos: QosClass): string {
  return qos === 'Guaranteed' ? root : `${root}/${qos.toLowerCase()}`;
}
