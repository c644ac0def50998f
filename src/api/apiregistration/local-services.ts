/**
 * The APIServices of what this server serves itself, and with them the order of groups in discovery
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/).
 */
import type { APIService } from '#api/gen/apiregistration-v1.js';
import type { AnyResource } from '../resource.js';

interface Priority {
  group: number;
  /** By version; a version that is not named has 15. */
  versions?: Record<string, number>;
}

const versionPriorityDefault = 15;
const aggregatorGroup = 'apiregistration.k8s.io';

/** The highest first. These numbers are upstream's; other servers choose theirs to come before or after. */
export const builtInPriorities: Readonly<Record<string, Priority>> = {
  '': { group: 18_000, versions: { v1: 1 } },
  [aggregatorGroup]: { group: 18_000 },
  apps: { group: 17_800 },
  'events.k8s.io': { group: 17_750 },
  'authentication.k8s.io': { group: 17_700 },
  'authorization.k8s.io': { group: 17_600 },
  autoscaling: { group: 17_500, versions: { v2: 30 } },
  batch: { group: 17_400 },
  'certificates.k8s.io': { group: 17_300 },
  'networking.k8s.io': { group: 17_200 },
  policy: { group: 17_100 },
  'rbac.authorization.k8s.io': { group: 17_000 },
  'storage.k8s.io': { group: 16_800 },
  'admissionregistration.k8s.io': { group: 16_700 },
  'apiextensions.k8s.io': { group: 16_700 },
  'scheduling.k8s.io': { group: 16_600 },
  'coordination.k8s.io': { group: 16_500 },
  'node.k8s.io': { group: 16_300 },
  'discovery.k8s.io': { group: 16_200 },
  'resource.k8s.io': { group: 16_200, versions: { v1: 21 } },
  'flowcontrol.apiserver.k8s.io': { group: 16_100, versions: { v1: 21 } },
};

/** Written by this server at its start, and not looked after later. */
const managedLabels = { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' };

/** One for each group and version; the group of APIServices itself has none, and neither have custom resources. */
export function localApiServices(definitions: Iterable<AnyResource>): APIService[] {
  const services = new Map<string, APIService>();
  for (const { group, versions } of definitions) {
    const priority = builtInPriorities[group];
    if (!priority || group === aggregatorGroup) continue;
    for (const version of versions) services.set(`${version}.${group}`, localApiService({ group, version }, priority));
  }
  return [...services.values()];
}

function localApiService({ group, version }: { group: string; version: string }, priority: Priority): APIService {
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `${version}.${group}`, labels: { ...managedLabels } },
    spec: {
      ...(group && { group }),
      version,
      groupPriorityMinimum: priority.group,
      versionPriority: priority.versions?.[version] ?? versionPriorityDefault,
    },
  };
}
