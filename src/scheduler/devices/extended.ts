/**
 * Devices for pods that ask by an extended resource, as if for a device plugin: one claim for the pod, which the
 * scheduler makes (KEP-5004).
 * https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#extended-resource
 */
import pods from '#api/core/pod/index.js';
import { isSidecar } from '#api/core/pod/resources.js';
import type { Container, Pod } from '#api/gen/core-v1.js';
import type { DeviceRequest, ResourceClaim } from '#api/gen/resource-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import type { NodeInfo } from '../node-info.js';
import { podRequests } from '../resources.js';
import { isDeviceResource } from './pod-claims.js';
import type { DeviceView, RequestMapping } from './view.js';

export const extendedClaimAnnotation = 'resource.kubernetes.io/extended-resource-claim';
/** No claim can have this name: it is not written yet. */
const unwrittenName = '<extended-resources>';

/** The extended resources that the pod asks for, some of which have a class. */
export function extendedResources(pod: Pod, view: DeviceView): string[] {
  const names = [...podRequests(pod).requested.scalars]
    .filter(([name, amount]) => amount > 0 && isDeviceResource(name))
    .map(([name]) => name);
  return names.some((name) => view.classFor(name)) ? names : [];
}

export function isUnwritten({ metadata }: ResourceClaim): boolean {
  return metadata.name === unwrittenName;
}

export function extendedClaimFor({ metadata: { name = '', namespace, uid = '' } }: Pod): ResourceClaim {
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: {
      name: unwrittenName,
      generateName: `${name}-extended-resources-`,
      namespace,
      uid: `extended resources of ${uid}`,
      annotations: { [extendedClaimAnnotation]: 'true' },
      ownerReferences: [{ apiVersion: 'v1', kind: pods.kind, name, uid, controller: true }],
    },
    spec: {},
  };
}

/** What of the resources this node has to give by devices; a text when it gives one of them in no way. */
export function resourcesByDevices(
  resources: readonly string[],
  { node: { allocatable }, view }: { node: NodeInfo; view: DeviceView },
): string[] | string {
  const byDevices: string[] = [];
  for (const name of resources) {
    if (view.classFor(name) && !allocatable.scalars.get(name)) byDevices.push(name);
    else if (!allocatable.scalars.has(name)) return 'cannot fit resource';
  }
  return byDevices.sort();
}

export interface ExtendedRequests {
  requests: DeviceRequest[];
  mappings: RequestMapping[];
}

/** Init containers use what containers after them will have, and share what they need beyond that. */
export function requestsFor(
  pod: Pod,
  { resources, view }: { resources: readonly string[]; view: DeviceView },
): ExtendedRequests {
  const requests: DeviceRequest[] = [];
  const mappings: RequestMapping[] = [];
  for (const resource of resources) {
    const one = requestsOfResource(pod, { resource, className: view.classFor(resource)!.metadata.name! });
    requests.push(...one.requests);
    mappings.push(...one.mappings);
  }
  return { requests: requests.sort((a, b) => (a.name < b.name ? -1 : 1)), mappings };
}

function requestsOfResource(
  { spec }: Pod,
  { resource, className }: { resource: string; className: string },
): ExtendedRequests {
  const initial = spec.initContainers ?? [];
  const containers = [...initial, ...spec.containers];
  const isShortLived = (at: number) => at < initial.length && !isSidecar(containers[at]!);
  const lasting = new Map<number, DeviceRequest>();
  const mappings: RequestMapping[] = [];
  for (const [at, container] of containers.entries()) {
    if (isShortLived(at)) continue;
    const own = requestOf(container, { at, resource, className, covered: 0 });
    if (!own) continue;
    lasting.set(at, own);
    mappings.push({ containerName: container.name, resourceName: resource, requestName: own.name });
  }
  const brief: { containerName: string; requestNames: string[]; extra: DeviceRequest | undefined }[] = [];
  for (const [at, container] of containers.entries()) {
    if (!isShortLived(at)) continue;
    const wanted = amountOf(container, resource);
    const requestNames: string[] = [];
    let covered = 0;
    for (const [place, { name, exactly }] of lasting) {
      if (place < at || covered >= wanted) continue;
      covered += exactly!.count!;
      requestNames.push(name);
    }
    if (wanted > 0) {
      const extra = requestOf(container, { at, resource, className, covered });
      brief.push({ containerName: container.name, requestNames, extra });
    }
  }
  const extras = brief.flatMap(({ extra }) => extra ?? []);
  const largest = extras.reduce<DeviceRequest | undefined>(
    (most, one) => (most && most.exactly!.count! >= one.exactly!.count! ? most : one),
    undefined,
  );
  for (const { containerName, requestNames, extra } of brief) {
    const names = extra ? [...requestNames, largest!.name] : requestNames;
    for (const requestName of names) mappings.push({ containerName, resourceName: resource, requestName });
  }
  return { requests: [...(largest ? [largest] : []), ...lasting.values()], mappings };
}

function amountOf({ resources }: Container, resource: string): number {
  const amount = resources?.requests?.[resource];
  return amount === undefined ? 0 : Quantity.parse(amount).unitsNumber();
}

/** Named by the container's place, and the resource's among all that the container asks for. */
function requestOf(
  container: Container,
  { at, resource, className, covered }: { at: number; resource: string; className: string; covered: number },
): DeviceRequest | undefined {
  const count = amountOf(container, resource) - covered;
  if (count <= 0) return undefined;
  const place = Object.keys(container.resources?.requests ?? {})
    .sort()
    .indexOf(resource);
  return {
    name: `container-${at}-request-${place}`,
    exactly: { deviceClassName: className, allocationMode: 'ExactCount', count },
  };
}
