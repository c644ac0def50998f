/**
 * Issuing X.509 certificates (RFC 5280) and reading certification requests (RFC 2986), on node:crypto alone.
 * What a certificate says is read with node's own X509Certificate.
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitString,
  children,
  contextTag,
  DerError,
  type DerNode,
  decode,
  encode,
  expectTag,
  oid,
  readOid,
  sequence,
  tags,
  text,
  time,
  trueValue,
  unsigned,
} from './der.js';

/** The attributes of a name that the field uses; others in a request are not read. */
export interface DistinguishedName {
  commonName?: string;
  organizations?: readonly string[];
}

export interface AlternativeNames {
  dns?: readonly string[];
  /** IPv4 or IPv6 addresses in text form. */
  addresses?: readonly string[];
  emails?: readonly string[];
  uris?: readonly string[];
}

export type KeyUsage =
  | 'digitalSignature'
  | 'contentCommitment'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'crlSign'
  | 'encipherOnly'
  | 'decipherOnly';

/** In the order of their bits in RFC 5280 section 4.2.1.3. */
const keyUsageBits: readonly KeyUsage[] = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'crlSign',
  'encipherOnly',
  'decipherOnly',
];

export const extendedKeyUsages = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  ocspSigning: '1.3.6.1.5.5.7.3.9',
} as const;

export type ExtendedKeyUsage = keyof typeof extendedKeyUsages;

const oids = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  extensionRequest: '1.2.840.113549.1.9.14',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  rsaWithSha256: '1.2.840.113549.1.1.11',
};

/** The signature algorithms that requests come with, and the digest to check them by (undefined: the key decides). */
const requestDigests: Record<string, string | undefined> = {
  [oids.ecdsaWithSha256]: 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  [oids.rsaWithSha256]: 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.3.101.112': undefined,
};

/** Who signs: its name exactly as its own certificate has it (DER), and its key (EC or RSA). */
export interface Issuer {
  subject: Uint8Array;
  key: KeyObject;
}

export interface CertificateRequest {
  /** A structured name, or the DER of one taken from a request. */
  subject: DistinguishedName | Uint8Array;
  publicKey: KeyObject;
  /** The issuer's; the certificate's own key and subject for a self-signed one. */
  issuer: Issuer;
  /** 8 to 20 bytes from a good random source. */
  serial: Uint8Array;
  notBeforeMs: number;
  notAfterMs: number;
  authority?: boolean;
  keyUsages: readonly KeyUsage[];
  extendedKeyUsages?: readonly ExtendedKeyUsage[];
  names?: AlternativeNames;
}

/** The DER of a signed version 3 certificate. */
export function issueCertificate(request: CertificateRequest): Buffer {
  const { issuer, subject } = request;
  const algorithm = signatureAlgorithm(issuer.key);
  const toBeSigned = sequence(
    encode(contextTag(0, { constructed: true }), unsigned(Buffer.from([2]))),
    unsigned(positive(request.serial)),
    algorithm,
    issuer.subject,
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    subject instanceof Uint8Array ? subject : encodeName(subject),
    publicKeyInfo(request.publicKey),
    encode(contextTag(3, { constructed: true }), sequence(...extensions(request))),
  );
  return sequence(toBeSigned, algorithm, bitString(sign('sha256', toBeSigned, issuer.key)));
}

/** The top bit is cleared, so that 20 bytes stay 20 bytes (RFC 5280 section 4.1.2.2). */
function positive(serial: Uint8Array): Buffer {
  const bytes = Buffer.from(serial);
  bytes[0] = bytes[0]! & 0x7f;
  return bytes;
}

function signatureAlgorithm(key: KeyObject): Buffer {
  if (key.asymmetricKeyType === 'ec') return sequence(oid(oids.ecdsaWithSha256));
  if (key.asymmetricKeyType === 'rsa') return sequence(oid(oids.rsaWithSha256), encode(tags.null));
  throw new TypeError(`cannot sign certificates with a key of type ${key.asymmetricKeyType}`);
}

/** Each attribute stands in a set of its own, so that no set needs ordering. */
export function encodeName({ commonName, organizations = [] }: DistinguishedName): Buffer {
  const attribute = (type: string, value: string) =>
    encode(tags.set, sequence(oid(type), text(tags.utf8String, value)));
  return sequence(
    ...organizations.map((value) => attribute(oids.organization, value)),
    ...(commonName === undefined ? [] : [attribute(oids.commonName, commonName)]),
  );
}

