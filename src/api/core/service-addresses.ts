/** Rules of a Service's cluster addresses and IP families, which must agree and, once given, stay. */
import { isIPv6 } from 'node:net';
import type { ServiceSpec } from '#api/gen/core-v1.js';
import { collect, duplicate, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { checkIp, checkOptionalEnum, each, type FieldErrors, isDualStack } from '../meta/check.js';

/** Its name resolves to its pods, and it has no address of its own. */
export function isHeadless({ clusterIPs, clusterIP }: ServiceSpec): boolean {
  return clusterIPs?.length ? clusterIPs.length === 1 && clusterIPs[0] === 'None' : clusterIP === 'None';
}

const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

export function* checkAddresses(spec: ServiceSpec): FieldErrors {
  if (spec.type === 'ExternalName') return;
  const { clusterIP, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const at = 'spec.clusterIPs';
  if (clusterIP) {
    if (clusterIPs.length === 0) yield required(at);
    else if (clusterIPs[0] !== clusterIP) yield invalidValue(at, clusterIPs, 'first value must match `clusterIP`');
  } else if (clusterIPs.length > 0)
    yield invalidValue(at, clusterIPs, 'must be empty when `clusterIP` is not specified');
  yield* checkFamilies(ipFamilies);
  yield* checkOptionalEnum('spec.ipFamilyPolicy', ipFamilyPolicy, familyPolicies);
  const addressErrors = collect(checkEachAddress(at, clusterIPs));
  yield* addressErrors;
  if (clusterIPs.length > 2) yield invalidValue(at, clusterIPs, 'may only hold up to 2 values');
  if (addressErrors.length > 0) return;
  if (clusterIPs.length > 1 && !isDualStack(clusterIPs))
    yield invalidValue(at, clusterIPs, 'may specify no more than one IP for each IP family');
  if (isHeadless(spec)) return;
  for (const { path, value } of each(at, clusterIPs.slice(0, ipFamilies.length))) {
    const index = clusterIPs.indexOf(value);
    const family = isIPv6(value) ? 'IPv6' : 'IPv4';
    if (family !== ipFamilies[index])
      yield invalidValue(
        path,
        value,
        `expected an ${ipFamilies[index]} value as indicated by \`ipFamilies[${index}]\``,
      );
  }
}

function* checkFamilies(families: readonly string[]): FieldErrors {
  const seen = new Set<string>();
  for (const { path, value } of each('spec.ipFamilies', families)) {
    if (value !== 'IPv4' && value !== 'IPv6') yield notSupported(path, value, ['IPv4', 'IPv6']);
    if (seen.has(value)) yield duplicate(path, value);
    seen.add(value);
  }
}

function* checkEachAddress(at: string, addresses: readonly string[]): FieldErrors {
  for (const [index, address] of addresses.entries()) {
    if (index > 0 || address !== 'None') yield* checkIp(`${at}[${index}]`, address);
    else if (addresses.length > 1) yield invalidValue(at, addresses, "'None' must be the first and only value");
  }
}

/** A second family may come and go; the first stays, except by way of ExternalName. */
export function* checkAddressUpdate(spec: ServiceSpec, old: ServiceSpec): FieldErrors {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return;
  if (!isHeadless(spec) || !isHeadless(old))
    yield* checkKept(spec, old, { field: 'clusterIPs', name: 'clusterIP', isIndexed: true });
  if (!isHeadless(spec) && !isHeadless(old))
    yield* checkKept(spec, old, { field: 'ipFamilies', name: 'ipFamily', isIndexed: false });
}

function* checkKept(
  spec: ServiceSpec,
  old: ServiceSpec,
  { field, name, isIndexed }: { field: 'clusterIPs' | 'ipFamilies'; name: string; isIndexed: boolean },
): FieldErrors {
  const now = spec[field] ?? [];
  const before = old[field] ?? [];
  const at = (index: number) => `spec.${field}[${isIndexed ? index : 0}]`;
  if (now.length === before.length) {
    for (const [index, value] of before.entries())
      if (now[index] !== value) yield invalidValue(at(index), now, 'may not change once set');
    return;
  }
  if (now.length === 0) yield invalidValue(at(0), now, `primary ${name} can not be unset`);
  else if (before.length > 0 && now[0] !== before[0]) yield invalidValue(at(0), now, 'may not change once set');
  if (now.length === 1 && before.length > 1 && spec.ipFamilyPolicy !== 'SingleStack') {
    const why = `must be set to 'SingleStack' when releasing the secondary ${name}`;
    yield invalidValue('spec.ipFamilyPolicy', spec.ipFamilyPolicy ?? null, why);
  }
}
