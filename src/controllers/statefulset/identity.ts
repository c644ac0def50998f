/**
 * What a StatefulSet's pod keeps for life: its ordinal, and by it its name, host name and volumes.
 * https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#pod-identity
 */
import statefulSets from '#api/apps/statefulset.js';
import type { StatefulSet } from '#api/gen/apps-v1.js';
import type { Pod, PodTemplateSpec, Volume } from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';
import { controllerReference } from '../claim.js';
import { revisionLabel } from '../revision-history.js';

const podNameLabel = 'statefulset.kubernetes.io/pod-name';
const podIndexLabel = 'apps.kubernetes.io/pod-index';
const ordinalMax = 2 ** 31 - 1;

/** Undefined for a name that is not of the form `<set>-<ordinal>`. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const { name = '' } = pod.metadata;
  const match = /^(.*)-([0-9]+)$/.exec(name);
  const ordinal = match?.[1] === set.metadata.name ? Number(match?.[2]) : Number.NaN;
  return ordinal <= ordinalMax ? ordinal : undefined;
}

export function firstOrdinal({ spec }: StatefulSet): number {
  return spec.ordinals?.start ?? 0;
}

export function isInRange(set: StatefulSet, ordinal: number): boolean {
  const first = firstOrdinal(set);
  return ordinal >= first && ordinal < first + (set.spec.replicas ?? 1);
}

export function podNameOf(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

export function claimNameOf(set: StatefulSet, template: string, ordinal: number): string {
  return `${template}-${set.metadata.name}-${ordinal}`;
}

export function newPod(
  set: StatefulSet,
  { ordinal, template, revision }: { ordinal: number; template: PodTemplateSpec; revision: string },
): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const name = podNameOf(set, ordinal);
  const { namespace } = set.metadata;
  const own = { [podNameLabel]: name, [podIndexLabel]: String(ordinal), [revisionLabel]: revision };
  const spec = { ...copy(template.spec!), hostname: name, subdomain: set.spec.serviceName };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      generateName: `${set.metadata.name}-`,
      namespace,
      labels: { ...labels, ...own },
      annotations,
      finalizers,
      ownerReferences: [controllerReference(set, statefulSets)],
    },
    spec: { ...spec, volumes: withClaims(set, { ordinal, volumes: spec.volumes }) },
  };
}

/** The claims' volumes in place of any of the same name. */
function withClaims(
  set: StatefulSet,
  { ordinal, volumes = [] }: { ordinal: number; volumes: Volume[] | undefined },
): Volume[] {
  const claims = (set.spec.volumeClaimTemplates ?? []).map(({ metadata }): Volume => {
    const name = metadata?.name ?? '';
    return { name, persistentVolumeClaim: { claimName: claimNameOf(set, name, ordinal) } };
  });
  const taken = new Set(claims.map(({ name }) => name));
  return [...claims, ...volumes.filter(({ name }) => !taken.has(name))];
}

/** Whether the labels that name the pod are there, which an update of the pod may have taken. */
export function hasIdentity(set: StatefulSet, pod: Pod, ordinal: number): boolean {
  const { labels = {} } = pod.metadata;
  return labels[podNameLabel] === podNameOf(set, ordinal) && labels[podIndexLabel] === String(ordinal);
}

export function identityLabels(set: StatefulSet, ordinal: number): Record<string, string> {
  return { [podNameLabel]: podNameOf(set, ordinal), [podIndexLabel]: String(ordinal) };
}

export function revisionOfPod(pod: Pod): string {
  return pod.metadata.labels?.[revisionLabel] ?? '';
}
