import { expect, test } from 'vitest';
import type { PodStatus } from '#api/gen/core-v1.js';
import { statusPatch } from './status-manager.js';

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
