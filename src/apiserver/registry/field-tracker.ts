/** Who set which field: the part of writes that keeps metadata.managedFields, over `apimachinery/managed-fields.ts`. */
import type { AnyResource } from '#api/resource.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Write } from './registry.js';

export interface FieldTracker {
  /** Sets metadata.managedFields of `object` after a write that is not an apply. `old` is undefined for a creation. */
  track(change: {
    resource: AnyResource;
    object: KubeObject;
    old: KubeObject | undefined;
    write: Write;
  }): Promise<void>;
}
