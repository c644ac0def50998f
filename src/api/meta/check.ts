/**
 * The checks that the rules of many kinds share. A rule is a generator of field errors, so that rules nest by `yield*`
 * and the first line of a file is not a list to append to. Texts are those of k8s.io/apimachinery's validation.
 */
import { isIP, isIPv4 } from 'node:net';
import { canonicalIpv6, cidrProblems, ipProblems } from '#apimachinery/addresses.js';
import type { FieldErrors } from '#apimachinery/field-error.js';
import { duplicate, forbiddenField, invalidValue, notSupported, required, tooLong } from '#apimachinery/field-error.js';
import { labelProblems, portNameProblems, qualifiedNameProblems, subdomainProblems } from '#apimachinery/names.js';
import { endsStep } from '#base/turns.js';

export type { FieldErrors } from '#apimachinery/field-error.js';

/** A check of one text that gives the reasons why not. */
export type Problems = (value: string) => string[];

export const int32Max = 2 ** 31 - 1;

export function* check(path: string, value: string, problems: Problems): FieldErrors {
  for (const problem of problems(value)) yield invalidValue(path, value, problem);
  if (endsStep()) yield;
}

export function checkLabel(path: string, value: string): FieldErrors {
  return check(path, value, labelProblems);
}

export function checkSubdomain(path: string, value: string): FieldErrors {
  return check(path, value, subdomainProblems);
}

export function checkQualifiedName(path: string, value: string): FieldErrors {
  return check(path, value, qualifiedNameProblems);
}

/** An optional name of another object. */
export function* checkReference(path: string, value: string | undefined): FieldErrors {
  if (value) yield* checkSubdomain(path, value);
}

export function* checkRequired(path: string, value: unknown): FieldErrors {
  if (value === undefined || value === null || value === '') yield required(path);
}

/** A field that defaults fill: empty is `Required value`. `supported` in the order of upstream's message. */
export function* checkEnum(path: string, value: string | undefined, supported: readonly string[]): FieldErrors {
  if (endsStep()) yield;
  if (!value) yield required(path);
  else yield* checkOptionalEnum(path, value, supported);
}

export function* checkOptionalEnum(path: string, value: string | undefined, supported: readonly string[]): FieldErrors {
  if (value !== undefined && !supported.includes(value)) yield notSupported(path, value, supported);
}

export function* checkNonNegative(path: string, value: number | undefined): FieldErrors {
  if (value !== undefined && value < 0) yield invalidValue(path, value, 'must be greater than or equal to 0');
}

export function* checkPositive(path: string, value: number | undefined): FieldErrors {
  if (value !== undefined && value <= 0) yield invalidValue(path, value, 'must be greater than 0');
}

/** The same in the words of the core group. */
export function* checkAboveZero(path: string, value: number | undefined): FieldErrors {
  if (value !== undefined && value <= 0) yield invalidValue(path, value, 'must be greater than zero');
}

export interface Range {
  min: number;
  max: number;
}

/** Both ends belong to the range. */
export function* checkRange(path: string, value: number | undefined, range: Range): FieldErrors {
  if (endsStep()) yield;
  if (value === undefined || (value >= range.min && value <= range.max)) return;
  yield invalidValue(path, value, rangeMessage(range));
}

export function rangeMessage({ min, max }: Range): string {
  return `must be between ${min} and ${max}, inclusive`;
}

export const portRange: Range = { min: 1, max: 65535 };

/** A user or group id of Linux. */
export const idRange: Range = { min: 0, max: int32Max };

export function checkPort(path: string, value: number): FieldErrors {
  return checkRange(path, value, portRange);
}

/** A port by its number, or by the name that it has in a container. */
export function checkPortOrName(path: string, value: number | string | undefined): FieldErrors {
  return typeof value === 'string' ? check(path, value, portNameProblems) : checkPort(path, value ?? 0);
}

export function checkIp(path: string, value: string): FieldErrors {
  return check(path, value, ipProblems);
}

export function checkCidr(path: string, value: string): FieldErrors {
  return check(path, value, cidrProblems);
}

/** At most one of each family: what `podIPs`, `clusterIPs` and their like may hold. */
export function isDualStack(addresses: readonly string[]): boolean {
  const families = new Set(addresses.map((address) => isIP(address.split('/')[0]!)));
  return families.size === addresses.length && addresses.length <= 2;
}

/** Addresses that mean something on each node only, or nothing at all, cannot be endpoints. */
export function* checkNonSpecialIp(path: string, value: string): FieldErrors {
  if (endsStep()) yield;
  // Node takes zones of a machine for part of an address.
  if (isIP(value) === 0 || value.includes('%')) {
    yield invalidValue(path, value, 'must be a valid IP address');
    return;
  }
  const address = isIPv4(value) ? value : canonicalIpv6(value);
  if (address === '0.0.0.0' || address === '::') yield invalidValue(path, value, `may not be unspecified (${value})`);
  if (address.startsWith('127.') || address === '::1')
    yield invalidValue(path, value, 'may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (address.startsWith('169.254.') || /^fe[89ab][0-9a-f]:/.test(address))
    yield invalidValue(path, value, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  if (address.startsWith('224.0.0.') || /^ff.2:/.test(address))
    yield invalidValue(path, value, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
}

/** Forbids each of the fields that are set. */
export function* forbidSet(
  parent: string,
  fields: Readonly<Record<string, unknown>>,
  { why }: { why: string },
): FieldErrors {
  for (const [name, value] of Object.entries(fields)) if (isSet(value)) yield forbiddenField(`${parent}.${name}`, why);
}

/** Whether Go would see more than a zero value: an empty list is not set, an empty object is. */
export function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== null && value !== '' && value !== false && value !== 0;
}

export interface Keyed<T> {
  path: string;
  value: T;
}

/** A list's elements with their paths: `spec.containers[0]`. */
export function each<T>(path: string, list: readonly T[] | undefined | null): Iterable<Keyed<T>> {
  // Most lists of most objects are not there: a rule that walks one costs nothing then.
  return list && list.length > 0 ? keyed(path, list) : none;
}

function* keyed<T>(path: string, list: readonly T[]): Generator<Keyed<T>, void, undefined> {
  let index = 0;
  for (const value of list) yield { path: `${path}[${index++}]`, value };
}

const none: readonly Keyed<never>[] = Object.freeze([]);

/** Each text that stands in the list before. */
export function* checkUnique(path: string, list: readonly string[] | undefined): FieldErrors {
  const seen = new Set<string>();
  for (const { path: at, value } of each(path, list)) {
    if (seen.has(value)) yield duplicate(at, value);
    seen.add(value);
    if (endsStep()) yield;
  }
}

const driverNameBytesMax = 63;

/** Drivers of volumes and devices are named by domain, upper case allowed. */
export function* checkDriverName(path: string, name: string | undefined): FieldErrors {
  if (!name) {
    yield required(path);
    return;
  }
  if (Buffer.byteLength(name) > driverNameBytesMax) yield tooLong(path, driverNameBytesMax);
  yield* check(path, name, (text) => subdomainProblems(text.toLowerCase()));
}
