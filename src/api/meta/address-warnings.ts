/** What to say of addresses that are taken as they are, though written in a way of their own. */
import { isIPv6 } from 'node:net';
import { canonicalIpv6 } from '#apimachinery/addresses.js';

type Warnings = Generator<string, void, undefined>;

/** Read and written alike by all. */
const strictIpv4 = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;
const looseIpv4 = /^\d+(\.\d+){3}$/;

/** Of what validation takes: addresses that others may read otherwise, or write otherwise. */
export function* addressWarnings(path: string, address: string): Warnings {
  if (strictIpv4.test(address)) return;
  const plain = looseIpv4.test(address) ? address.split('.').map(Number).join('.') : address;
  if (plain !== address) yield `${path}: non-standard IP address "${address}" is invalid: use "${plain}"`;
  const canonical = isIPv6(address) ? canonicalIpv6(address) : address;
  if (canonical !== address)
    yield `${path}: IPv6 address "${address}" should be in RFC 5952 canonical format ("${canonical}")`;
}

export function* rangeWarnings(path: string, range: string): Warnings {
  const [address = '', length = ''] = range.split('/');
  if (!isIPv6(address)) return;
  const canonical = `${canonicalIpv6(address)}/${length}`;
  if (canonical !== range)
    yield `${path}: IPv6 CIDR value "${range}" should be in RFC 5952 canonical format ("${canonical}")`;
}
