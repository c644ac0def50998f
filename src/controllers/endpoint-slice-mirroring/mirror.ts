/** What the slices that mirror an Endpoints object should be: one for each of its subsets and each family of addresses. */
import { isIPv4, isIPv6 } from 'node:net';
import endpointsResource from '#api/core/endpoints.js';
import type { EndpointAddress, EndpointSubset, Endpoints } from '#api/gen/core-v1.js';
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.js';
import { equal } from '#base/json.js';
import { controllerReference } from '../claim.js';
import { type Group, groupKey } from '../endpoint-slice/endpoints.js';
import { type Changes, managedByLabel, recycle, serviceNameLabel } from '../endpoint-slice/slices.js';
import { repackSubsets } from '../endpoints/subsets.js';
import { dumpOfSlicePort, inOrder } from '../port-order.js';
import { triggerTimeAnnotation } from '../trigger-times.js';

const manager = 'endpointslicemirroring-controller.k8s.io';
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
/** Upstream's --mirroring-max-endpoints-per-subset. */
export const addressesMax = 1000;

export function isMirror({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[managedByLabel] === manager;
}

/** Old clients elect leaders by an annotation of an Endpoints object, which then is no list of addresses. */
export function mayBeMirrored({ metadata }: Endpoints): boolean {
  return metadata.labels?.[skipLabel] !== 'true' && metadata.annotations?.[leaderAnnotation] === undefined;
}

export interface Mirrored {
  groups: Map<string, Group>;
  /** Addresses that are none. */
  invalid: number;
  /** Addresses that were left out, those included. */
  skipped: number;
}

export function mirrored({ subsets = [] }: Endpoints): Mirrored {
  const result: Mirrored = { groups: new Map(), invalid: 0, skipped: 0 };
  for (const subset of repackSubsets(subsets)) addSubset(result, subset);
  return result;
}

function addSubset(result: Mirrored, subset: EndpointSubset): void {
  const { addresses = [], notReadyAddresses = [] } = subset;
  const given = (subset.ports ?? []).map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
    name,
    port,
    protocol,
    ...(appProtocol && { appProtocol }),
  }));
  const ports = inOrder(given, dumpOfSlicePort);
  const all = [
    ...addresses.map((address) => ({ address, ready: true })),
    ...notReadyAddresses.map((address) => ({ address, ready: false })),
  ];
  let added = 0;
  for (const { address, ready } of all) {
    if (added >= addressesMax) break;
    const addressType = isIPv4(address.ip) ? 'IPv4' : isIPv6(address.ip) ? 'IPv6' : undefined;
    if (!addressType) {
      result.invalid++;
      continue;
    }
    const key = groupKey(addressType, ports);
    const group = result.groups.get(key) ?? { addressType, ports, endpoints: [] };
    result.groups.set(key, group);
    group.endpoints.push(endpointOf(address, ready));
    added++;
  }
  result.skipped += all.length - added;
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname && { hostname }),
    ...(targetRef && { targetRef }),
    ...(nodeName && { nodeName }),
  };
}

export function planMirrors(
  endpoints: Endpoints,
  { existing, groups }: { existing: readonly EndpointSlice[]; groups: ReadonlyMap<string, Group> },
): Changes {
  const changes: Changes = { creates: [], updates: [], deletes: [] };
  const byGroup = new Map<string, EndpointSlice>();
  for (const slice of existing) {
    const key = groupKey(slice.addressType, slice.ports ?? []);
    if (groups.has(key) && !byGroup.has(key)) byGroup.set(key, slice);
    else changes.deletes.push(slice);
  }
  for (const [key, group] of groups) {
    const old = byGroup.get(key);
    const wanted = sliceOf(endpoints, group, old);
    if (!old) changes.creates.push(wanted);
    else if (!isSame(old, wanted)) changes.updates.push(wanted);
  }
  return recycle(changes);
}

function sliceOf(endpoints: Endpoints, group: Group, old: EndpointSlice | undefined): EndpointSlice {
  const { name = '', namespace, labels, annotations = {} } = endpoints.metadata;
  const { [triggerTimeAnnotation]: _time, [lastAppliedAnnotation]: _applied, ...kept } = annotations;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...(old ? { name: old.metadata.name } : { generateName: `${name}-` }),
      namespace,
      labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: manager },
      annotations: kept,
      ownerReferences: [controllerReference(endpoints, endpointsResource)],
    },
    ...group,
  };
}

/** Endpoints have no order. */
function isSame(old: EndpointSlice, wanted: EndpointSlice): boolean {
  const sorted = ({ endpoints = [] }: EndpointSlice) =>
    [...(endpoints ?? [])].sort((a, b) => (a.addresses[0]! < b.addresses[0]! ? -1 : 1));
  return (
    equal(sorted(old), sorted(wanted)) &&
    equal(old.metadata.labels ?? {}, wanted.metadata.labels) &&
    equal(old.metadata.annotations ?? {}, wanted.metadata.annotations)
  );
}
