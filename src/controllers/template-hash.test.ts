import { expect, test } from 'vitest';
import type { PodTemplateSpec } from '#api/gen/core-v1.js';
import { sameTemplate, templateHash } from './template-hash.js';

const template = (extra: object = {}, labels: Record<string, string> = { app: 'web' }): PodTemplateSpec => ({
  metadata: { labels },
  spec: { containers: [{ name: 'c', image: 'i' }], ...extra },
});

test('the hash label, nulls and empty values do not make another template', () => {
  const noisy = { ...template({}, { app: 'web', 'pod-template-hash': 'x' }) };
  const metadata = { ...noisy.metadata, creationTimestamp: null as unknown as string, annotations: {} };
  const spec = { ...noisy.spec!, tolerations: [], securityContext: {} };
  expect(sameTemplate({ metadata, spec }, template())).toBe(true);
  expect(templateHash({ metadata, spec }, 0)).toBe(templateHash(template(), 0));
});

test('an image, a label or a selector that becomes empty does', () => {
  expect(sameTemplate(template({ containers: [{ name: 'c', image: 'j' }] }), template())).toBe(false);
  expect(sameTemplate(template({}, { app: 'other' }), template())).toBe(false);
  const volumes = (source: object) => template({ volumes: [{ name: 'v', ...source }] });
  expect(sameTemplate(volumes({ emptyDir: {} }), volumes({}))).toBe(false);
});

test('the hash names the template with ten characters at most, another one after a collision', () => {
  expect(templateHash(template(), 0)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  expect(templateHash(template(), 1)).not.toBe(templateHash(template(), 0));
});
