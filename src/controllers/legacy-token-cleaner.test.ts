import { expect, it } from 'vitest';
import type { Secret } from '#api/gen/core-v1.js';
import { stepFor } from './legacy-token-cleaner.js';

const nowMs = Date.parse('2026-06-01T12:00:00Z');
const secret = (created: string, used?: string, since?: string): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    name: 's',
    namespace: 'default',
    creationTimestamp: `${created}T00:00:00Z`,
    labels: {
      ...(used && { 'kubernetes.io/legacy-token-last-used': used }),
      ...(since && { 'kubernetes.io/legacy-token-invalid-since': since }),
    },
  },
});
const step = (...given: Parameters<typeof secret>) => stepFor(secret(...given), nowMs);

it('keeps what is young, or was used within a year, or says so in a way that cannot be read', () => {
  expect(step('2025-12-01')).toBe('keep');
  expect(step('2020-01-01', '2025-06-01')).toBe('keep');
  expect(step('2020-01-01', 'yesterday')).toBe('keep');
});

it('marks what was not used for a year, and deletes it when it has been marked as long', () => {
  expect(step('2020-01-01')).toBe('mark');
  expect(step('2020-01-01', '2025-05-31')).toBe('mark');
  expect(step('2020-01-01', '2024-01-01', 'nonsense')).toBe('mark');
  expect(step('2020-01-01', '2024-01-01', '2025-06-01')).toBe('keep');
  expect(step('2020-01-01', '2024-01-01', '2025-05-31')).toBe('delete');
});
