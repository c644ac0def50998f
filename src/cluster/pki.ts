/**
 * The cluster's own certificate authority: keys and certificates made on the first start, kept under one directory in
 * kubeadm's names, and issued again when they run out or the server's names change.
 * https://kubernetes.io/docs/setup/best-practices/certificates/
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { writeFileAtomic } from '#base/atomic-file.js';
import type { Clock } from '#base/clock.js';
import type { Prng } from '#base/prng.js';
import {
  type AlternativeNames,
  addressBytes,
  type CertificateRequest,
  certificateSubject,
  type DistinguishedName,
  encodeName,
  type Issuer,
  issueCertificate,
  toPem,
} from '#base/x509.js';

const dayMs = 24 * 60 * 60 * 1000;
export const authorityValidityMs = 3650 * dayMs;
export const leafValidityMs = 365 * dayMs;
/** A leaf with less left than this is issued again, and an authority within a leaf's life of its end is renewed. */
export const renewBeforeMs = 30 * dayMs;
/** Clocks of clients may lag behind ours. */
const backdateMs = 5 * 60 * 1000;

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

export interface PkiOptions {
  /** Made if missing. */
  directory: string;
  clock: Clock;
  prng: Prng;
  /** What clients may call the API server, beyond localhost and `kubernetes` with its domains. DNS names or addresses. */
  serverNames?: readonly string[];
  /** The address of the service `kubernetes`. */
  serviceAddress?: string;
  clusterDomain?: string;
}

export interface ClientIdentity {
  /** The user. */
  commonName: string;
  /** Its groups. */
  organizations?: readonly string[];
}

/** What every cluster's components go by; RBAC's default bindings name them. */
export const identities = {
  admin: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
  controllerManager: { commonName: 'system:kube-controller-manager' },
  scheduler: { commonName: 'system:kube-scheduler' },
  proxy: { commonName: 'system:kube-proxy' },
  /** The API server, as client of kubelets. */
  kubeletClient: { commonName: 'kube-apiserver-kubelet-client', organizations: ['system:masters'] },
  node: (name: string) => ({ commonName: `system:node:${name}`, organizations: ['system:nodes'] }),
} as const;

export class PkiError extends Error {
  override readonly name = 'PkiError';
  readonly reason: 'corrupt' | 'unusable';

  constructor(reason: 'corrupt' | 'unusable', message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

interface Authority {
  certificate: string;
  issuer: Issuer;
}

/**
 * Opens the directory, making what is missing. Throws PkiError: `corrupt` names the file that cannot be read as what
 * it should be, `unusable` a directory that cannot be read or written.
 */
export async function openPki(options: PkiOptions): Promise<Pki> {
  const { directory } = options;
  try {
    await mkdir(directory, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new PkiError('unusable', `cannot create ${directory}`, { cause: error });
  }
  const files = new PkiFiles(options);
  const [ca, frontProxyCa, serviceAccountKey] = await Promise.all([
    files.authority('ca', 'kubernetes'),
    files.authority('front-proxy-ca', 'front-proxy-ca'),
    files.serviceAccountKey(),
  ]);
  const server = await files.leaf(ca, {
    file: 'apiserver',
    subject: { commonName: 'kube-apiserver' },
    usage: 'serverAuth',
    names: serverAlternativeNames(options),
  });
  return new Pki({ files, ca, frontProxyCa, serviceAccountKey, server });
}

/** What a running API server presents and trusts. */
export class Pki {
  /** PEM of the authority behind serving and client certificates. */
  readonly ca: string;
  readonly frontProxyCa: string;
  readonly server: KeyPair;
  /** Signs service account tokens (EC P-256, so ES256). */
  readonly serviceAccountKey: KeyObject;
  /** For the signers of CertificateSigningRequests. */
  readonly issuer: Issuer;
  readonly #files: PkiFiles;
  readonly #ca: Authority;
  readonly #frontProxyCa: Authority;

  constructor(parts: {
    files: PkiFiles;
    ca: Authority;
    frontProxyCa: Authority;
    serviceAccountKey: KeyObject;
    server: KeyPair;
  }) {
    this.#files = parts.files;
    this.#ca = parts.ca;
    this.#frontProxyCa = parts.frontProxyCa;
    this.ca = parts.ca.certificate;
    this.frontProxyCa = parts.frontProxyCa.certificate;
    this.issuer = parts.ca.issuer;
    this.server = parts.server;
    this.serviceAccountKey = parts.serviceAccountKey;
  }

  /** A client certificate kept as `<file>.crt` and `<file>.key`, made when first asked for. */
  clientCertificate(file: string, identity: ClientIdentity): Promise<KeyPair> {
    return this.#files.leaf(this.#ca, { file, subject: identity, usage: 'clientAuth', names: {} });
  }

  /** What the API server shows to aggregated API servers. */
  frontProxyClientCertificate(): Promise<KeyPair> {
    const subject = { commonName: 'front-proxy-client' };
    return this.#files.leaf(this.#frontProxyCa, {
      file: 'front-proxy-client',
      subject,
      usage: 'clientAuth',
      names: {},
    });
  }

  /** The certificate that a kubelet serves with. `names` are DNS names or addresses. */
  kubeletServingCertificate(nodeName: string, names: readonly string[]): Promise<KeyPair> {
    return this.#files.leaf(this.#ca, {
      file: `kubelet-${nodeName}`,
      subject: { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] },
      usage: 'serverAuth',
      names: splitNames([nodeName, ...names]),
    });
  }
}

