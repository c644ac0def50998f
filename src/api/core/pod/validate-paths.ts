/** Rules of paths inside volumes and containers: nobody climbs out of where he is put. */
import { invalidValue, required } from '#apimachinery/field-error.js';
import type { FieldErrors } from '../../meta/check.js';

/** Of `path`, below the root of a volume. */
export function* checkDescendingPath(at: string, path: string): FieldErrors {
  if (path.startsWith('/')) yield invalidValue(at, path, 'must be a relative path');
  yield* checkNoBacksteps(at, path);
}

export function* checkNoBacksteps(at: string, path: string): FieldErrors {
  if (hasBackstep(path)) yield invalidValue(at, path, "must not contain '..'");
}

export function hasBackstep(path: string): boolean {
  return path.split('/').includes('..');
}

/** Names that start with two dots are kept for the swap of a volume's contents. */
export function* checkLocalPath(at: string, path: string): FieldErrors {
  yield* checkDescendingPath(at, path);
  if (path.startsWith('..') && !path.startsWith('../')) yield invalidValue(at, path, "must not start with '..'");
}

export function* checkFileMode(at: string, mode: number | undefined): FieldErrors {
  if (mode !== undefined && (mode < 0 || mode > 0o777))
    yield invalidValue(at, mode, 'must be a number between 0 and 0777 (octal), both inclusive');
}

/** Which key of a ConfigMap or Secret becomes which file. */
export function* checkKeyToPath(
  at: string,
  { key, path, mode }: { key: string; path: string; mode?: number },
): FieldErrors {
  if (!key) yield required(`${at}.key`);
  if (!path) yield required(`${at}.path`);
  yield* checkLocalPath(`${at}.path`, path ?? '');
  yield* checkFileMode(`${at}.mode`, mode);
}
