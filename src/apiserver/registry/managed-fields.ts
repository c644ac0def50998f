/** Keeps metadata.managedFields of every kind by the rules of `apimachinery/managed-fields`. */
import { resetFieldsOf } from '#apimachinery/managed-fields/request.js';
import { trackUpdate } from '#apimachinery/managed-fields/update.js';
import { parseApiVersion } from '#apimachinery/object.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import type { Clock } from '#base/clock.js';
import type { FieldTracker } from './field-tracker.js';

export function managedFieldsTracker({ schemas, clock }: { schemas: SchemaTable; clock: Clock }): FieldTracker {
  return {
    track({ resource, object, old, write }) {
      const { apiVersion, kind, metadata } = object;
      const managedFields = trackUpdate({
        schema: { table: schemas, type: schemas.kind({ ...parseApiVersion(apiVersion), kind }) },
        manager: write.manager,
        apiVersion,
        subresource: write.subresource,
        nowMs: clock.now(),
        resetFields: resetFieldsOf({
          subresource: write.subresource,
          hasStatus: resource.subresources?.status === true,
        }),
        old,
        object,
      });
      if (managedFields) metadata.managedFields = managedFields;
      else delete metadata.managedFields;
    },
  };
}
