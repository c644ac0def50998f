/** Where a pod comes from: the API, or a file of the node. The annotations are upstream's. */
import type { Pod } from '#api/gen/core-v1.js';

/** `file`, or `api`; here alone, the API does not show it. */
export const sourceAnnotation = 'kubernetes.io/config.source';
export const hashAnnotation = 'kubernetes.io/config.hash';
export const seenAnnotation = 'kubernetes.io/config.seen';
/** On the pod in the API that stands for a static one: the hash of that. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror';

export function isStatic({ metadata }: Pod): boolean {
  return metadata.annotations?.[sourceAnnotation] === 'file';
}

export function mirroredHash({ metadata }: Pod): string | undefined {
  return metadata.annotations?.[mirrorAnnotation];
}

/** What a user says of the source of a pod does not make it the node's own. */
export function fromApi(pod: Pod): Pod {
  const { metadata } = pod;
  if (metadata.annotations?.[sourceAnnotation] === undefined) return pod;
  return { ...pod, metadata: { ...metadata, annotations: { ...metadata.annotations, [sourceAnnotation]: 'api' } } };
}
