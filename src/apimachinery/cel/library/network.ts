/**
 * IP addresses and networks. https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library
 */
import type { Sized } from '../cost/runtime.js';
import { type FunctionDeclaration, type Implementation, type Library, member, overload } from '../declarations.js';
import {
  type Address,
  AddressError,
  addressText,
  masked,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
} from '../net/address.js';
import { boolType, intType, opaqueType, stringType, type Type } from '../types.js';
import { CelError, noSuchOverload, Opaque, type Result, type Value } from '../values.js';

const ipType = opaqueType('net.IP');
const cidrType = opaqueType('net.CIDR');

class Ip extends Opaque implements Sized {
  override readonly type = ipType;
  readonly address: Address;

  constructor(address: Address) {
    super();
    this.address = address;
  }

  get size(): number {
    return this.address.bits / 8;
  }

  override equals(other: Value): boolean {
    return (
      other instanceof Ip && other.address.bits === this.address.bits && other.address.value === this.address.value
    );
  }
}

class Cidr extends Opaque implements Sized {
  override readonly type = cidrType;
  readonly prefix: Prefix;

  constructor(prefix: Prefix) {
    super();
    this.prefix = prefix;
  }

  get size(): number {
    return Math.ceil(this.prefix.length / 8);
  }

  override equals(other: Value): boolean {
    return other instanceof Cidr && cidrText(other.prefix) === cidrText(this.prefix);
  }
}

const cidrText = ({ address, length }: Prefix): string => `${addressText(address)}/${length}`;

/** The value that `parse` gives, or its complaint. */
function parsed<T extends Value>(parse: () => T): T | CelError {
  try {
    return parse();
  } catch (error) {
    if (error instanceof AddressError) return new CelError(error.message);
    throw error;
  }
}

function toIp(text: Value): Ip | CelError {
  const quoted = JSON.stringify(text);
  const address = parsed(() => new Ip(parseAddress(text as string)));
  if (address instanceof CelError)
    return new CelError(`IP Address ${quoted} parse error during conversion from string: ${address.message}`);
  const { zone, isMapped } = parseAddress(text as string);
  if (zone !== '') return new CelError(`IP address ${quoted} with zone value is not allowed`);
  return isMapped ? new CelError(`IPv4-mapped IPv6 address ${quoted} is not allowed`) : address;
}

function toCidr(text: Value): Cidr | CelError {
  const during = 'network address parse error during conversion from string';
  const cidr = parsed(() => new Cidr(parsePrefix(text as string)));
  if (cidr instanceof CelError) return new CelError(`${during}: ${during}: ${cidr.message}`);
  if (!parsePrefix(text as string).isMapped) return cidr;
  return new CelError(`${during}: IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`);
}

function isCanonical(text: Value): Result {
  const ip = toIp(text);
  return ip instanceof CelError ? ip : addressText(ip.address) === text;
}

const inRange = (address: Address, ...prefixes: string[]): boolean =>
  prefixes.some((prefix) => prefixContains(parsePrefix(prefix), address));

const isUnspecified = ({ value }: Address): boolean => value === 0n;
const isLoopback = (address: Address): boolean => inRange(address, '127.0.0.0/8', '::1/128');
const isLinkLocalUnicast = (address: Address): boolean => inRange(address, '169.254.0.0/16', 'fe80::/10');
const isMulticast = (address: Address): boolean => inRange(address, '224.0.0.0/4', 'ff00::/8');

/** Multicast with the scope of a link: `ff02::/16`, whatever the flags before the scope are. */
function isLinkLocalMulticast(address: Address): boolean {
  if (address.bits === 32) return inRange(address, '224.0.0.0/24');
  return isMulticast(address) && ((address.value >> 112n) & 0xfn) === 2n;
}

function isGlobalUnicast(address: Address): boolean {
  const isBroadcast = address.bits === 32 && address.value === 0xffffffffn;
  const isSpecial =
    isUnspecified(address) || isLoopback(address) || isMulticast(address) || isLinkLocalUnicast(address);
  return !isBroadcast && !isSpecial;
}

function addressTest(name: string, id: string, test: (address: Address) => boolean): FunctionDeclaration {
  return { name, overloads: [member(id, [ipType], boolType, (ip) => test((ip as Ip).address))] };
}

function containsIp(cidr: Value, ip: Value): Result {
  const inner = typeof ip === 'string' ? toIp(ip) : (ip as Ip);
  // Upstream does not say why the text is no address.
  return inner instanceof CelError ? noSuchOverload : prefixContains((cidr as Cidr).prefix, inner.address);
}

function containsCidr(cidr: Value, other: Value): Result {
  const inner = typeof other === 'string' ? toCidr(other) : (other as Cidr);
  if (inner instanceof CelError) return inner;
  const { prefix } = cidr as Cidr;
  return prefix.length <= inner.prefix.length && prefixContains(prefix, inner.prefix.address);
}

function ofCidr(name: string, id: string, result: Type, call: (prefix: Prefix) => Value): FunctionDeclaration {
  return { name, overloads: [member(id, [cidrType], result, (cidr) => call((cidr as Cidr).prefix))] };
}

/** One function for texts and one for values already read. */
function contains(name: string, ids: [text: string, value: string], type: Type, call: Implementation) {
  const overloads = [
    member(ids[0], [cidrType, stringType], boolType, call),
    member(ids[1], [cidrType, type], boolType, call),
  ];
  return { name, overloads } satisfies FunctionDeclaration;
}

export const networkLibrary: Library = {
  types: [ipType, cidrType],
  functions: [
    { name: 'ip', overloads: [overload('string_to_ip', [stringType], ipType, toIp)] },
    { name: 'isIP', overloads: [overload('is_ip', [stringType], boolType, (text) => toIp(text) instanceof Ip)] },
    { name: 'ip.isCanonical', overloads: [overload('ip_is_canonical', [stringType], boolType, isCanonical)] },
    {
      name: 'family',
      overloads: [member('ip_family', [ipType], intType, (ip) => ((ip as Ip).address.bits === 32 ? 4 : 6))],
    },
    addressTest('isUnspecified', 'ip_is_unspecified', isUnspecified),
    addressTest('isLoopback', 'ip_is_loopback', isLoopback),
    addressTest('isLinkLocalMulticast', 'ip_is_link_local_multicast', isLinkLocalMulticast),
    addressTest('isLinkLocalUnicast', 'ip_is_link_local_unicast', isLinkLocalUnicast),
    addressTest('isGlobalUnicast', 'ip_is_global_unicast', isGlobalUnicast),
    { name: 'cidr', overloads: [overload('string_to_cidr', [stringType], cidrType, toCidr)] },
    {
      name: 'isCIDR',
      overloads: [overload('is_cidr', [stringType], boolType, (text) => toCidr(text) instanceof Cidr)],
    },
    contains('containsIP', ['cidr_contains_ip_string', 'cidr_contains_ip_ip'], ipType, containsIp),
    contains('containsCIDR', ['cidr_contains_cidr_string', 'cidr_contains_cidr'], cidrType, containsCidr),
    ofCidr('ip', 'cidr_ip', ipType, ({ address }) => new Ip(address)),
    ofCidr('prefixLength', 'cidr_prefix_length', intType, ({ length }) => length),
    ofCidr('masked', 'cidr_masked', cidrType, (prefix) => new Cidr(masked(prefix))),
    {
      name: 'string',
      overloads: [
        overload('ip_to_string', [ipType], stringType, (ip) => addressText((ip as Ip).address)),
        overload('cidr_to_string', [cidrType], stringType, (cidr) => cidrText((cidr as Cidr).prefix)),
      ],
    },
  ],
};
