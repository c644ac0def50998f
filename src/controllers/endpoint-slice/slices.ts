/** Spreads endpoints over slices, so that a small change of a large service rewrites few of them. */

import services from '#api/core/service.js';
import type { Service } from '#api/gen/core-v1.js';
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.js';
import { equal } from '#base/json.js';
import type { Informer } from '#client/informer.js';
import { controllerReference } from '../claim.js';
import { headlessLabel, isHeadless } from '../service-pods.js';
import { withTriggerTime } from '../trigger-times.js';
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
  /** What is shown of zones stays as it is where nothing else changes: somebody else decides about it. */
  keepsHints?: boolean;
}

/** What is to be done about the slices of one family of addresses, and those that may stay as they are. */
export interface FamilyChanges extends Changes {
  addressType: string;
  unchanged: EndpointSlice[];
}

/** One for each family of the service, and last what is left of those that it no longer has. */
export function plan(service: Service, { existing, groups, keepsHints = false }: Request): FamilyChanges[] {
  const live = existing.filter(({ metadata }) => !metadata.deletionTimestamp);
  const families = addressTypesOf(service);
  const planned = families.map((addressType) => {
    const own = live.filter((slice) => slice.addressType === addressType);
    const wanted = groups.filter((group) => group.addressType === addressType);
    return planFamily(service, { addressType, existing: own, groups: wanted, keepsHints });
  });
  const stale = live.filter(({ addressType }) => !families.includes(addressType));
  return stale.length > 0 ? [...planned, { ...noChanges(''), deletes: stale }] : planned;
}

function noChanges(addressType: string): FamilyChanges {
  return { addressType, creates: [], updates: [], deletes: [], unchanged: [] };
}

function planFamily(
  service: Service,
  { addressType, existing, groups, keepsHints }: Required<Request> & { addressType: string },
): FamilyChanges {
  const changes = noChanges(addressType);
  const wanted = new Map(groups.map((group) => [groupKey(group.addressType, group.ports), group]));
  const byGroup = new Map<string, EndpointSlice[]>();
  for (const slice of existing) {
    const key = groupKey(slice.addressType, slice.ports ?? []);
    if (!wanted.has(key) || !isOf(slice, service)) changes.deletes.push(slice);
    else byGroup.set(key, [...(byGroup.get(key) ?? []), slice]);
  }
  for (const [key, group] of wanted) planGroup(service, { group, slices: byGroup.get(key) ?? [], changes, keepsHints });
  if (existing.length === changes.deletes.length && changes.creates.length === 0) keepPlaceholder(service, changes);
  const touched = new Set([...changes.updates, ...changes.deletes].map(({ metadata }) => metadata.name));
  changes.unchanged = existing.filter(({ metadata }) => !touched.has(metadata.name));
  return changes;
}

/** One of a service that had the name before goes with that service, and is not ours to fill. */
function isOf({ metadata }: EndpointSlice, service: Service): boolean {
  return metadata.ownerReferences?.some(({ uid }) => uid === service.metadata.uid) ?? false;
}

/** A service without any endpoint has one slice for each family all the same, which says so. */
function keepPlaceholder(service: Service, changes: FamilyChanges): void {
  const placeholder = newSlice(service, { addressType: changes.addressType, ports: [], endpoints: [] });
  const [only, ...others] = changes.deletes;
  const isIt =
    only &&
    others.length === 0 &&
    !only.endpoints?.length &&
    !only.ports?.length &&
    isOf(only, service) &&
    equal(only.metadata.labels, placeholder.metadata.labels);
  if (isIt) changes.deletes = [];
  else changes.creates.push(placeholder);
}

/** Rather than one slice going and another coming, what was there becomes the new one. */
export function recycle({ creates, updates, deletes }: Changes, mayBecome = (_: EndpointSlice) => true): Changes {
  const left = [...creates];
  const recycled: EndpointSlice[] = [];
  const gone = deletes.filter((old) => {
    const next = mayBecome(old) ? left.findLastIndex(({ addressType }) => addressType === old.addressType) : -1;
    if (next < 0) return true;
    const [slice] = left.splice(next, 1);
    recycled.push({ ...slice!, metadata: { ...slice!.metadata, name: old.metadata.name } });
    return false;
  });
  return { creates: left, updates: [...updates, ...recycled], deletes: gone };
}

/** All that is to be written, and since when it is so. */
export function merge(service: Service, families: readonly FamilyChanges[], time: string | undefined): Changes {
  const all = (kind: keyof Changes) => families.flatMap((family) => family[kind]);
  const changes = { creates: all('creates'), updates: all('updates'), deletes: all('deletes') };
  const { creates, updates, deletes } = recycle(changes, (slice) => isOf(slice, service));
  const timed = (slice: EndpointSlice) => {
    const annotations = withTriggerTime(slice.metadata.annotations, time);
    return { ...slice, metadata: { ...slice.metadata, annotations } };
  };
  return { creates: creates.map(timed), updates: updates.map(timed), deletes };
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
    changes,
    keepsHints,
  }: { group: Group; slices: EndpointSlice[]; changes: Changes; keepsHints: boolean },
): void {
  const left = new Map(group.endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const drafts = slices.map((slice) => draft(service, { slice, left, keepsHints }));
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
    changes.creates.push(newSlice(service, { ...group, endpoints }));
  }
  for (const { slice, endpoints, isChanged } of drafts) {
    if (endpoints.length === 0) changes.deletes.push(slice);
    else if (isChanged)
      changes.updates.push({ ...slice, metadata: { ...slice.metadata, labels: labelsOf(service) }, endpoints });
  }
}

/** Keeps in the slice what is still wanted, as it is wanted now, and takes that from `left`. */
function draft(
  service: Service,
  { slice, left, keepsHints }: { slice: EndpointSlice; left: Map<string, Endpoint>; keepsHints: boolean },
): Draft {
  const endpoints: Endpoint[] = [];
  let isChanged = !equal(slice.metadata.labels, labelsOf(service));
  for (const old of slice.endpoints ?? []) {
    const key = identityOf(old);
    const wanted = left.get(key);
    left.delete(key);
    const now = wanted && keepsHints && old.hints ? { ...wanted, hints: old.hints } : wanted;
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

function newSlice(service: Service, { addressType, ports, endpoints }: Group): EndpointSlice {
  const { name, namespace } = service.metadata;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: labelsOf(service),
      ownerReferences: [controllerReference(service, services)],
    },
    addressType,
    ports,
    endpoints,
  };
}

/** The service's own labels, and ours. */
function labelsOf(service: Service): Record<string, string> {
  const { [headlessLabel]: _, ...labels } = service.metadata.labels ?? {};
  if (isHeadless(service)) labels[headlessLabel] = '';
  return { ...labels, [serviceNameLabel]: service.metadata.name!, [managedByLabel]: manager };
}