interface LeafRequest {
  file: string;
  subject: DistinguishedName;
  usage: 'serverAuth' | 'clientAuth';
  names: AlternativeNames;
}

class PkiFiles {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #prng: Prng;

  constructor({ directory, clock, prng }: PkiOptions) {
    this.#directory = directory;
    this.#clock = clock;
    this.#prng = prng;
  }

  /** An authority's certificate may be renewed, its key never: what it has signed stays good. */
  async authority(file: string, commonName: string): Promise<Authority> {
    const [certificate, storedKey] = await Promise.all([this.#read(`${file}.crt`), this.#read(`${file}.key`)]);
    if (certificate && !storedKey)
      throw new PkiError('corrupt', `${this.#path(`${file}.crt`)} has no ${file}.key beside it`);
    let subject: Uint8Array = encodeName({ commonName });
    const key = storedKey ? this.#parseKey(`${file}.key`, storedKey) : newKey();
    if (certificate) {
      const parsed = this.#parseCertificate(`${file}.crt`, certificate);
      if (!parsed.checkPrivateKey(key))
        throw new PkiError('corrupt', `${this.#path(`${file}.key`)} is not the key of ${file}.crt`);
      subject = certificateSubject(parsed.raw);
      if (this.#lastsFor(parsed, leafValidityMs)) return { certificate, issuer: { subject, key } };
    }
    // The key is on disk before any certificate that it signed.
    if (!storedKey) await this.#writeKey(file, key);
    const issuer = { subject, key };
    const renewed = this.#issue({
      subject,
      publicKey: createPublicKey(key),
      issuer,
      authority: true,
      validityMs: authorityValidityMs,
      keyUsages: ['digitalSignature', 'keyEncipherment', 'keyCertSign'],
    });
    await this.#write(`${file}.crt`, renewed, { mode: 0o644 });
    return { certificate: renewed, issuer };
  }

  async leaf(authority: Authority, { file, subject, usage, names }: LeafRequest): Promise<KeyPair> {
    const [certificate, key] = await Promise.all([this.#read(`${file}.crt`), this.#read(`${file}.key`)]);
    if (certificate && key && this.#stillGood({ certificate, key }, { authority, file, names }))
      return { certificate, key };
    const privateKey = newKey();
    const issued = this.#issue({
      subject,
      publicKey: createPublicKey(privateKey),
      issuer: authority.issuer,
      validityMs: leafValidityMs,
      keyUsages: ['digitalSignature', 'keyEncipherment'],
      extendedKeyUsages: [usage],
      names,
    });
    await this.#writeKey(file, privateKey);
    await this.#write(`${file}.crt`, issued, { mode: 0o644 });
    return { certificate: issued, key: exportKey(privateKey) };
  }

  async serviceAccountKey(): Promise<KeyObject> {
    const stored = await this.#read('sa.key');
    if (stored) return this.#parseKey('sa.key', stored);
    const key = newKey();
    await this.#writeKey('sa', key);
    const publicPem = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
    await this.#write('sa.pub', publicPem, { mode: 0o644 });
    return key;
  }

  /** A crash between writing the key and the certificate leaves a pair that does not match: it is issued again. */
  #stillGood(pair: KeyPair, wanted: { authority: Authority; file: string; names: AlternativeNames }): boolean {
    const parsed = this.#parseCertificate(`${wanted.file}.crt`, pair.certificate);
    return (
      parsed.checkPrivateKey(this.#parseKey(`${wanted.file}.key`, pair.key)) &&
      parsed.verify(createPublicKey(wanted.authority.issuer.key)) &&
      this.#lastsFor(parsed, renewBeforeMs) &&
      coversNames(parsed, wanted.names)
    );
  }

  #lastsFor(certificate: X509Certificate, durationMs: number): boolean {
    const nowMs = this.#clock.now();
    return Date.parse(certificate.validFrom) <= nowMs && Date.parse(certificate.validTo) - nowMs > durationMs;
  }

  #issue({
    validityMs,
    ...request
  }: Omit<CertificateRequest, 'serial' | 'notBeforeMs' | 'notAfterMs'> & { validityMs: number }) {
    const nowMs = this.#clock.now();
    const serial = Buffer.alloc(16);
    for (let offset = 0; offset < 16; offset += 4) serial.writeUInt32BE(this.#prng.uint32(), offset);
    const times = { notBeforeMs: nowMs - backdateMs, notAfterMs: nowMs + validityMs };
    return toPem('CERTIFICATE', issueCertificate({ ...request, ...times, serial }));
  }

  async #read(file: string): Promise<string | undefined> {
    try {
      return await readFile(this.#path(file), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new PkiError('unusable', `cannot read ${this.#path(file)}`, { cause: error });
    }
  }

  #writeKey(file: string, key: KeyObject): Promise<void> {
    return this.#write(`${file}.key`, exportKey(key), { mode: 0o600 });
  }

  async #write(file: string, contents: string, { mode }: { mode: number }): Promise<void> {
    try {
      await writeFileAtomic(this.#path(file), contents, { mode });
    } catch (error) {
      throw new PkiError('unusable', `cannot write ${this.#path(file)}`, { cause: error });
    }
  }

  #parseKey(file: string, pem: string): KeyObject {
    try {
      return createPrivateKey(pem);
    } catch (error) {
      throw new PkiError('corrupt', `${this.#path(file)} does not hold a private key`, { cause: error });
    }
  }

  #parseCertificate(file: string, pem: string): X509Certificate {
    try {
      return new X509Certificate(pem);
    } catch (error) {
      throw new PkiError('corrupt', `${this.#path(file)} does not hold a certificate`, { cause: error });
    }
  }

  #path(file: string): string {
    return join(this.#directory, file);
  }
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function exportKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** https://kubernetes.io/docs/setup/best-practices/certificates/#all-certificates, row kube-apiserver. */
export function serverAlternativeNames({
  serverNames = [],
  serviceAddress = '10.96.0.1',
  clusterDomain = 'cluster.local',
}: Pick<PkiOptions, 'serverNames' | 'serviceAddress' | 'clusterDomain'>): { dns: string[]; addresses: string[] } {
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
  const domain = `kubernetes.default.svc.${clusterDomain}`;
  return splitNames(['localhost', ...service, domain, '127.0.0.1', '::1', serviceAddress, ...serverNames]);
}

function splitNames(names: readonly string[]): { dns: string[]; addresses: string[] } {
  const unique = [...new Set(names)];
  return { dns: unique.filter((name) => !isIP(name)), addresses: unique.filter((name) => isIP(name)) };
}

/** Names that a certificate has beyond those wanted do no harm, and keep it when an interface comes and goes. */
function coversNames(certificate: X509Certificate, { dns = [], addresses = [] }: AlternativeNames): boolean {
  const has = { dns: new Set<string>(), addresses: new Set<string>() };
  for (const entry of certificate.subjectAltName?.split(', ') ?? []) {
    const [, kind, value = ''] = /^(DNS|IP Address):(.*)$/.exec(entry) ?? [];
    if (kind === 'DNS') has.dns.add(value);
    if (kind === 'IP Address') has.addresses.add(addressBytes(value).toString('hex'));
  }
  return (
    dns.every((name) => has.dns.has(name)) &&
    addresses.every((address) => has.addresses.has(addressBytes(address).toString('hex')))
  );
}
