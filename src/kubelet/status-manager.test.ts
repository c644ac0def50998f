/** What is sent of a pod's status: no more than has changed. */
import { expect, test } from 'vitest';
import { statusPatch } from './status-manager.js';

const ready = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' };

test('a time that the API writes as null is no change', () => {
  const served = { phase: 'Running', conditions: [{ ...ready, lastProbeTime: null as unknown as string }] };
  expect(statusPatch(served, { phase: 'Running', conditions: [ready] })).toBeUndefined();
});

test('only changed conditions are sent, and what no longer holds is taken away', () => {
  const base = {
    conditions: [
      { ...ready, status: 'False', reason: 'ContainersNotReady', message: 'why' },
      { type: 'Initialized', status: 'True' },
    ],
  };
  expect(statusPatch(base, { conditions: [ready, { type: 'Initialized', status: 'True' }] })).toEqual({
    conditions: [{ ...ready, reason: null, message: null }],
  });
});

test('an address that changed leaves no old one behind', () => {
  expect(statusPatch({ podIPs: [{ ip: '10.0.0.1' }] }, { podIPs: [{ ip: '10.0.0.2' }] })).toEqual({
    podIPs: [{ $patch: 'replace' }, { ip: '10.0.0.2' }],
  });
});
