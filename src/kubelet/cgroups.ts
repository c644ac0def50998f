/** From requests and limits to the kernel's numbers, and the names of the cgroups. Pure; the formulas are upstream's. */
import type { Container, Pod } from '#api/gen/core-v1.js';
import { isRestartableInit } from './pod-state.js';
import { amountOf, podAmount, type QosClass, qosClass } from './qos.js';
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
  const request = amountOf(container, 'requests', 'cpu')?.milliNumber() ?? 0;
  const limit = amountOf(container, 'limits', 'cpu')?.milliNumber() ?? 0;
  return {
    cpuPeriodUs,
    cpuQuotaUs: cpuQuotaUs(limit),
    cpuShares: cpuShares(request),
    memoryLimitBytes: amountOf(container, 'limits', 'memory')?.unitsNumber() ?? 0,
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
  const own = burstableOomScoreAdj(container, node);
  const isSidecar = isRestartableInit(container) && (pod.spec.initContainers ?? []).includes(container);
  if (!isSidecar) return own;
  // A sidecar serves the others and must not die before them.
  return Math.min(own, ...pod.spec.containers.map((one) => burstableOomScoreAdj(one, node)));
}

function burstableOomScoreAdj(container: Container, { memoryBytes }: { memoryBytes: number }): number {
  const request = amountOf(container, 'requests', 'memory')?.unitsNumber() ?? 0;
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
