import { expect, test } from 'vitest';
import type { Pod, Service } from '#api/gen/core-v1.js';
import { TriggerTimes } from './trigger-times.js';

const at = (second: number) => `2026-01-01T00:00:0${second}Z`;
const service: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's', namespace: 'default', creationTimestamp: at(0) },
  spec: {},
};
const pod = (name: string, second: number): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [] },
  status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(second) }] },
});

test('a new service tells when it was made; later the first of what has changed since, or nothing', () => {
  const times = new TriggerTimes();
  expect(times.look(service, [pod('a', 1)])).toBe(at(0));
  expect(times.look(service, [pod('a', 1)])).toBeUndefined();
  expect(times.look(service, [pod('a', 4), pod('b', 3)])).toBe(at(3));
  expect(times.look(service, [pod('b', 3)])).toBeUndefined();
  times.forget('default/s');
  expect(times.look(service, [])).toBe(at(0));
});
