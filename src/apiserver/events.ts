/** Watch events in the forms in which they travel. */

import type { AnyResource } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { ResourceEvent } from './registry/watch.js';

/** The object of a bookmark: empty but for its resourceVersion, and the mark at the end of initial events. */
export function bookmarkObject(
  { resource, version }: { resource: AnyResource; version: string },
  { revision, initialEventsEnd }: Extract<ResourceEvent, { type: 'BOOKMARK' }>,
): KubeObject {
  return {
    kind: resource.kind,
    apiVersion: version,
    metadata: {
      resourceVersion: String(revision),
      ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    },
  };
}
