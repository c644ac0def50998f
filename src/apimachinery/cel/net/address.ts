/** IP addresses and networks, read and written as Go's `net/netip` does. */

/** 4 or 16 bytes as one number. */
export interface Address {
  bits: 32 | 128;
  value: bigint;
}

/** Throws an AddressError. */
export class AddressError extends Error {}

const quoted = (text: string): string => JSON.stringify(text);

function failure(text: string, problem: string, at?: string): AddressError {
  const place = at === undefined ? '' : ` (at ${quoted(at)})`;
  return new AddressError(`ParseAddr(${quoted(text)}): ${problem}${place}`);
}

/** Zones (`fe80::1%eth0`) and IPv4 within IPv6 are refused by whoever cares. Throws an AddressError. */
export function parseAddress(text: string): Address & { zone: string; isMapped: boolean } {
  const kind = /[.:%]/.exec(text)?.[0];
  if (kind === '.') return { ...parseV4(text, text), zone: '', isMapped: false };
  if (kind === ':') return parseV6(text);
  throw failure(text, kind === '%' ? 'missing IPv6 address' : 'unable to parse IP');
}

function parseV4(text: string, whole: string): Address {
  const parts = text.split('.');
  let value = 0n;
  for (const [i, part] of parts.entries()) {
    const rest = parts.slice(i).join('.');
    const wrong = part.search(/[^0-9]/);
    if (wrong >= 0) throw failure(whole, 'unexpected character', rest.slice(wrong));
    if (part === '')
      throw failure(whole, 'IPv4 field must have at least one digit', rest === '' ? text.slice(-1) : rest);
    if (part.length > 1 && part.startsWith('0')) throw failure(whole, 'IPv4 field has octet with leading zero');
    if (Number(part) > 255) throw failure(whole, 'IPv4 field has value >255');
    if (i > 3) throw failure(whole, 'IPv4 address too long');
    value = value * 256n + BigInt(part);
  }
  if (parts.length < 4) throw failure(whole, 'IPv4 address too short');
  return { bits: 32, value };
}

function parseV6(text: string): Address & { zone: string; isMapped: boolean } {
  const percent = text.indexOf('%');
  const address = percent < 0 ? text : text.slice(0, percent);
  const zone = percent < 0 ? '' : text.slice(percent + 1);
  if (percent >= 0 && zone === '') throw failure(text, 'zone must be a non-empty string');
  const groups = readGroups(address, text);
  const value = groups.reduce((sum, group) => sum * 65536n + BigInt(group), 0n);
  return { bits: 128, value, zone, isMapped: value >> 32n === 0xffffn };
}

/** The eight groups of an IPv6 address. */
function readGroups(address: string, text: string): number[] {
  const groups: number[] = [];
  let gap = address.startsWith('::') ? 0 : -1;
  let rest = gap === 0 ? address.slice(2) : address;
  while (groups.length < 8 && !(rest === '' && gap >= 0)) {
    const hex = /^[0-9a-fA-F]*/.exec(rest)![0];
    if (hex.length > 4) throw failure(text, 'each group must have 4 or less digits', rest);
    if (hex === '') throw failure(text, 'each colon-separated field must have at least one digit', rest);
    if (rest[hex.length] === '.') {
      groups.push(...embeddedV4(rest, { text, count: groups.length, hasGap: gap >= 0 }));
      rest = '';
      break;
    }
    groups.push(Number.parseInt(hex, 16));
    rest = rest.slice(hex.length);
    if (rest === '') break;
    if (!rest.startsWith(':')) throw failure(text, 'unexpected character, want colon', rest);
    if (rest === ':') throw failure(text, 'colon must be followed by more characters', rest);
    rest = rest.slice(1);
    if (!rest.startsWith(':')) continue;
    if (gap >= 0) throw failure(text, 'multiple :: in address', rest);
    gap = groups.length;
    rest = rest.slice(1);
  }
  if (rest !== '') throw failure(text, 'trailing garbage after address', rest);
  if (gap < 0 && groups.length < 8) throw failure(text, 'address string too short');
  if (gap >= 0 && groups.length >= 8) throw failure(text, 'the :: must expand to at least one field of zeros');
  return gap < 0 ? groups : groups.toSpliced(gap, 0, ...new Array<number>(8 - groups.length).fill(0));
}

function embeddedV4(rest: string, at: { text: string; count: number; hasGap: boolean }): number[] {
  if (!at.hasGap && at.count !== 6)
    throw failure(at.text, 'embedded IPv4 address must replace the final 2 fields of the address', rest);
  if (at.count > 6)
    throw failure(at.text, 'too many hex fields to fit an embedded IPv4 at the end of the address', rest);
  const { value } = parseV4(rest, at.text);
  return [Number(value >> 16n), Number(value & 0xffffn)];
}

/** The one text of an address: the longest run of zeros is `::`. */
export function addressText({ bits, value }: Address): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  if (value >> 32n === 0xffffn) return `::ffff:${addressText({ bits: 32, value: value & 0xffffffffn })}`;
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(16 * (7 - i))) & 0xffffn));
  let best = { start: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > best.length) best = { start: i, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.start < 0) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}

export interface Prefix {
  address: Address;
  length: number;
}

/** Throws an AddressError. */
export function parsePrefix(text: string): Prefix & { isMapped: boolean } {
  const fail = (problem: string) => new AddressError(`netip.ParsePrefix(${quoted(text)}): ${problem}`);
  const slash = text.lastIndexOf('/');
  if (slash < 0) throw fail("no '/'");
  let address: ReturnType<typeof parseAddress>;
  try {
    address = parseAddress(text.slice(0, slash));
  } catch (error) {
    if (error instanceof AddressError) throw fail(error.message);
    throw error;
  }
  if (address.zone !== '') throw fail('IPv6 zones cannot be present in a prefix');
  const bits = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d*)$/.test(bits)) throw fail(`bad bits after slash: ${quoted(bits)}`);
  if (Number(bits) > address.bits) throw fail('prefix length out of range');
  return { address: { bits: address.bits, value: address.value }, length: Number(bits), isMapped: address.isMapped };
}

export function masked({ address, length }: Prefix): Prefix {
  const shift = BigInt(address.bits - length);
  return { address: { ...address, value: (address.value >> shift) << shift }, length };
}

export function prefixContains({ address, length }: Prefix, other: Address): boolean {
  const shift = BigInt(address.bits - length);
  return address.bits === other.bits && address.value >> shift === other.value >> shift;
}
