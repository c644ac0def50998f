/** Rules that several kinds of storage.k8s.io share. */
import { type FieldError, forbiddenField, invalidValue, required, tooLong } from '#apimachinery/field-error.js';
import { equal } from '#base/json.js';
import { checkQualifiedName, type FieldErrors } from '../meta/check.js';

const parametersMax = 512;
export const parametersBytesMax = 256 * 1024;

/** Who makes volumes: a qualified name, in any case. */
export function* checkProvisioner(path: string, name: string | undefined): FieldErrors {
  if (!name) yield required(path);
  else yield* checkQualifiedName(path, name.toLowerCase());
}

export function* checkParameters(
  path: string,
  parameters: Record<string, string> | undefined,
  { mayBeEmpty }: { mayBeEmpty: boolean },
): FieldErrors {
  const keys = Object.keys(parameters ?? {});
  if (keys.length > parametersMax) {
    yield tooLong(path, parametersMax);
    return;
  }
  if (keys.includes('')) yield invalidValue(path, '', 'field can not be empty.');
  if (bytesOf(parameters) > parametersBytesMax) yield tooLong(path, parametersBytesMax);
  if (!mayBeEmpty && keys.length === 0) yield required(path, 'must contain at least one key/value pair');
}

export function bytesOf(texts: Record<string, string> | undefined): number {
  return Object.entries(texts ?? {}).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
}

/** What upstream forbids to change with a sentence of its own. */
export function refuseChange(field: string, values: { value: unknown; old: unknown }): FieldError[] {
  return equal(values.value, values.old) ? [] : [forbiddenField(field, `updates to ${field} are forbidden.`)];
}
