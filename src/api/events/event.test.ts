import { expect, test } from 'vitest';
import type { Event } from '#api/gen/core-v1.js';
import events from './event.js';

const core: Event = {
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'web.1', namespace: 'default' },
  involvedObject: { kind: 'Pod', name: 'web' },
  reason: 'Started',
  message: 'Started container web',
  source: { component: 'kubelet', host: 'one' },
  firstTimestamp: '2026-01-01T00:00:00Z',
  lastTimestamp: '2026-01-01T00:00:05Z',
  count: 2,
  type: 'Normal',
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingComponent: 'kubelet',
  reportingInstance: 'one',
};

test('an event of one group is the same event of the other', () => {
  const { encode, decode } = events.storedAs!;
  expect(decode(core)).toMatchObject({
    apiVersion: 'events.k8s.io/v1',
    regarding: core.involvedObject,
    note: core.message,
    deprecatedSource: core.source,
    deprecatedCount: 2,
    reportingController: 'kubelet',
  });
  expect(encode(decode(core))).toEqual(core);
});
