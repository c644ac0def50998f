import 'reflect-metadata';
import { generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import * as peculiar from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { DerError, decode } from './der.js';
import {
  addressBytes,
  certificateSubject,
  encodeName,
  fromPem,
  issueCertificate,
  parseCertificationRequest,
  toPem,
} from './x509.js';

peculiar.cryptoProvider.set(webcrypto as never);

const day = 24 * 3600 * 1000;
const nowMs = Date.UTC(2026, 0, 1);

function authority(type: 'ec' | 'rsa' = 'ec') {
  const keys =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const issuer = { subject: encodeName({ commonName: 'ca' }), key: keys.privateKey };
  const der = issueCertificate({
    subject: issuer.subject,
    publicKey: keys.publicKey,
    issuer,
    serial: Buffer.from([0xff, 1, 2, 3, 4, 5, 6, 7]),
    notBeforeMs: nowMs,
    notAfterMs: Date.UTC(2051, 0, 1),
    authority: true,
    keyUsages: ['digitalSignature', 'keyEncipherment', 'keyCertSign'],
  });
  return { issuer, der, certificate: new X509Certificate(der) };
}

function leaf(ca = authority()) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = issueCertificate({
    subject: { commonName: 'jane', organizations: ['a:b', 'c, d'] },
    publicKey,
    issuer: ca.issuer,
    serial: Buffer.alloc(16, 7),
    notBeforeMs: nowMs,
    notAfterMs: nowMs + day,
    keyUsages: ['digitalSignature', 'keyEncipherment'],
    extendedKeyUsages: ['clientAuth'],
    names: { dns: ['localhost'], addresses: ['127.0.0.1', '::1'] },
  });
  return { der, privateKey, certificate: new X509Certificate(der) };
}

describe('issueCertificate', () => {
  it.each(['ec', 'rsa'] as const)('makes an %s authority whose leaves node accepts', (type) => {
    const ca = authority(type);
    expect(ca.certificate.ca).toBe(true);
    expect(ca.certificate.verify(ca.certificate.publicKey)).toBe(true);
    expect(new Date(ca.certificate.validTo).getUTCFullYear()).toBe(2051);
    const { certificate, privateKey } = leaf(ca);
    expect(certificate.ca).toBe(false);
    expect(certificate.checkIssued(ca.certificate)).toBe(true);
    expect(certificate.verify(ca.certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(privateKey)).toBe(true);
    expect({ ...certificate.toLegacyObject().subject }).toEqual({ O: ['a:b', 'c, d'], CN: 'jane' });
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    expect(Date.parse(certificate.validTo)).toBe(nowMs + day);
  });

  it('reads the same in another implementation', () => {
    const ca = authority();
    const other = new peculiar.X509Certificate(leaf(ca).der);
    expect(other.getExtension(peculiar.KeyUsagesExtension)).toMatchObject({ critical: true, usages: 5 });
    expect(other.getExtension(peculiar.BasicConstraintsExtension)).toMatchObject({ critical: true, ca: false });
    const authorityId = other.getExtension(peculiar.AuthorityKeyIdentifierExtension)?.keyId;
    const caSubjectId = new peculiar.X509Certificate(ca.der).getExtension(
      peculiar.SubjectKeyIdentifierExtension,
    )?.keyId;
    expect(authorityId).toBe(caSubjectId);
    expect(new peculiar.X509Certificate(ca.der).getExtension(peculiar.KeyUsagesExtension)?.usages).toBe(5 | 32);
  });

  it('gives a subject back byte for byte', () => {
    const ca = authority();
    expect(certificateSubject(ca.der).equals(ca.issuer.subject)).toBe(true);
  });
});

describe('parseCertificationRequest', () => {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

  async function request(): Promise<Buffer> {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const made = await peculiar.Pkcs10CertificateRequestGenerator.create({
      name: 'O=system:nodes, CN=system:node:a',
      keys: keys as never,
      signingAlgorithm: algorithm,
      extensions: [
        new peculiar.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'a.example' },
          { type: 'ip', value: '10.0.0.7' },
          { type: 'ip', value: 'fd00::1' },
          { type: 'url', value: 'spiffe://x' },
          { type: 'email', value: 'a@example' },
        ]),
      ],
    });
    return Buffer.from(made.rawData);
  }

  it('reads subject, key and names', async () => {
    const parsed = parseCertificationRequest(fromPem('CERTIFICATE REQUEST', pemRequest(await request())));
    expect(parsed).toMatchObject({
      commonName: 'system:node:a',
      organizations: ['system:nodes'],
      dns: ['a.example'],
      addresses: ['10.0.0.7', 'fd00:0:0:0:0:0:0:1'],
      uris: ['spiffe://x'],
      emails: ['a@example'],
    });
    expect(parsed.publicKey.asymmetricKeyType).toBe('ec');
  });

  it('refuses a request whose signature does not hold, and one cut short at any byte', async () => {
    const der = await request();
    const changed = Buffer.from(der);
    changed[changed.indexOf('system:node:a') + 12] = 'b'.charCodeAt(0);
    expect(() => parseCertificationRequest(changed)).toThrow('the signature does not hold');
    for (let length = 0; length < der.length; length++)
      expect(() => parseCertificationRequest(der.subarray(0, length))).toThrow();
  });
});

describe('der', () => {
  it('refuses lengths that reach past the end', () => {
    for (const hex of ['30', '3002', '300201', '3084ffffffff', '3080', '1f8100', '020100020100'])
      expect(() => decode(Buffer.from(hex, 'hex'))).toThrow(DerError);
  });

  it.each([
    ['10.96.0.1', '0a600001'],
    ['::', '0'.repeat(32)],
    ['fd00::1:2', 'fd000000000000000000000000010002'],
    ['::ffff:1.2.3.4', '00000000000000000000ffff01020304'],
  ])('encodes the address %s', (address, hex) => {
    expect(addressBytes(address).toString('hex')).toBe(hex);
    expect(() => addressBytes(`${address}x`)).toThrow(TypeError);
  });

  it('writes PEM that it reads', () => {
    const bytes = Buffer.alloc(100, 3);
    expect(fromPem('CERTIFICATE', `text before\n${toPem('CERTIFICATE', bytes)}`).equals(bytes)).toBe(true);
  });
});

function pemRequest(der: Buffer): string {
  return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
}
