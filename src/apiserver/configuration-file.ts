/**
 * Configuration files of the API server: YAML or JSON of one kind, read strictly, in upstream's formats.
 * https://kubernetes.io/docs/reference/config-api/
 */
import { readFile } from 'node:fs/promises';
import { builtinSchemas } from '#api/schema-table.js';
import { decodeValue, type FieldValidation } from '#apimachinery/decode.js';
import { StatusError } from '#apimachinery/errors.js';
import type { FieldError } from '#apimachinery/field-error.js';
import { parseApiVersion } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { readYaml, type YamlDocument, YamlError } from './handlers/yaml/index.js';

/** A file that cannot be used. The message is one line that names it. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

export interface ConfigurationKind {
  group: string;
  kind: string;
  /** Those that the file may name; all have the form of the first. */
  versions: readonly [string, ...string[]];
  /** Default: Strict. With Warn, unknown and repeated fields are dropped, and told in `warnings`. */
  fieldValidation?: FieldValidation;
}

export interface Configuration<T> {
  value: T;
  warnings: string[];
}

/** Throws ConfigurationError. */
export async function readConfiguration<T>(path: string, kind: ConfigurationKind): Promise<Configuration<T>> {
  return parseConfiguration<T>(await readConfigurationFile(path), { path, ...kind });
}

/** The same for bytes that were read of `path`. Throws ConfigurationError. */
export function parseConfiguration<T>(
  bytes: Uint8Array,
  target: ConfigurationKind & { path: string },
): Configuration<T> {
  return convertConfiguration<T>(readDocument(bytes, target.path), target);
}

/** Plain JSON of YAML or JSON. Throws ConfigurationError. */
export function readDocument(bytes: Uint8Array, path: string): YamlDocument {
  try {
    return readYaml(bytes);
  } catch (error) {
    throw unusable(path, error);
  }
}

/** What a document says, held against its kind. Throws ConfigurationError. */
export function convertConfiguration<T>(
  { value, duplicates }: YamlDocument,
  { path, group, kind, versions, fieldValidation = 'Strict' }: ConfigurationKind & { path: string },
): Configuration<T> {
  const given = (value ?? {}) as { apiVersion?: unknown; kind?: unknown };
  const named = parseApiVersion(typeof given.apiVersion === 'string' ? given.apiVersion : '');
  if (named.group !== group || !versions.includes(named.version) || given.kind !== kind) {
    const wanted = versions.map((version) => `${group}/${version}`).join(', ');
    throw new ConfigurationError(`${path}: no ${kind} of ${wanted}`);
  }
  const target = { table: builtinSchemas, kind: { group, version: versions[0], kind }, fieldValidation };
  const typed = { ...(value as object), apiVersion: `${group}/${versions[0]}` };
  try {
    const { object, warnings } = decodeValue<T>(typed, target, { faults: duplicates });
    return { value: object, warnings };
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): unknown {
  if (!(error instanceof StatusError || error instanceof YamlError)) return error;
  return new ConfigurationError(`${path}: ${error.message}`, { cause: error });
}

/** Throws ConfigurationError that tells all of them, when there are any. */
export function requireValidFile(path: string, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  const texts = errors.map(({ message }) => message);
  throw new ConfigurationError(`${path}: ${texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`}`);
}

/** How long after a file has changed it is noticed at the latest. */
const lookPeriodMs = 60_000;

/**
 * Gives the file's bytes to `apply` whenever they have changed, until the signal aborts. What cannot be read or applied
 * is logged, and what held before goes on to hold.
 */
export async function followFile(
  path: string,
  { apply, clock, log, signal, first }: FollowOptions & { first: Uint8Array },
): Promise<void> {
  let last = Buffer.from(first);
  while (!signal.aborted) {
    await clock.sleep(lookPeriodMs, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      const bytes = await readFile(path);
      if (bytes.equals(last)) continue;
      last = bytes;
      await apply(bytes);
      log.info('configuration taken over', { path });
    } catch (error) {
      log.error('a changed configuration cannot be used; what held before goes on to hold', { path, err: error });
    }
  }
}

export interface FollowOptions {
  apply: (bytes: Uint8Array) => Promise<void> | void;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}

/** The bytes of a file that must be there. Throws ConfigurationError. */
export async function readConfigurationFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new ConfigurationError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}
