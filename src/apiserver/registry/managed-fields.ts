/** Keeps metadata.managedFields of every kind by the rules of `apimachinery/managed-fields`. */
import type { AnyResource } from '#api/resource.js';
import { convertAll, isVersion, rulesAt } from '#api/versions.js';
import { resetFieldsOf } from '#apimachinery/managed-fields/request.js';
import { type FieldWrite, type ObjectSchema, trackUpdate } from '#apimachinery/managed-fields/update.js';
import { type KubeObject, parseApiVersion } from '#apimachinery/object.js';
import type { JsonObject } from '#apimachinery/patch.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import type { Clock } from '#base/clock.js';
import type { FieldTracker } from './field-tracker.js';
import type { Write } from './registry.js';

export function managedFieldsTracker({ schemas, clock }: { schemas: SchemaTable; clock: Clock }): FieldTracker {
  return {
    async track({ resource, object, old, write }) {
      const { apiVersion, metadata } = object;
      const fieldWrite = fieldWriteOf(resource, { schemas, clock, write, apiVersion });
      const managedFields = await trackUpdate(Object.assign(fieldWrite, { old, object }));
      if (managedFields) metadata.managedFields = managedFields;
      else delete metadata.managedFields;
    },
  };
}

/** What a write of an object is to those who keep track of fields. */
export function fieldWriteOf(
  resource: AnyResource,
  options: {
    schemas: SchemaTable;
    clock: Clock;
    write: Pick<Write, 'manager' | 'subresource' | 'turns'>;
    apiVersion: string;
  },
): FieldWrite {
  const { schemas, clock, write, apiVersion } = options;
  const { manager, subresource, turns } = write;
  const { group, kind } = resource;
  const { subresources, statusKeeps, fixedFields } = resource;
  return {
    schema: schemaOf(resource, schemas, parseApiVersion(apiVersion).version),
    manager,
    apiVersion,
    subresource,
    nowMs: clock.now(),
    turns,
    resetFields:
      fixedFields?.(subresource) ??
      resetFieldsOf({ subresource, hasStatus: subresources?.status === true, statusKeeps }),
    versions: {
      at(wanted) {
        const gv = parseApiVersion(wanted);
        if (gv.group !== group || !isVersion(resource, gv.version)) return undefined;
        return {
          schema: schemaOf(resource, schemas, gv.version),
          async convert(object) {
            const whole = { kind, apiVersion, ...object } as unknown as KubeObject;
            const [result] = await convertAll(resource, [whole], gv.version);
            return result as unknown as JsonObject;
          },
        };
      },
    },
  };
}

function schemaOf(resource: AnyResource, schemas: SchemaTable, version: string): ObjectSchema {
  const { group, kind } = resource;
  const { shape } = rulesAt(resource, version);
  return { table: schemas, type: schemas.kind({ group, version, kind }), model: shape?.model };
}
