import { expect, test } from 'vitest';
import type { Node, Service } from '#api/gen/core-v1.js';
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.js';
import { merge, plan } from './slices.js';
import { sharesOfZones, ZoneHints } from './zone-hints.js';

const ports = [{ name: '', port: 80, protocol: 'TCP' }];

function service(mode?: string): Service {
  const annotations = mode ? { 'service.kubernetes.io/topology-mode': mode } : undefined;
  const metadata = { name: 's', namespace: 'default', uid: 'u', annotations };
  return { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: '10.0.0.1', ipFamilies: ['IPv4'] } };
}

function node(zone: string, cpu: string, ready = true): Node {
  const labels: Record<string, string> = zone ? { 'topology.kubernetes.io/zone': zone } : {};
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: zone, labels },
    spec: {},
    status: { allocatable: { cpu }, conditions },
  };
}

/** As many in each zone as its letter says. */
function endpointsIn(zones: string): Endpoint[] {
  return [...zones].map((zone, index) => ({
    addresses: [`10.0.0.${index}`],
    conditions: { ready: true, serving: true, terminating: false },
    targetRef: { kind: 'Pod', uid: `p${index}` },
    zone: zone === '-' ? undefined : zone,
  }));
}

/** What a look at the service makes of it: the zones that endpoints are to serve, and what is told. */
function look(
  hints: ZoneHints,
  { zones, nodes, existing = [], mode }: { zones: string; nodes: Node[]; existing?: EndpointSlice[]; mode?: string },
) {
  const of = service(mode);
  const groups = [{ addressType: 'IPv4', ports, endpoints: endpointsIn(zones) }];
  const families = plan(of, { existing, groups, keepsHints: mode === 'Auto' });
  const told = families.flatMap((changes) => hints.apply(of, changes, sharesOfZones(nodes)));
  const { creates, updates } = merge(of, families, undefined);
  const written = [...creates, ...updates].map((slice) => ({ ...slice, metadata: { ...slice.metadata, name: 'x' } }));
  const served = written
    .flatMap(({ endpoints }) => endpoints ?? [])
    .map((one) => one.hints?.forZones?.[0]?.name ?? '-');
  return { served: served.sort().join(''), told: told.map(({ type, message }) => `${type} ${message}`), written };
}

const even = [node('a', '2'), node('b', '2')];

test.each<[string, string, Node[], string, string]>([
  ['as many as its share', 'aabb', even, 'aabb', 'Normal Topology Aware Hints has been enabled'],
  ['a zone without its own is served by another', 'aaaa', even, 'aabb', 'Normal Topology Aware Hints has been enabled'],
  [
    'twice the processors, twice the endpoints',
    'aaabbb',
    [node('a', '4'), node('b', '2')],
    'aaaabb',
    'Normal Topology Aware Hints has been enabled',
  ],
  ['too few endpoints', 'a', even, '-', 'Warning Insufficient number of endpoints (1 endpoints, 2 zones)'],
  [
    'shares that cannot be kept',
    'abc',
    [...even, node('c', '4')],
    '---',
    'Warning Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (3 endpoints, 3 zones)',
  ],
  ['an endpoint of no zone', 'aab-', even, '----', 'Warning One or more endpoints do not have a zone specified'],
  [
    'one zone alone',
    'aabb',
    [node('a', '2'), node('b', '2', false)],
    '----',
    'Warning Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
  ],
  [
    'a node of no zone',
    'aabb',
    [...even, node('', '2')],
    '----',
    'Warning Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
  ],
])('%s', (_, zones, nodes, served, message) => {
  const hints = new ZoneHints();
  const seen = look(hints, { zones, nodes, mode: 'Auto' });
  expect(seen).toMatchObject({ served, told: [`${message}, addressType: IPv4`] });
  // Looked at again it is left as it is, and not told about anew.
  const again = look(hints, { zones, nodes, mode: 'Auto', existing: seen.written });
  expect(again).toMatchObject({ served: '', told: [] });
});

test('hints go when they are not asked for any more, or zones change too much', () => {
  const hints = new ZoneHints();
  const { written } = look(hints, { zones: 'aabb', nodes: even, mode: 'Auto' });
  expect(hints.overloaded(sharesOfZones(even))).toEqual([]);
  expect(hints.overloaded(sharesOfZones([node('a', '1'), node('b', '9')]))).toEqual(['default/s']);
  const off = look(hints, { zones: 'aabb', nodes: even, existing: written });
  expect(off).toMatchObject({
    served: '----',
    told: ['Warning Topology Aware Hints has been disabled, addressType: IPv4'],
  });
  expect(hints.overloaded(sharesOfZones([]))).toEqual([]);
});
