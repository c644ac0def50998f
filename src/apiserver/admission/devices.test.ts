import { expect, test } from 'vitest';
import claims from '#api/devices/resourceclaim.js';
import templates from '#api/devices/resourceclaimtemplate.js';
import slices from '#api/devices/resourceslice.js';
import type { AnyResource } from '#api/resource.js';
import { VirtualClock } from '#base/clock.js';
import { adminDevices, deviceTaintTimes } from './devices.js';
import { refused, request, run, Shelf } from './test-admission.js';

const devices = { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu', adminAccess: true } }] };
const metadata = { name: 'mine', namespace: 'default' };
const claim = { metadata, spec: { devices } };

test('devices of others are for namespaces that are marked for it', async () => {
  const shelf = new Shelf();
  const plugin = adminDevices(shelf);
  shelf.put('namespaces', { metadata: { name: 'default' } });
  const why =
    'admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace';
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
