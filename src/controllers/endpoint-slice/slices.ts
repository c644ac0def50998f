/** Spreads endpoints over slices, so that a small change of a large service rewrites few of them. */

import services from '#api/core/service.js';
import type { Pod, Service } from '#api/gen/core-v1.js';
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.js';
import { equal } from '#base/json.js';
import type { Informer } from '#client/informer.js';
import { controllerReference } from '../claim.js';
import { headlessLabel, isHeadless, triggerTime, triggerTimeAnnotation } from '../service-pods.js';
import { addressTypesOf, type Group, groupKey } from './endpoints.js';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const manager = 'endpointslice-controller.k8s.io';
const endpointsMax = 100;

export interface Changes {
  creates: EndpointSlice[];
  updates: EndpointSlice[];
  deletes: EndpointSlice[];
}

/** Those of one service, whoever manages them. */
export function indexByService(slices: Informer<EndpointSlice>, serviceKey: string): EndpointSlice[] {
  slices.addIndex('service', ({ metadata }) => [`${metadata.namespace}/${metadata.labels?.[serviceNameLabel]}`]);
  return slices.byIndex('service', serviceKey);
}

export function isManaged({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[managedByLabel] === manager;
}

interface Request {
  /** The slices of the service that we manage. */
  existing: readonly EndpointSlice[];
  groups: readonly Group[];
  /** All pods behind the service. */
  pods: readonly Pod[];
}

export function plan(service: Service, { existing, groups, pods }: Request): Changes {
  const changes: Changes = { creates: [], updates: [], deletes: [] };
  const time = triggerTime(service, pods);
  const live = existing.filter(({ metadata }) => !metadata.deletionTimestamp);
  const wanted = new Map(groups.map((group) => [groupKey(group.addressType, group.ports), group]));
  const families = new Set(addressTypesOf(service));
  const byGroup = new Map<string, EndpointSlice[]>();
  for (const slice of live) {
    const key = groupKey(slice.addressType, slice.ports ?? []);
    if (!wanted.has(key) || !families.has(slice.addressType)) changes.deletes.push(slice);
    else byGroup.set(key, [...(byGroup.get(key) ?? []), slice]);
  }
  for (const [key, group] of wanted) planGroup(service, { group, slices: byGroup.get(key) ?? [], time, changes });
  keepPlaceholder(service, { wanted: wanted.size, changes, time });
  return changes;
}

/** A service without any endpoint has one slice for each family all the same, which says so. */
function keepPlaceholder(
  service: Service,
  { wanted, changes, time }: { wanted: number; changes: Changes; time: string | undefined },
): void {
  if (wanted > 0) return;
  for (const addressType of addressTypesOf(service)) {
    const kept = changes.deletes.find(
      (slice) => slice.addressType === addressType && !slice.endpoints?.length && !slice.ports?.length,
    );
    if (kept) {
      changes.deletes = changes.deletes.filter((slice) => slice !== kept);
      if (!equal(kept.metadata.labels, labelsOf(service)))
        changes.updates.push(withEndpoints(service, kept, { endpoints: [], time }));
    } else changes.creates.push(newSlice(service, { group: { addressType, ports: [], endpoints: [] }, time }));
  }
}

interface Draft {
  slice: EndpointSlice;
  endpoints: Endpoint[];
  isChanged: boolean;
}

function planGroup(
  service: Service,
  {
    group,
    slices,
    time,
    changes,
  }: { group: Group; slices: EndpointSlice[]; time: string | undefined; changes: Changes },
): void {
  const left = new Map(group.endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const drafts = slices.map((slice) => draft(service, slice, left));
  const add = [...left.values()];
  // Slices that must be written anyway are filled first, then the unchanged one that holds the rest most closely.
  for (const one of drafts) if (one.isChanged) fill(one, add);
  while (add.length > 0) {
    const roomy = drafts
      .filter((one) => !one.isChanged && one.endpoints.length + add.length <= endpointsMax)
      .sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
    if (!roomy) break;
    roomy.isChanged = true;
    fill(roomy, add);
  }
  while (add.length > 0) {
    const endpoints = add.splice(0, endpointsMax);
    changes.creates.push(newSlice(service, { group: { ...group, endpoints }, time }));
  }
  for (const { slice, endpoints, isChanged } of drafts) {
    if (endpoints.length === 0) changes.deletes.push(slice);
    else if (isChanged) changes.updates.push(withEndpoints(service, slice, { endpoints, time }));
  }
}

/** Keeps in the slice what is still wanted, as it is wanted now, and takes that from `left`. */
function draft(service: Service, slice: EndpointSlice, left: Map<string, Endpoint>): Draft {
  const endpoints: Endpoint[] = [];
  let isChanged = !equal(slice.metadata.labels, labelsOf(service));
  for (const old of slice.endpoints ?? []) {
    const key = identityOf(old);
    const now = left.get(key);
    left.delete(key);
    if (now) endpoints.push(now);
    isChanged ||= !now || !equal(now, old);
  }
  return { slice, endpoints, isChanged };
}

function fill(draft: Draft, add: Endpoint[]): void {
  draft.endpoints.push(...add.splice(0, endpointsMax - draft.endpoints.length));
}

function identityOf({ targetRef, addresses }: Endpoint): string {
  return [targetRef?.uid ?? targetRef?.name, ...addresses].join('|');
}

function withEndpoints(
  service: Service,
  slice: EndpointSlice,
  { endpoints, time }: { endpoints: Endpoint[]; time: string | undefined },
): EndpointSlice {
  const annotations = { ...slice.metadata.annotations, ...(time && { [triggerTimeAnnotation]: time }) };
  return { ...slice, metadata: { ...slice.metadata, labels: labelsOf(service), annotations }, endpoints };
}

function newSlice(service: Service, { group, time }: { group: Group; time: string | undefined }): EndpointSlice {
  const { name, namespace } = service.metadata;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: labelsOf(service),
      annotations: time ? { [triggerTimeAnnotation]: time } : undefined,
      ownerReferences: [controllerReference(service, services)],
    },
    addressType: group.addressType,
    ports: group.ports,
    endpoints: group.endpoints,
  };
}

/** The service's own labels, and ours. */
function labelsOf(service: Service): Record<string, string> {
  const { [headlessLabel]: _, ...labels } = service.metadata.labels ?? {};
  if (isHeadless(service)) labels[headlessLabel] = '';
  return { ...labels, [serviceNameLabel]: service.metadata.name!, [managedByLabel]: manager };
}
