/** The scale subresource of a kind that makes pods. */
import { expect } from 'vitest';
import type { ResourceRef } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Scene } from './conformance.js';

interface Scale {
  metadata: { name: string; resourceVersion: string };
  spec: { replicas: number };
}

type Scaled = KubeObject & { spec?: { replicas?: number } };

/** GET, PUT and PATCH of the scale, as any autoscaler does it: from one to four. */
export async function rescale({ client, namespace }: Scene, ref: ResourceRef, name: string): Promise<void> {
  const scaled = client.of(ref as ResourceRef<Scaled>);
  const scale = <R>(method: 'GET' | 'PUT' | 'PATCH', body?: unknown) =>
    scaled.subresource<R>({ method, name, namespace, subresource: 'scale', body });
  const before = await scale<Scale>('GET');
  expect(before.spec.replicas).toBe(1);
  const after = await scale<Scale>('PUT', {
    ...before,
    metadata: { ...before.metadata, resourceVersion: '' },
    spec: { replicas: 2 },
  });
  expect(after.spec.replicas).toBe(2);
  const object = await scaled.get(name, { namespace });
  expect(object.spec?.replicas).toBe(2);
  await scaled.patch(name, { spec: { replicas: 4 } }, { type: 'merge', namespace, subresource: 'scale' });
  expect((await scaled.get(name, { namespace })).spec?.replicas).toBe(4);
}
