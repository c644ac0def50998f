import { expect, test } from 'vitest';
import type { Pod, PodStatus } from '#api/gen/core-v1.js';
import { StatusError } from '#apimachinery/errors.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import type { Client } from '#client/client.js';
import { StatusManager, statusPatch } from './status-manager.js';

const condition = (type: string, status: string, reason?: string) => ({ type, status, ...(reason && { reason }) });

test('only what differs is written, and conditions of others are left alone', () => {
  const base: PodStatus = {
    phase: 'Pending',
    conditions: [condition('Ready', 'False', 'Why'), condition('gate', 'True')],
  };
  expect(statusPatch(base, base)).toBeUndefined();
  expect(statusPatch(base, { conditions: [condition('Ready', 'False', 'Why')] })).toBeUndefined();
  expect(statusPatch(base, { phase: 'Running', conditions: [condition('Ready', 'True')] })).toEqual({
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', reason: null }],
  });
});

test('an address that changed replaces the old one', () => {
  const base: PodStatus = { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] };
  expect(statusPatch({}, { podIPs: [{ ip: '10.0.0.2' }] })).toEqual({ podIPs: [{ ip: '10.0.0.2' }] });
  expect(statusPatch(base, { podIPs: [{ ip: '10.0.0.2' }] })).toEqual({
    podIPs: [{ $patch: 'replace' }, { ip: '10.0.0.2' }],
  });
});

test('a time that the API writes as null is no change', () => {
  const ready = { ...condition('Ready', 'True'), lastTransitionTime: '2026-01-01T00:00:00Z' };
  const served = { conditions: [{ ...ready, lastProbeTime: null as unknown as string }] };
  expect(statusPatch(served, { conditions: [ready] })).toBeUndefined();
  const status = { name: 'c', ready: false, restartCount: 0, image: 'i', imageID: '' };
  const container = (terminated: object) =>
    ({ containerStatuses: [{ ...status, lastState: { terminated } }] }) as PodStatus;
  const lost = { exitCode: 137, reason: 'ContainerStatusUnknown' };
  expect(statusPatch(container({ ...lost, startedAt: null, finishedAt: null }), container(lost))).toBeUndefined();
  expect(statusPatch(container({ ...lost, startedAt: null }), container({ ...lost, exitCode: 1 }))).toBeDefined();
});

/** An API of one pod, that says no to what `refuses`. */
function setUp({ refuses = () => false }: { refuses?: (phase: string | undefined) => boolean } = {}) {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default', uid: 'u', resourceVersion: '1' },
    spec: { containers: [] },
  };
  const written: (string | undefined)[] = [];
  const patch = async (_: string, { status }: { status: PodStatus }) => {
    if (refuses(status.phase)) throw new StatusError({ reason: 'Invalid', message: 'no' });
    written.push(status.phase);
    return { ...pod, metadata: { ...pod.metadata, resourceVersion: `${written.length + 1}` }, status };
  };
  const manager = new StatusManager({
    client: { of: () => ({ patch }) } as unknown as Client,
    clock: new VirtualClock(),
    log: silentLog,
    signal: new AbortController().signal,
  });
  return { pod, manager, written };
}

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])('what is published %i turns after a write is written too', async (turns) => {
  const { pod, manager, written } = setUp();
  manager.publish(pod, { phase: 'Pending' });
  for (let n = 0; n < turns; n++) await undefined;
  manager.publish(pod, { phase: 'Running' });
  await manager.written('u');
  expect(written.at(-1)).toBe('Running');
});

test('what is refused is not said again, but what is published meanwhile is said', async () => {
  const { pod, manager, written } = setUp({ refuses: (phase) => phase === 'Failed' });
  manager.publish(pod, { phase: 'Failed' });
  await manager.written('u');
  expect(written).toEqual([]);
  manager.publish(pod, { phase: 'Failed', reason: 'again' });
  manager.publish(pod, { phase: 'Running' });
  await manager.written('u');
  expect(written).toEqual(['Running']);
});
