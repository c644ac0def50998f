import { expect, test } from 'vitest';
import claims from '#api/devices/resourceclaim.js';
import templates from '#api/devices/resourceclaimtemplate.js';
import slices from '#api/devices/resourceslice.js';
import type { AnyResource } from '#api/resource.js';
import { VirtualClock } from '#base/clock.js';
import type { Authorizer } from '../authorization/authorizer.js';
import { adminDevices, claimStatusPermissions, deviceTaintTimes } from './devices.js';
import { refused, request, run, Shelf } from './test-admission.js';

const devices = { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu', adminAccess: true } }] };
const metadata = { name: 'mine', namespace: 'default' };
const claim = { metadata, spec: { devices } };

test('devices of others are for namespaces that are marked for it', async () => {
  const shelf = new Shelf();
  const plugin = adminDevices(shelf);
  shelf.put('namespaces', { metadata: { name: 'default' } });
  const why =
    'spec.devices.requests[0].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace';
  expect(await refused(plugin, request(claims as AnyResource, claim))).toContain(why);
  const template = { metadata, spec: { spec: { devices } } };
  expect(await refused(plugin, request(templates as AnyResource, template))).toContain(why);
  shelf.put('namespaces', { metadata: { name: 'default', labels: { 'resource.kubernetes.io/admin-access': 'true' } } });
  await run(plugin, request(claims as AnyResource, claim));
});

test('a taint knows since when it is there', async () => {
  const clock = new VirtualClock();
  const [old, young] = [
    { key: 'a', effect: 'None', timeAdded: '2020-01-01T00:00:00Z' },
    { key: 'b', effect: 'None' },
  ];
  const slice = { metadata: { name: 'mine' }, spec: { devices: [{ name: 'a', taints: [old, { ...young }] }] } };
  await run(deviceTaintTimes({ clock }), request(slices as AnyResource, slice));
  const now = new Date(clock.now()).toISOString().replace(/\.\d+/, '');
  expect(slice.spec.devices[0]!.taints).toEqual([old, { ...young, timeAdded: now }]);
});

test('the status of a claim is written by whoever may write that part of it', async () => {
  const asked: string[] = [];
  const allowed = new Set<string>();
  const authorizer: Authorizer = {
    authorize: async ({ verb, resource }) => {
      const { subresource, namespace, name } = resource!;
      const what = `${verb} ${subresource} ${namespace}/${name}`;
      asked.push(what);
      return { decision: allowed.has(what) ? 'allow' : 'no opinion', reason: '' };
    },
  } as Authorizer;
  const plugin = claimStatusPermissions({ authorizer });
  const selector = (...values: string[]) => ({
    nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values }] }],
  });
  const write = (status: object, { before = {}, kind = 'UpdateOptions' } = {}) =>
    request(
      claims as AnyResource,
      { ...claim, status },
      {
        ...{
          operation: 'UPDATE',
          subresource: 'status',
          old: { ...claim, status: before } as never,
          options: { kind },
        },
        user: {
          name: 'system:serviceaccount:kube-system:driver',
          groups: [],
          extra: { 'authentication.kubernetes.io/node-name': ['n'] },
        },
      },
    );
  const allocation = { devices: { results: [] }, nodeSelector: selector('n') };
  expect(await refused(plugin, write({ allocation }))).toContain(
    'status: Forbidden: changing status.allocation or status.reservedFor requires extra permission',
  );
  expect(asked.splice(0)).toEqual(['update binding /']);
  allowed.add('patch binding /');
  await run(plugin, write({ allocation }, { kind: 'PatchOptions' }));
  asked.splice(0);
  const devices = [{ driver: 'd', pool: 'p', device: 'x' }];
  const before = { allocation };
  expect(await refused(plugin, write({ allocation, devices }, { before }))).toContain(
    'status.devices: Forbidden: changing status.devices requires extra permission',
  );
  expect(asked.splice(0)).toEqual([
    'associated-node:update driver default/d',
    'arbitrary-node:update driver default/d',
  ]);
  const elsewhere = { allocation: { ...allocation, nodeSelector: selector('n', 'm') } };
  await refused(plugin, write({ ...elsewhere, devices }, { before: elsewhere }));
  expect(asked.splice(0)).toEqual(['arbitrary-node:update driver default/d']);
  allowed.add('associated-node:update driver default/d');
  await run(plugin, write({ allocation, devices }, { before }));
  await run(plugin, write({ allocation, devices }, { before: { allocation, devices } }));
});
