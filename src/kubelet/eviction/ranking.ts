/** Which pod goes first when a node is short of something, and what its status says then. Pure; texts are upstream's. */
import { isPodLevelResource } from '#api/core/pod/resources.js';
import { podRequests } from '#api/core/pod/totals.js';
import type { Pod } from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { ContainerUsage, PodUsage } from '../stats/usage.js';
import { type Observations, type Signal, type Starved, signals, type Threshold, unitsOf } from './thresholds.js';

export interface Candidate {
  pod: Pod;
  /** undefined: nothing is known of it, and it goes first. */
  usage: PodUsage | undefined;
}

/** What of a pod lies on the file system of a signal. */
interface Measured {
  layers: boolean;
  logsAndVolumes: boolean;
}

/**
 * Those that use more than they asked for, then the less important, then by how much more they use.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#pod-selection-for-kubelet-eviction
 */
export function ranked(
  candidates: readonly Candidate[],
  { signal, hasImageFilesystem }: { signal: Signal; hasImageFilesystem: boolean },
): Pod[] {
  const { resource } = signals[signal];
  const measured = {
    layers: !hasImageFilesystem || !signal.startsWith('nodefs'),
    logsAndVolumes: !hasImageFilesystem || signal.startsWith('nodefs'),
  };
  const rows = candidates.map(({ pod, usage }) => {
    const used = usage && usedOf(usage, resource, measured);
    const request = podRequests(pod).get(resource)?.unitsNumber() ?? 0;
    // Upstream takes what was asked of the disk away from inodes as well.
    const deducted = resource === 'inodes' ? (podRequests(pod).get('ephemeral-storage')?.unitsNumber() ?? 0) : request;
    return { pod, used, exceeds: used !== undefined && used > request, above: (used ?? 0) - deducted };
  });
  rows.sort((a, b) => {
    const byPriority = (a.pod.spec.priority ?? 0) - (b.pod.spec.priority ?? 0);
    if (resource === 'pids') return byPriority || unknownFirst(a, b) || b.above - a.above;
    return unknownFirst(a, b) || Number(b.exceeds) - Number(a.exceeds) || byPriority || b.above - a.above;
  });
  return rows.map(({ pod }) => pod);
}

function unknownFirst(a: { used?: number | undefined }, b: { used?: number | undefined }): number {
  return Number(b.used === undefined) - Number(a.used === undefined);
}

function usedOf({ own, containers, volumes }: PodUsage, resource: Starved, measured: Measured): number {
  if (resource === 'memory') return own?.memory.workingSet ?? 0;
  if (resource === 'pids') return own?.tasks?.processes ?? 0;
  const field = resource === 'inodes' ? 'inodesUsed' : 'usedBytes';
  const layers = measured.layers ? containers.map(({ layer }) => layer?.[field] ?? 0) : [];
  const logs = measured.logsAndVolumes ? containers.map((one) => one.logs?.[field] ?? 0) : [];
  const kept = measured.logsAndVolumes ? volumes.filter(({ isEphemeral }) => isEphemeral).map((one) => one[field]) : [];
  return [...layers, ...logs, ...kept].reduce((sum, one) => sum + one, 0);
}

export interface EvictionText {
  message: string;
  annotations: Record<string, string>;
}

export function evictionText(
  { pod, usage }: Candidate,
  {
    resource,
    thresholds,
    observations,
  }: { resource: Starved; thresholds: readonly Threshold[]; observations: Observations },
): EvictionText {
  const parts = [`The node was low on resource: ${resource}. `, ...shortage(resource, thresholds, observations)];
  if (!usage) return { message: parts.join(''), annotations: {} };
  const annotations: Record<string, string> = {};
  const whole = pod.spec.resources;
  const isWhole = Object.keys({ ...whole?.requests, ...whole?.limits }).some(isPodLevelResource);
  const asked = whole?.requests?.[resource];
  if (resource === 'memory' && isWhole && asked !== undefined && usage.own) {
    const used = binary(usage.own.memory.workingSet);
    parts.push(consumption(`Pod ${pod.metadata.name}`, { used, asked: Quantity.parse(asked), resource }));
    annotations.offending_pod = pod.metadata.name!;
    annotations.offending_pod_usage = `${used}`;
  }
  const specs = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const offending = usage.containers.flatMap((one) => {
    const spec = specs.find(({ name }) => name === one.name);
    const used = spec && usedByContainer(one, resource);
    const requested = Quantity.parse(spec?.resources?.requests?.[resource] ?? '0');
    if (used === undefined || Quantity.of(used).compare(requested) <= 0) return [];
    return [{ name: one.name, used: binary(used), asked: requested }];
  });
  for (const { name, used, asked } of offending)
    parts.push(consumption(`Container ${name}`, { used, asked, resource }));
  return {
    message: parts.join(''),
    annotations: {
      ...annotations,
      offending_containers: offending.map(({ name }) => name).join(','),
      offending_containers_usage: offending.map(({ used }) => `${used}`).join(','),
      starved_resource: resource,
    },
  };
}

const binary = (units: number) => Quantity.of(units, 'BinarySI');

function consumption(
  who: string,
  { used, asked, resource }: { used: Quantity; asked: Quantity; resource: Starved },
): string {
  return `${who} was using ${used}, request is ${asked}, has larger consumption of ${resource}. `;
}

/** Of the first threshold of the resource that holds. */
function shortage(resource: Starved, thresholds: readonly Threshold[], observations: Observations): string[] {
  for (const { signal, value } of thresholds) {
    const seen = observations.get(signal);
    if (signals[signal].resource !== resource || !seen) continue;
    const format = resource === 'inodes' || resource === 'pids' ? 'DecimalSI' : 'BinarySI';
    const wanted = binary(unitsOf(value, seen.capacity));
    return [`Threshold quantity: ${wanted}, available: ${Quantity.of(seen.available, format)}. `];
  }
  return [];
}

function usedByContainer({ own, layer, logs }: ContainerUsage, resource: Starved): number | undefined {
  if (resource === 'memory') return own.memory.workingSet;
  return resource === 'ephemeral-storage' && layer && logs ? layer.usedBytes + logs.usedBytes : undefined;
}
