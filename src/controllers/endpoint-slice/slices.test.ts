import { expect, test } from 'vitest';
import type { Service } from '#api/gen/core-v1.js';
import type { Endpoint, EndpointSlice } from '#api/gen/discovery-v1.js';
import type { Group } from './endpoints.js';
import { type Changes, merge, plan } from './slices.js';

const service: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default', uid: 'u', labels: { team: 'a' } },
  spec: { clusterIP: '10.0.0.1', ipFamilies: ['IPv4'], selector: { app: 'web' } },
};

const ports = [{ name: '', port: 80, protocol: 'TCP' }];
const endpoint = (number: number, ready = true): Endpoint => ({
  addresses: [`10.1.${Math.floor(number / 256)}.${number % 256}`],
  conditions: { ready, serving: ready, terminating: false },
  targetRef: { kind: 'Pod', namespace: 'default', name: `p${number}`, uid: `p${number}` },
});
const endpoints = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => endpoint(from + index));
const group = (all: Endpoint[]): Group => ({ addressType: 'IPv4', ports, endpoints: all });

/** What the server would hold after the changes. */
function apply(existing: EndpointSlice[], { creates, updates, deletes }: Changes): EndpointSlice[] {
  const gone = new Set([...deletes, ...updates].map(({ metadata }) => metadata.name));
  const named = creates.map((slice, index) => ({
    ...slice,
    metadata: { ...slice.metadata, name: `s${existing.length + index}` },
  }));
  return [...existing.filter(({ metadata }) => !gone.has(metadata.name)), ...updates, ...named];
}

const changesFor = (existing: EndpointSlice[], groups: Group[], of = service) =>
  merge(of, plan(of, { existing, groups }), undefined);
const planned = (existing: EndpointSlice[], all: Endpoint[]) =>
  changesFor(existing, all.length > 0 ? [group(all)] : []);
const sizes = (slices: EndpointSlice[]) => slices.map((slice) => slice.endpoints?.length ?? 0).sort((a, b) => a - b);
const counts = ({ creates, updates, deletes }: Changes) => [creates.length, updates.length, deletes.length];

test('slices hold at most 100 endpoints, carry the labels of the service and name their owner', () => {
  const slices = apply([], planned([], endpoints(0, 250)));
  expect(sizes(slices)).toEqual([50, 100, 100]);
  expect(slices[0]?.metadata.labels).toEqual({
    team: 'a',
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  });
  expect(slices[0]?.metadata.ownerReferences).toMatchObject([
    { kind: 'Service', name: 'web', uid: 'u', controller: true },
  ]);
});

test('nothing changed: nothing is written', () => {
  const slices = apply([], planned([], endpoints(0, 150)));
  expect(counts(planned(slices, endpoints(0, 150).reverse()))).toEqual([0, 0, 0]);
});

test('one endpoint changes: one slice is written; one more fits the fuller of those with room', () => {
  const slices = apply([], planned([], endpoints(0, 150)));
  const changed = endpoints(0, 150).map((one, index) => (index === 120 ? endpoint(120, false) : one));
  expect(counts(planned(slices, changed))).toEqual([0, 1, 0]);
  const more = planned(slices, endpoints(0, 151));
  expect(counts(more)).toEqual([0, 1, 0]);
  expect(more.updates[0]?.endpoints).toHaveLength(51);
});

test('a slice that loses endpoints takes the new ones', () => {
  const slices = apply([], planned([], endpoints(0, 100)));
  const next = planned(slices, endpoints(50, 150));
  expect(counts(next)).toEqual([0, 1, 0]);
  expect(next.updates[0]?.endpoints).toHaveLength(100);
});

test('no endpoints: one empty slice stays, and is not written again', () => {
  const full = apply([], planned([], endpoints(0, 150)));
  const empty = apply(full, planned(full, []));
  expect(empty).toMatchObject([{ addressType: 'IPv4', endpoints: [], ports: [] }]);
  expect(counts(planned(empty, []))).toEqual([0, 0, 0]);
  expect(sizes(apply(empty, planned(empty, endpoints(0, 3))))).toEqual([3]);
});

test('other ports are other slices, which take over the names of those that go', () => {
  const slices = apply([], planned([], endpoints(0, 10)));
  const named = {
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: endpoints(0, 10),
  };
  const changes = changesFor(slices, [named]);
  expect(counts(changes)).toEqual([0, 1, 0]);
  expect(changes.updates[0]).toMatchObject({ metadata: { name: 's0' }, ports: named.ports });
});

test('a slice of a service that had the name before goes; the new one gets its own', () => {
  const slices = apply([], planned([], endpoints(0, 10)));
  const again = { ...service, metadata: { ...service.metadata, uid: 'v' } };
  expect(counts(changesFor(slices, [group(endpoints(0, 10))], again))).toEqual([1, 0, 1]);
});

test('each family of addresses has a slice, be it empty', () => {
  const dual = { ...service, spec: { ...service.spec, ipFamilies: ['IPv4', 'IPv6'] } };
  const { creates } = changesFor([], [group(endpoints(0, 2))], dual);
  expect(creates.map(({ addressType, endpoints: all }) => [addressType, all?.length])).toEqual([
    ['IPv4', 2],
    ['IPv6', 0],
  ]);
});

test('what is written tells since when it is so, or nothing', () => {
  const at = '2026-01-01T00:00:00Z';
  const annotation = 'endpoints.kubernetes.io/last-change-trigger-time';
  const groups = [group(endpoints(0, 2))];
  const first = merge(service, plan(service, { existing: [], groups }), at);
  expect(first.creates[0]?.metadata.annotations).toEqual({ [annotation]: at });
  const [slice] = apply([], first);
  const next = merge(service, plan(service, { existing: [slice!], groups: [group(endpoints(0, 3))] }), undefined);
  expect(next.updates[0]?.metadata.annotations).toEqual({});
});
