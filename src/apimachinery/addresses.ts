/**
 * IP addresses and ranges as the API reads them: which texts are valid and why not, what is their canonical form
 * (RFC 5952), and which range holds which. Texts are those of k8s.io/apimachinery's validation; forms that other
 * software reads as another address are refused (https://kep.k8s.io/4858).
 */
import { isIPv4, isIPv6 } from 'node:net';

export interface Address {
  family: 4 | 6;
  value: bigint;
  /** The canonical text. */
  text: string;
}

export interface AddressRange {
  family: 4 | 6;
  first: bigint;
  /** The number of leading bits that all its addresses share. */
  length: number;
}

const ipProblem = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const rangeProblem = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
const mappedPrefix = 0xffffn << 32n;

/** Undefined when the text is none. An IPv4 address that is written as an IPv6 one is the IPv4 one. */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return of4(valueOf4(text));
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const value = valueOf6(canonicalIpv6(text));
  return isMapped(value) ? of4(value & 0xffffffffn) : { family: 6, value, text: canonicalIpv6(text) };
}

/** The range, its first address made of `text` with the bits beyond the length at zero; undefined when it is none. */
export function parseRange(text: string): AddressRange | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  const parsed = parseAddress(address);
  if (!parsed || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const bits = bitsOf(parsed.family);
  if (Number(length) > bits) return undefined;
  const host = BigInt(bits - Number(length));
  return { family: parsed.family, first: (parsed.value >> host) << host, length: Number(length) };
}

export function formatAddress({ family, value }: Pick<Address, 'family' | 'value'>): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
  const hex = value.toString(16).padStart(32, '0');
  return canonicalIpv6(hex.match(/.{4}/g)!.join(':'));
}

export function formatRange({ family, first, length }: AddressRange): string {
  return `${formatAddress({ family, value: first })}/${length}`;
}

export function rangeHolds(range: AddressRange, { family, value }: Pick<Address, 'family' | 'value'>): boolean {
  const host = BigInt(bitsOf(range.family) - range.length);
  return family === range.family && value >> host === range.first >> host;
}

/** Whether the part is within the whole, and less than it. */
export function isStrictSubset(part: AddressRange, whole: AddressRange): boolean {
  return part.length > whole.length && rangeHolds(whole, { family: part.family, value: part.first });
}

/** How many addresses a range has. */
export function rangeSize({ family, length }: AddressRange): bigint {
  return 1n << BigInt(bitsOf(family) - length);
}

/** For fields of before the strict rules, which take IPv6 in any of its forms. */
export function ipProblems(text: string): string[] {
  if (isIPv6(text) && !text.includes('%'))
    return isMapped(valueOf6(canonicalIpv6(text))) ? ['must not be an IPv4-mapped IPv6 address'] : [];
  if (isIPv4(text)) return [];
  return [isPaddedIpv4(text) ? 'must not have leading 0s' : ipProblem];
}

export function canonicalIpProblems(text: string): string[] {
  const problems = ipProblems(text);
  const canonical = parseAddress(text)?.text ?? text;
  return problems.length > 0 || canonical === text ? problems : [canonicalProblem(canonical)];
}

/** As `ipProblems`, of a range. */
export function cidrProblems(text: string): string[] {
  const [address = '', length = '', ...rest] = text.split('/');
  const bits = isIPv6(address) && !address.includes('%') ? 128 : isIPv4(address) || isPaddedIpv4(address) ? 32 : 0;
  if (bits === 0 || rest.length > 0 || !/^\d{1,9}$/.test(length) || Number(length) > bits) return [rangeProblem];
  if (isPaddedIpv4(address) || /^0\d/.test(length)) return ['must not have leading 0s in IP or prefix length'];
  if (bits === 128 && isMapped(valueOf6(canonicalIpv6(address)))) return ['must not have an IPv4-mapped IPv6 address'];
  const isMasked = parseRange(text)!.first === parseAddress(address)!.value;
  return isMasked ? [] : ['must not have bits set beyond the prefix length'];
}

export function canonicalCidrProblems(text: string): string[] {
  const problems = cidrProblems(text);
  if (problems.length > 0) return problems;
  const canonical = formatRange(parseRange(text)!);
  return canonical === text ? [] : [canonicalProblem(canonical)];
}

/** The shortest form of RFC 5952. */
export function canonicalIpv6(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

function canonicalProblem(canonical: string): string {
  return `must be in canonical form (${JSON.stringify(canonical)})`;
}

function bitsOf(family: 4 | 6): 32 | 128 {
  return family === 4 ? 32 : 128;
}

function of4(value: bigint): Address {
  return { family: 4, value, text: formatAddress({ family: 4, value }) };
}

function valueOf4(text: string): bigint {
  return text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

/** Of a canonical text, in which at most one `::` stands for zeros and all else is hexadecimal. */
function valueOf6(canonical: string): bigint {
  const [head = '', tail] = canonical.split('::');
  const groups = (part: string | undefined) => (part ? part.split(':') : []);
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}

function isMapped(value: bigint): boolean {
  return value >> 32n === mappedPrefix >> 32n;
}

/** `010.1.2.3`: 10.1.2.3 to some, 8.1.2.3 to others. */
function isPaddedIpv4(text: string): boolean {
  return text.length < 64 && !isIPv4(text) && isIPv4(text.replace(/(^|\.)0+(?=\d)/g, '$1'));
}
