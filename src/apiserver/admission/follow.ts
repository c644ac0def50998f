/** How webhooks and policies learn of what is configured: by watching it within the process. */
import type { ResourceRef } from '#api/resource.js';
import type { Scheme } from '#api/scheme.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { InformerFactory } from '#client/informer.js';

export interface Followed {
  informers: InformerFactory;
  scheme: Scheme;
}

/** Resolves when all that there are have been put; at once where the kind is not served. */
export async function followKind<T extends KubeObject>(
  { informers, scheme }: Followed,
  plural: string,
  { put, remove }: { put: (object: T) => void; remove: (name: string) => void },
): Promise<void> {
  const resource = scheme.byPlural({ group: 'admissionregistration.k8s.io', plural });
  if (!resource) return;
  const informer = informers.of(resource as ResourceRef<T>);
  informer.onEvent({ added: put, updated: put, deleted: ({ metadata }) => remove(metadata.name ?? '') });
  await informer.synced;
}
