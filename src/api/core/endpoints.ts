/** Endpoints: the addresses behind a Service, in their older form. */

import { isIPv6 } from 'node:net';
import type { EndpointAddress, EndpointPort, Endpoints } from '#api/gen/core-v1.js';
import { required } from '#apimachinery/field-error.js';
import {
  checkEnum,
  checkIp,
  checkLabel,
  checkNonSpecialIp,
  checkPort,
  checkQualifiedName,
  checkReference,
  each,
  type FieldErrors,
} from '../meta/check.js';
import { abbreviate, ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';

export default defineResource<Endpoints>({
  group: '',
  versions: ['v1'],
  kind: 'Endpoints',
  plural: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  metadataRepeats: { update: ['change', 'whole'] },
  allowCreateOnUpdate: true,
  storageVersionHash: 'fWeeMqaN/OA=',
  storagePrefix: 'services/endpoints',
  default: setDefaults,
  validate: (endpoints) => checkSubsets(endpoints),
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  columns: [
    nameColumn,
    { name: 'Endpoints', type: 'string', description: fieldText('core.v1.Endpoints.subsets'), cell: addresses },
    ageColumn,
  ],
});

function setDefaults({ subsets }: Endpoints): void {
  for (const { ports } of subsets ?? []) for (const port of ports ?? []) port.protocol ||= 'TCP';
}

function* checkSubsets({ subsets }: Endpoints): FieldErrors {
  for (const { path, value: subset } of each('subsets', subsets)) {
    const { addresses: ready = [], notReadyAddresses: notReady = [], ports = [] } = subset;
    if (ready.length === 0 && notReady.length === 0)
      yield required(path, 'must specify `addresses` or `notReadyAddresses`');
    for (const one of each(`${path}.addresses`, ready)) yield* checkAddress(one.path, one.value);
    for (const one of each(`${path}.notReadyAddresses`, notReady)) yield* checkAddress(one.path, one.value);
    for (const one of each(`${path}.ports`, ports))
      yield* checkEndpointPort(one.path, one.value, { needsName: ports.length > 1 });
  }
}

function* checkAddress(path: string, { ip, hostname, nodeName }: EndpointAddress): FieldErrors {
  yield* checkIp(`${path}.ip`, ip ?? '');
  if (hostname) yield* checkLabel(`${path}.hostname`, hostname);
  yield* checkReference(`${path}.nodeName`, nodeName);
  yield* checkNonSpecialIp(`${path}.ip`, ip ?? '');
}

function* checkEndpointPort(
  path: string,
  { name, port, protocol, appProtocol }: EndpointPort,
  { needsName }: { needsName: boolean },
): FieldErrors {
  if (name) yield* checkLabel(`${path}.name`, name);
  else if (needsName) yield required(`${path}.name`);
  yield* checkPort(`${path}.port`, port ?? 0);
  yield* checkEnum(`${path}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']);
  if (appProtocol !== undefined) yield* checkQualifiedName(`${path}.appProtocol`, appProtocol);
}

/** The first three of all addresses with all their ports. A headless service's have none. */
function addresses({ subsets }: Endpoints): string {
  if (!subsets?.length) return '<none>';
  const all = subsets.flatMap(({ addresses: ready = [], ports = [] }) =>
    ports.length === 0
      ? ready.map(({ ip }) => ip)
      : ports.flatMap(({ port }) => ready.map(({ ip }) => `${isIPv6(ip) ? `[${ip}]` : ip}:${port}`)),
  );
  return abbreviate(all, { max: 3, none: '' });
}
