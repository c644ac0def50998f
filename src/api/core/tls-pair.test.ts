import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Secret } from '#api/gen/core-v1.js';
import { encodeName, issueCertificate, toPem } from '#base/x509.js';
import secrets from './secret.js';
import { keyPairProblem } from './tls-pair.js';

const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const [own, other, edwards] = [pair(), pair(), generateKeyPairSync('ed25519')];
const certificate = toPem(
  'CERTIFICATE',
  issueCertificate({
    subject: { commonName: 'web' },
    publicKey: own.publicKey,
    issuer: { subject: encodeName({ commonName: 'web' }), key: own.privateKey },
    serial: Buffer.alloc(8, 1),
    notBeforeMs: Date.parse('2026-01-01T00:00:00Z'),
    notAfterMs: Date.parse('2036-01-01T00:00:00Z'),
    keyUsages: ['digitalSignature'],
  }),
);

test.each<[string, string, string | undefined]>([
  [certificate, pem(own.privateKey), undefined],
  ['', pem(own.privateKey), 'tls: failed to find any PEM data in certificate input'],
  [certificate, 'nothing', 'tls: failed to find any PEM data in key input'],
  [certificate, pem(other.privateKey), 'tls: private key does not match public key'],
  [certificate, pem(edwards.privateKey), 'tls: private key type does not match public key type'],
  [certificate, certificate, 'tls: found a certificate rather than a key in the PEM for the private key'],
  [certificate.replaceAll('M', 'A'), pem(own.privateKey), 'x509: malformed certificate'],
])('a pair is told apart (%#)', (certificates, key, problem) => {
  expect(keyPairProblem({ certificates, key })).toBe(problem);
});

test('any text is told apart, and a long one in bounded time', () => {
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => keyPairProblem({ certificates: a, key: b }) !== undefined));
  const hostile = '-----BEGIN CERTIFICATE-----'.repeat(40_000);
  const start = process.hrtime.bigint();
  keyPairProblem({ certificates: hostile, key: hostile });
  expect(Number(process.hrtime.bigint() - start)).toBeLessThan(500e6);
});

test('a secret for TLS that holds no pair is warned of', () => {
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'a' },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': '', 'tls.key': '' },
  };
  expect(secrets.warnings!(secret, undefined)).toEqual(['tls: failed to find any PEM data in certificate input']);
  expect(secrets.warnings!({ ...secret, type: 'Opaque' }, undefined)).toEqual([]);
});
