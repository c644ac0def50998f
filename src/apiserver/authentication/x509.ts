/**
 * Client certificates: who signed it decides whether it holds, its subject says who it is.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
 */
import { createHash, X509Certificate } from 'node:crypto';
import type { Clock } from '#base/clock.js';
import { freeze } from '#base/json.js';
import { extendedKeyUsages } from '#base/x509.js';
import { RecentMap } from '#client/recent-map.js';
import type { Authenticated, Authenticator, Credentials, MaybeAuthenticated } from './authenticator.js';
import { rejected } from './union.js';

/** Certificates remembered, so that a connection's requests do not each verify one. */
export const certificatesMax = 1024;

/** Kubernetes' own attribute of a subject, for the uid of a user. */
const uidAttribute = '1.3.6.1.4.1.57683.2';

interface Known {
  authenticated: Authenticated;
  notBeforeMs: number;
  notAfterMs: number;
}

export class X509Authenticator implements Authenticator {
  readonly name = 'x509';
  readonly #authorities: readonly X509Certificate[];
  readonly #clock: Clock;
  readonly #takesUid: boolean;
  readonly #known = new RecentMap<string, Known>(certificatesMax);
  /** By the bytes that each connection has of its certificate. */
  readonly #ofConnections = new WeakMap<Uint8Array, Known>();
  readonly #observe: ((secondsLeft: number) => void) | undefined;

  /** `authorities` is PEM, of one certificate or several. Intermediate certificates of clients are not followed. */
  constructor(options: {
    authorities: string;
    clock: Clock;
    observe?: ((secondsLeft: number) => void) | undefined;
    /** Default: true. */
    takesUid?: boolean;
  }) {
    const { authorities, clock } = options;
    this.#observe = options.observe;
    this.#authorities = splitPem(authorities).map((pem) => new X509Certificate(pem));
    this.#clock = clock;
    this.#takesUid = options.takesUid ?? true;
  }

  authenticate({ certificate }: Credentials): MaybeAuthenticated {
    const known = certificate && (this.#ofConnections.get(certificate) ?? this.#look(certificate));
    if (!known) return undefined;
    const nowMs = this.#clock.now();
    if (nowMs < known.notBeforeMs || nowMs > known.notAfterMs)
      throw rejected('x509: certificate has expired or is not yet valid');
    this.#observe?.((known.notAfterMs - nowMs) / 1000);
    return known.authenticated;
  }

  #look(certificate: Uint8Array): Known | undefined {
    const id = Buffer.from(certificate.buffer, certificate.byteOffset, certificate.byteLength).toString('latin1');
    let known = this.#known.get(id);
    if (!known) {
      known = this.#verify(certificate);
      if (!known) return undefined;
      this.#known.set(id, known);
    }
    this.#ofConnections.set(certificate, known);
    return known;
  }

  #verify(der: Uint8Array): Known | undefined {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(der);
    } catch (error) {
      throw rejected('x509: malformed certificate', { cause: error });
    }
    const signed = this.#authorities.some(
      (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
    );
    if (!signed) throw rejected('x509: certificate signed by unknown authority');
    const usages: readonly string[] | undefined = certificate.keyUsage;
    if (usages && !usages.some((usage) => usage === extendedKeyUsages.clientAuth || usage === extendedKeyUsages.any))
      throw rejected('x509: certificate specifies an incompatible key usage');
    // The text form of a subject is ambiguous when a value holds a newline; this one is not.
    const subject = certificate.toLegacyObject().subject as unknown as Record<string, string | string[] | undefined>;
    const name = [subject['CN'] ?? []].flat()[0];
    if (!name) return undefined;
    const uid = this.#takesUid && uidOf([subject[uidAttribute] ?? []].flat());
    const fingerprint = createHash('sha256').update(der).digest('hex');
    return {
      authenticated: {
        user: freeze({
          name,
          ...(uid && { uid }),
          groups: [subject['O'] ?? []].flat(),
          extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
        }),
      },
      notBeforeMs: Date.parse(certificate.validFrom),
      notAfterMs: Date.parse(certificate.validTo),
    };
  }
}

/** At most one, and no empty one. */
function uidOf(uids: readonly string[]): string | undefined {
  if (uids.length > 1) throw rejected(`expected 1 UID, but found multiple: [${uids.join(' ')}]`);
  if (uids[0] === '') throw rejected('UID cannot be an empty string');
  return uids[0];
}

function splitPem(bundle: string): string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}
