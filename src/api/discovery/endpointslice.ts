/** EndpointSlice: a part of the addresses behind a Service. */

import { isIPv4, isIPv6 } from 'node:net';
import type { Endpoint, EndpointPort, EndpointSlice } from '#api/gen/discovery-v1.js';
import { collectInSteps, duplicate, invalidValue, required, tooMany } from '#apimachinery/field-error.js';
import { validateImmutable, validateLabels } from '#apimachinery/metadata-validation.js';
import { labelProblems, labelValueProblems, subdomainProblems } from '#apimachinery/names.js';
import { equal } from '#base/json.js';
import { addressWarnings } from '../meta/address-warnings.js';
import {
  check,
  checkEnum,
  checkIp,
  checkLabel,
  checkNonSpecialIp,
  checkQualifiedName,
  checkReference,
  each,
  type FieldErrors,
  type Keyed,
} from '../meta/check.js';
import { abbreviate, ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';

const endpointsMax = 1000;
const addressesMax = 100;
const portsMax = 20000;
const topologyLabelsMax = 8;
const hintsMax = 8;
const hostnameLabel = 'kubernetes.io/hostname';

export default defineResource<EndpointSlice>({
  group: 'discovery.k8s.io',
  versions: ['v1'],
  kind: 'EndpointSlice',
  namespaced: true,
  metadataRepeats: { update: ['whole'] },
  storageVersionHash: 'qgS0xkrxYAI=',
  bumpsGeneration: ['addressType', 'endpoints', 'ports', 'metadata.labels'],
  default: setDefaults,
  prepareForCreate: dropTopology,
  prepareForUpdate(slice, old) {
    if (!equal(slice.endpoints, old.endpoints)) dropTopology(slice, old);
  },
  validate: (slice) => checkSlice(slice),
  validateUpdate: (slice, old) => validateImmutable('addressType', { value: slice.addressType, old: old.addressType }),
  warnings,
  columns: [
    nameColumn,
    {
      name: 'AddressType',
      type: 'string',
      description: fieldText('discovery.v1.EndpointSlice.addressType'),
      cell: ({ addressType }) => addressType ?? '',
    },
    {
      name: 'Ports',
      type: 'string',
      description: fieldText('discovery.v1.EndpointSlice.ports'),
      cell: ({ ports = [] }) => shown(ports.map(portText)),
    },
    {
      name: 'Endpoints',
      type: 'string',
      description: fieldText('discovery.v1.EndpointSlice.endpoints'),
      cell: ({ endpoints = [] }) => shown((endpoints ?? []).flatMap(({ addresses }) => addresses ?? [])),
    },
    ageColumn,
  ],
});

function shown(items: readonly string[]): string {
  return abbreviate(items, { max: 3, none: '<unset>' });
}

/** A port without a number means all. */
function portText({ port, name }: EndpointPort): string {
  return port !== undefined ? String(port) : name || '*';
}

function setDefaults({ ports }: EndpointSlice): void {
  for (const port of ports ?? []) {
    port.name ??= '';
    port.protocol ??= 'TCP';
  }
}

/**
 * The field can be read in this version, and not written. A client that knows the older form only, in which it held the
 * node's name, keeps that of a node that was there before.
 */
function dropTopology({ endpoints }: EndpointSlice, old?: EndpointSlice): void {
  const known = new Set((old?.endpoints ?? []).map(({ deprecatedTopology }) => deprecatedTopology?.[hostnameLabel]));
  for (const endpoint of endpoints ?? []) {
    const name = endpoint.deprecatedTopology?.[hostnameLabel];
    if (name && endpoint.nodeName === undefined && known.has(name) && subdomainProblems(name).length === 0)
      endpoint.nodeName = name;
    delete endpoint.deprecatedTopology;
  }
}

/** Slices of our own controllers have their addresses from objects that have been warned about. */
const ownManagers = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io'];

function warnings({ metadata, addressType, endpoints }: EndpointSlice, old: EndpointSlice | undefined): string[] {
  const ofType = !old && addressType === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : [];
  if (ownManagers.includes(metadata.labels?.['endpointslice.kubernetes.io/managed-by'] ?? '')) return ofType;
  const ofAddresses = [...each('endpoints', endpoints)].flatMap(({ path, value }) =>
    [...each(`${path}.addresses`, value.addresses)].flatMap((one) => [...addressWarnings(one.path, one.value)]),
  );
  return [...ofType, ...ofAddresses];
}

function* checkSlice(slice: EndpointSlice): FieldErrors {
  const { addressType, endpoints = [], ports = [] } = slice;
  yield* checkEnum('addressType', addressType, ['FQDN', 'IPv4', 'IPv6']);
  if ((endpoints ?? []).length > endpointsMax) yield tooMany('endpoints', endpoints.length, endpointsMax);
  else for (const { path, value } of each('endpoints', endpoints)) yield* checkEndpoint(path, value, { addressType });
  if ((ports ?? []).length > portsMax) yield tooMany('ports', ports.length, portsMax);
  else yield* checkPorts(ports);
}

function* checkEndpoint(path: string, endpoint: Endpoint, { addressType }: { addressType: string }): FieldErrors {
  const { addresses = [], hostname, nodeName, deprecatedTopology = {} } = endpoint;
  const at = `${path}.addresses`;
  if (addresses.length === 0) yield required(at, 'must contain at least 1 address');
  else if (addresses.length > addressesMax) yield tooMany(at, addresses.length, addressesMax);
  for (const one of each(at, addresses)) yield* checkAddress(one, { list: at, addressType });
  yield* checkReference(`${path}.nodeName`, nodeName);
  const topology = `${path}.deprecatedTopology`;
  const labels = Object.keys(deprecatedTopology).length;
  if (labels > topologyLabelsMax) yield tooMany(topology, labels, topologyLabelsMax);
  yield* validateLabels(deprecatedTopology, topology);
  if (hostname !== undefined) yield* checkLabel(`${path}.hostname`, hostname);
  yield* checkHints(`${path}.hints`, endpoint);
}

function* checkAddress(
  { path, value: address }: Keyed<string>,
  { list, addressType }: { list: string; addressType: string },
): FieldErrors {
  if (addressType === 'FQDN') yield* check(path, address, fullNameProblems);
  else if (addressType === 'IPv4' || addressType === 'IPv6') {
    const errors = yield* collectInSteps(checkIp(path, address));
    yield* errors;
    if (errors.length > 0) return;
    // Upstream puts this one at the whole list.
    const isOfType = addressType === 'IPv4' ? isIPv4(address) : isIPv6(address);
    if (!isOfType) yield invalidValue(list, address, `must be an ${addressType} address`);
    yield* checkNonSpecialIp(path, address);
  }
}

function fullNameProblems(name: string): string[] {
  const bare = name.replace(/\.$/, '');
  const problems = subdomainProblems(bare);
  if (problems.length > 0) return problems;
  const labels = bare.split('.');
  if (labels.length < 2) return ['should be a domain with at least two segments separated by dots'];
  return labels.flatMap(labelProblems);
}

function* checkHints(path: string, { hints }: Endpoint): FieldErrors {
  for (const list of ['forZones', 'forNodes'] as const) {
    const entries = hints?.[list] ?? [];
    if (entries.length > hintsMax) {
      yield tooMany(`${path}.${list}`, entries.length, hintsMax);
      continue;
    }
    const seen = new Set<string>();
    for (const { path: at, value } of each(`${path}.${list}`, entries)) {
      if (seen.has(value.name)) yield duplicate(`${at}.name`, value.name);
      seen.add(value.name);
      yield* check(`${at}.name`, value.name, list === 'forZones' ? labelValueProblems : subdomainProblems);
    }
  }
}

function* checkPorts(ports: readonly EndpointPort[] | undefined): FieldErrors {
  const names = new Set<string>();
  for (const { path, value } of each('ports', ports)) {
    const { name = '', protocol, appProtocol } = value;
    if (name) yield* checkLabel(`${path}.name`, name);
    if (names.has(name)) yield duplicate(`${path}.name`, name);
    names.add(name);
    yield* checkEnum(`${path}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']);
    if (appProtocol !== undefined) yield* checkQualifiedName(`${path}.appProtocol`, appProtocol);
  }
}
