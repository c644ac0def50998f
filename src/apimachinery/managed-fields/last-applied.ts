/**
 * The annotation in which client-side apply keeps what it applied last. Server-side apply under the same name takes
 * over what it says, and keeps it true, so that people can go back and forth.
 */
import { parseExact } from '#base/exact-json.js';
import { goJson } from '#base/go-text.js';
import { annotationsBytesMax } from '../metadata-validation.js';
import type { KubeObject } from '../object.js';
import { isObject, type JsonObject } from '../patch.js';
import { checkApplied } from './check.js';
import { compare } from './compare.js';
import type { FieldSet } from './field-set.js';
import { modelOf } from './model.js';
import { fieldsOf } from './own-fields.js';
import { comparable, type ObjectSchema } from './update.js';

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** The fields that client-side apply set and that still are as it set them; undefined when there are none to know. */
export function allowedByLastApplied(
  live: KubeObject,
  { apiVersion, schema }: { apiVersion: string; schema: ObjectSchema },
): FieldSet | undefined {
  const last = parse(live.metadata.annotations?.[annotation]);
  if (last?.['apiVersion'] !== apiVersion) return undefined;
  const model = modelOf(schema);
  if (checkApplied(last, model).length > 0) return undefined;
  const { modified, added, removed } = compare(last, comparable(live), model);
  return fieldsOf(last, model).difference(modified).difference(added).difference(removed);
}

/** Brings the annotation up to date, where the object has it. */
export function writeLastApplied(object: KubeObject, applied: JsonObject): void {
  const annotations = object.metadata.annotations;
  if (!annotations?.[annotation]) return;
  annotations[annotation] = `${goJson(withoutAnnotation(applied))}\n`;
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (bytes > annotationsBytesMax) delete annotations[annotation];
}

function withoutAnnotation(applied: JsonObject): JsonObject {
  const metadata = applied['metadata'];
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined;
  if (!isObject(metadata) || !isObject(annotations) || !Object.hasOwn(annotations, annotation)) return applied;
  const { [annotation]: _, ...rest } = annotations;
  return { ...applied, metadata: { ...metadata, annotations: rest } };
}

function parse(text: string | undefined): JsonObject | undefined {
  if (!text) return undefined;
  try {
    const value: unknown = parseExact(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
