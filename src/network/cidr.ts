/** Arithmetic on IPv4 ranges. */

export function parseIp(text: string): number {
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function formatIp(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

export function prefixLength(cidr: string): number {
  return Number(cidr.split('/')[1]);
}

/** The first address of the range that a host can have. */
export function gatewayOf(cidr: string): string {
  return addressOf(cidr, 1);
}

/** The address at an offset from the range's first. Throws RangeError when it is not in the range. */
export function addressOf(cidr: string, offset: number): string {
  const [base] = cidr.split('/');
  const size = 2 ** (32 - prefixLength(cidr));
  if (offset < 0 || offset >= size) throw new RangeError(`${cidr} has no address ${offset}`);
  return formatIp(Math.floor(parseIp(base!) / size) * size + offset);
}

/** The range with this index among those of `bits` length; throws RangeError when the range is used up. */
export function subnetOf(cidr: string, { bits, index }: { bits: number; index: number }): string {
  return `${addressOf(cidr, index * 2 ** (32 - bits))}/${bits}`;
}
