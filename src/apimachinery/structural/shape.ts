/**
 * The shape of one version of a custom resource: all that reading, storing and merging its objects needs of the schema.
 * Made once a definition.
 */
import { copy, equal, type Json } from '#base/json.js';
import type { Steps } from '#base/turns.js';
import type { MapModel } from '../managed-fields/model.js';
import type { JsonObject } from '../patch.js';
import type { SchemaTable } from '../schema.js';
import { applyDefaults, dropForbiddenNulls } from './defaults.js';
import { coerceEmbedded, coerceMetadata, metadataPlan } from './embedded.js';
import { structuralModel } from './model.js';
import { prune } from './prune.js';
import type { Schema } from './schema.js';

export interface Shape {
  /** Undefined for a version without a schema. */
  readonly schema: Schema | undefined;
  /** For server-side apply; undefined where there is no schema to go by. */
  readonly model: MapModel | undefined;
  /**
   * Brings an object of a client into the shape, in place; gives the paths of the fields that are not part of it. Throws
   * SchemaError for metadata that cannot be read. `keepsNulls` is for what an apply has made, whose nulls are judged.
   */
  take(object: JsonObject, options?: { keepsNulls?: boolean }): Steps<string[]>;
  /** Fills in defaults, in place. */
  fill(object: JsonObject): void;
  /**
   * An object that was stored, perhaps when the schema was another: pruned, with the defaults of today. The same object
   * when there is nothing to do.
   */
  restore<T extends object>(object: T): Steps<T>;
}

export function shapeFor(
  schema: Schema | undefined,
  { table, keepsUnknown }: { table: SchemaTable; keepsUnknown: boolean },
): Shape {
  const plan = metadataPlan(table);
  const unrooted = schema && { ...schema, 'x-kubernetes-embedded-resource': false };
  function* bring(object: JsonObject, { lenient = false, keepsNulls = false }): Steps<string[]> {
    const metadata = coerceMetadata(object['metadata'] ?? {}, { plan, path: 'metadata', lenient });
    yield;
    const pruned = keepsUnknown ? [] : prune(object, schema ?? {});
    if (!keepsUnknown && !keepsNulls) {
      yield;
      dropForbiddenNulls(object, schema);
    }
    yield;
    const embedded = unrooted ? coerceEmbedded(object, unrooted, { plan, lenient }) : [];
    object['metadata'] = metadata.metadata;
    return [...metadata.unknown, ...pruned, ...embedded];
  }
  let model: MapModel | undefined;
  return {
    schema,
    get model() {
      return schema && (model ??= structuralModel(schema, table));
    },
    take: (object, options = {}) => bring(object, options),
    fill: (object) => {
      if (schema) applyDefaults(object, schema);
    },
    *restore<T extends object>(object: T): Steps<T> {
      const restored = copy(object) as unknown as JsonObject;
      yield;
      yield* bring(restored, { lenient: true });
      yield;
      const metadata = restored['metadata'] as { generation?: number };
      metadata.generation ||= 1;
      if (schema) applyDefaults(restored, schema);
      yield;
      return equal(restored, object as unknown as Json) ? object : (restored as T);
    },
  };
}
