/**
 * The part of ASN.1's distinguished encoding (ITU-T X.690) that certificates need: writing values, and reading a tree.
 *
 * Its own file rather than a library because start-up is measured in milliseconds and loading one costs 160 of them.
 */

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag of a context-specific value: `[number]`. */
export function contextTag(number: number, { constructed }: { constructed: boolean }): number {
  return (constructed ? 0xa0 : 0x80) | number;
}

/** One value: tag, length, and the contents in order. */
export function encode(tag: number, ...contents: Uint8Array[]): Buffer {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  return Buffer.concat([Buffer.from([tag, ...lengthOctets(length)]), ...contents]);
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}

export function sequence(...items: Uint8Array[]): Buffer {
  return encode(tags.sequence, ...items);
}

/** A non-negative integer given as big-endian bytes. */
export function unsigned(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const digits = bytes.subarray(start);
  return encode(tags.integer, (digits[0] ?? 0) & 0x80 ? Buffer.from([0, ...digits]) : digits);
}

/** An object identifier written `1.2.840.10045`. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octets: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left % 128) | 0x80);
    octets.push(...digits);
  }
  return encode(tags.oid, Buffer.from(octets));
}

export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return encode(tags.bitString, Buffer.from([unusedBits]), bytes);
}

export function text(tag: number, value: string): Buffer {
  return encode(tag, Buffer.from(value, 'utf8'));
}

export const trueValue = encode(tags.boolean, Buffer.from([0xff]));

/** RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from then on. Whole seconds. */
export function time(epochMs: number): Buffer {
  const digits = `${new Date(epochMs).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  return digits < '2050' ? text(tags.utcTime, digits.slice(2)) : text(tags.generalizedTime, digits);
}

export class DerError extends Error {
  override readonly name = 'DerError';
}

/** A value read. `raw` includes tag and length, `content` does not. */
export interface DerNode {
  tag: number;
  raw: Buffer;
  content: Buffer;
}

/** The one value that `bytes` holds. Throws DerError when it is cut short or something follows it. */
export function decode(bytes: Uint8Array): DerNode {
  const [node, ...rest] = decodeAll(bytes);
  if (!node || rest.length > 0) throw new DerError('expected exactly one value');
  return node;
}

/** The values in a constructed node, checking its tag when one is given. */
export function children(node: DerNode | undefined, tag?: number): DerNode[] {
  return decodeAll(expectTag(node, tag).content);
}

export function expectTag(node: DerNode | undefined, tag?: number): DerNode {
  if (!node) throw new DerError('a value is missing');
  if (tag !== undefined && node.tag !== tag) throw new DerError(`expected tag ${tag}, found ${node.tag}`);
  return node;
}

function decodeAll(bytes: Uint8Array): DerNode[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nodes: DerNode[] = [];
  let offset = 0;
  while (offset < buffer.length) {
    const start = offset;
    const tag = buffer[offset++]!;
    if ((tag & 0x1f) === 0x1f) throw new DerError('tags over 30 are not used in certificates');
    let length = buffer[offset++];
    if (length === undefined || length === 0x80 || length > 0x84) throw new DerError('bad length');
    if (length > 0x80) {
      const octets = length - 0x80;
      if (offset + octets > buffer.length) throw new DerError('cut short');
      length = buffer.readUIntBE(offset, octets);
      offset += octets;
    }
    if (offset + length > buffer.length) throw new DerError('cut short');
    nodes.push({
      tag,
      raw: buffer.subarray(start, offset + length),
      content: buffer.subarray(offset, offset + length),
    });
    offset += length;
  }
  return nodes;
}

/** The dotted form of an OBJECT IDENTIFIER node. */
export function readOid(node: DerNode | undefined): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const octet of expectTag(node, tags.oid).content) {
    arc = arc * 128 + (octet & 0x7f);
    if (octet & 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [packed, ...rest] = arcs;
  if (packed === undefined) throw new DerError('an empty object identifier');
  const first = Math.min(Math.floor(packed / 40), 2);
  return [first, packed - first * 40, ...rest].join('.');
}
