/** A range of IPv4 addresses, numbered from its first usable one. */
import { isIPv4 } from 'node:net';

export interface AddressRange {
  text: string;
  /** Without the network's own address and the broadcast address. */
  size: number;
  addressOf(number: number): string;
  numberOf(address: string): number | undefined;
}

/** Throws a TypeError for what is none. */
export function parseRange(text: string): AddressRange {
  const [base = '', length = ''] = text.split('/');
  const bits = Number(length);
  if (!isIPv4(base) || !/^\d+$/.test(length) || bits > 30)
    throw new TypeError(`${text} is not a range of IPv4 addresses`);
  const hosts = 2 ** (32 - bits);
  const start = Math.floor(toNumber(base) / hosts) * hosts;
  const size = hosts - 2;
  return {
    text: `${toAddress(start)}/${bits}`,
    size,
    addressOf: (number) => toAddress(start + 1 + number),
    numberOf(address) {
      if (!isIPv4(address)) return undefined;
      const number = toNumber(address) - start - 1;
      return number >= 0 && number < size ? number : undefined;
    },
  };
}

/** Numbers at the low end that draws take last, for those who ask for one by name (KEP-3070, KEP-3668). */
export function band(size: number, { least, divisor, most }: { least: number; divisor: number; most: number }): number {
  if (size <= least) return 0;
  return Math.min(Math.max(least, Math.floor(size / divisor)), most);
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