function publicKeyInfo(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

/** RFC 5280 section 4.2.1.2, method 1: the SHA-1 of the key's bits. An identifier, not a safeguard. */
function keyIdentifier(key: KeyObject): Buffer {
  const bits = expectTag(children(decode(publicKeyInfo(key)), tags.sequence)[1], tags.bitString);
  return createHash('sha1').update(bits.content.subarray(1)).digest();
}

function extensions(request: CertificateRequest): Buffer[] {
  const { keyUsages } = request;
  const out = [
    // RFC 5280 section 4.2.1.3: where the extension is, at least one bit is set.
    ...(keyUsages.length > 0 ? [extension(oids.keyUsage, encodeKeyUsages(keyUsages), { critical: true })] : []),
    extension(oids.basicConstraints, request.authority ? sequence(trueValue) : sequence(), { critical: true }),
    extension(oids.subjectKeyIdentifier, encode(tags.octetString, keyIdentifier(request.publicKey))),
  ];
  const issuerKey = createPublicKey(request.issuer.key);
  const authorityId = encode(contextTag(0, { constructed: false }), keyIdentifier(issuerKey));
  out.push(extension(oids.authorityKeyIdentifier, sequence(authorityId)));
  if (request.extendedKeyUsages?.length) {
    const usages = request.extendedKeyUsages.map((usage) => oid(extendedKeyUsages[usage]));
    out.push(extension(oids.extendedKeyUsage, sequence(...usages)));
  }
  const names = encodeAlternativeNames(request.names ?? {});
  if (names.length > 0) out.push(extension(oids.subjectAltName, sequence(...names)));
  return out;
}

function extension(id: string, value: Uint8Array, { critical = false } = {}): Buffer {
  return sequence(oid(id), ...(critical ? [trueValue] : []), encode(tags.octetString, value));
}

function encodeKeyUsages(usages: readonly KeyUsage[]): Buffer {
  let bits = 0;
  let last = 0;
  for (const usage of usages) {
    const index = keyUsageBits.indexOf(usage);
    bits |= 0x8000 >> index;
    last = Math.max(last, index);
  }
  const bytes = Buffer.from([bits >> 8, bits & 0xff]).subarray(0, last < 8 ? 1 : 2);
  return bitString(bytes, 7 - (last % 8));
}

function encodeAlternativeNames({ dns = [], addresses = [], emails = [], uris = [] }: AlternativeNames): Buffer[] {
  return [
    ...dns.map((name) => text(contextTag(2, { constructed: false }), name)),
    ...emails.map((email) => text(contextTag(1, { constructed: false }), email)),
    ...uris.map((uri) => text(contextTag(6, { constructed: false }), uri)),
    ...addresses.map((address) => encode(contextTag(7, { constructed: false }), addressBytes(address))),
  ];
}

/** The 4 or 16 bytes of an address in text form. Throws a TypeError for anything else. */
export function addressBytes(address: string): Buffer {
  const family = isIP(address);
  if (family === 4) return Buffer.from(address.split('.').map(Number));
  if (family !== 6) throw new TypeError(`${address} is not an IP address`);
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const hex = (high: string, low: string) => ((Number(high) << 8) | Number(low)).toString(16);
  const plain = dotted
    ? `${dotted[1]}${hex(dotted[2]!, dotted[3]!)}:${hex(dotted[4]!, dotted[5]!)}`
    : address.split('%')[0]!;
  const [head = '', tail] = plain.split('::');
  const groups = (part: string) => (part ? part.split(':').map((group) => Number.parseInt(group, 16)) : []);
  const [left, right] = [groups(head), groups(tail ?? '')];
  const all = tail === undefined ? left : [...left, ...Array(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(all.flatMap((group: number) => [group >> 8, group & 0xff]));
}

/** The DER of a certificate's subject, byte for byte as an issued certificate must name its issuer. */
export function certificateSubject(der: Uint8Array): Buffer {
  const [toBeSigned] = children(decode(der), tags.sequence);
  // Version, serial, algorithm, issuer and validity come first; a version 1 certificate has no version.
  const fields = children(toBeSigned, tags.sequence);
  const versioned = fields[0]?.tag === contextTag(0, { constructed: true });
  return expectTag(fields[versioned ? 5 : 4], tags.sequence).raw;
}

/** What a certification request asks for. Its signature has been checked. */
export interface ParsedRequest {
  /** The name's DER, to be copied into the certificate. */
  subject: Buffer;
  commonName: string;
  organizations: string[];
  publicKey: KeyObject;
  dns: string[];
  addresses: string[];
  emails: string[];
  uris: string[];
}

/** Throws DerError when the DER is malformed, the algorithm is not known or the signature does not hold. */
export function parseCertificationRequest(der: Uint8Array): ParsedRequest {
  const [info, algorithm, signature] = children(decode(der), tags.sequence);
  const [, subject, keyInfo, attributes] = children(info, tags.sequence);
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey({ key: expectTag(keyInfo, tags.sequence).raw, format: 'der', type: 'spki' });
  } catch (error) {
    throw new DerError('the public key cannot be read', { cause: error });
  }
  const algorithmId = readOid(children(algorithm, tags.sequence)[0]);
  if (!(algorithmId in requestDigests)) throw new DerError(`signature algorithm ${algorithmId} is not supported`);
  const bits = expectTag(signature, tags.bitString).content.subarray(1);
  if (!holds(bits, { digest: requestDigests[algorithmId], signed: info!.raw, publicKey }))
    throw new DerError('the signature does not hold');
  const name = readName(subject);
  return {
    subject: subject!.raw,
    commonName: name.commonName ?? '',
    organizations: name.organizations,
    publicKey,
    ...readRequestedNames(attributes),
  };
}

/** Not every key can verify, and not by every digest. */
function holds(
  signature: Uint8Array,
  { digest, signed, publicKey }: { digest: string | undefined; signed: Uint8Array; publicKey: KeyObject },
): boolean {
  try {
    return verify(digest, signed, publicKey, signature);
  } catch (error) {
    throw new DerError('the key cannot verify the signature', { cause: error });
  }
}

function readName(node: DerNode | undefined): { commonName?: string; organizations: string[] } {
  const organizations: string[] = [];
  let commonName: string | undefined;
  for (const relative of children(node, tags.sequence)) {
    for (const attribute of children(relative, tags.set)) {
      const [type, value] = children(attribute, tags.sequence);
      const id = readOid(type);
      if (id === oids.commonName) commonName = expectTag(value).content.toString('utf8');
      if (id === oids.organization) organizations.push(expectTag(value).content.toString('utf8'));
    }
  }
  return { commonName, organizations };
}

type RequestedNames = Pick<ParsedRequest, 'dns' | 'addresses' | 'emails' | 'uris'>;

function readRequestedNames(attributes: DerNode | undefined): RequestedNames {
  const out: RequestedNames = { dns: [], addresses: [], emails: [], uris: [] };
  for (const attribute of attributes ? children(attributes) : []) {
    const [type, values] = children(attribute, tags.sequence);
    if (readOid(type) !== oids.extensionRequest) continue;
    for (const item of children(children(values, tags.set)[0], tags.sequence)) {
      const [id, ...rest] = children(item, tags.sequence);
      if (readOid(id) !== oids.subjectAltName) continue;
      const value = expectTag(rest.at(-1), tags.octetString).content;
      for (const name of children(decode(value), tags.sequence)) readAlternativeName(name, out);
    }
  }
  return out;
}

function readAlternativeName({ tag, content }: DerNode, out: RequestedNames): void {
  const kind = tag & 0x1f;
  if (kind === 1) out.emails.push(content.toString('latin1'));
  if (kind === 2) out.dns.push(content.toString('latin1'));
  if (kind === 6) out.uris.push(content.toString('latin1'));
  if (kind === 7) out.addresses.push(formatAddress(content));
}

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new DerError(`an address of ${bytes.length} bytes`);
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return groups.join(':');
}

export function toPem(label: 'CERTIFICATE', der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The DER of the first block of this label. Throws DerError when there is none. */
export function fromPem(label: 'CERTIFICATE' | 'CERTIFICATE REQUEST', pem: string): Buffer {
  const match = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`).exec(pem);
  if (!match) throw new DerError(`no ${label} block`);
  return Buffer.from(match[1]!, 'base64');
}
