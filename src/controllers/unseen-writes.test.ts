import { expect, test } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { VirtualClock } from '#base/clock.js';
import type { Informer } from '#client/informer.js';
import { TransportError } from '#client/transport.js';
import { UnseenWrites } from './unseen-writes.js';

const pod = (metadata: Pod['metadata']): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'default', name: 'p', uid: 'u', ...metadata },
  spec: { containers: [] },
});

test('what turns out to be going after a write without an answer counts as deleted, until the copy shows it', async () => {
  let shown = pod({ resourceVersion: '1' });
  const informer = { get: () => shown, addIndex: () => {}, byIndex: () => [shown], resourceVersion: '1' };
  const writes = new UnseenWrites({ clock: new VirtualClock(), informer: informer as unknown as Informer<Pod> });
  const lost = () => Promise.reject(new TransportError('lost'));
  await expect(writes.attempt('owner', lost)).rejects.toThrow('lost');
  expect(writes.isDeleted('owner', shown)).toBe(false);
  const going = pod({ resourceVersion: '2', deletionTimestamp: '2026-01-01T00:00:00Z' });
  await writes.settle('owner', async () => [going]);
  expect(writes.isDeleted('owner', shown)).toBe(true);
  expect(writes.pendingMs('owner')).toBeGreaterThan(0);
  shown = going;
  expect(writes.pendingMs('owner')).toBeUndefined();
});
