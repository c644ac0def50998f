import 'reflect-metadata';
import { generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import * as peculiar from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import { encodeName } from '#base/x509.js';
import { signers, signRequest } from './signers.js';

peculiar.cryptoProvider.set(webcrypto as never);

const day = 24 * 3600 * 1000;
const nowMs = Date.UTC(2026, 0, 1);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const options = {
  issuer: { subject: encodeName({ commonName: 'ca' }), key: privateKey },
  issuerNotAfterMs: nowMs + 100 * day,
  serial: Buffer.alloc(16, 5),
  nowMs,
  validityMs: 365 * day,
};

async function csr(
  signerName: string,
  {
    name = 'O=system:nodes, CN=system:node:a',
    names = [] as peculiar.JsonGeneralName[],
    usages = ['digital signature', 'client auth'],
    expirationSeconds = undefined as number | undefined,
  } = {},
): Promise<CertificateSigningRequest> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await peculiar.Pkcs10CertificateRequestGenerator.create({
    name,
    keys: keys as never,
    signingAlgorithm: algorithm,
    extensions: names.length > 0 ? [new peculiar.SubjectAlternativeNameExtension(names)] : [],
  });
  const request = Buffer.from(made.toString('pem')).toString('base64');
  const spec = { request, signerName, usages, expirationSeconds };
  return { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name: 'x' }, spec };
}

describe('signRequest', () => {
  it('signs what the request asks for, no longer than asked, allowed, or the issuer lasts', async () => {
    const signed = async (request: CertificateSigningRequest) => {
      const signing = signRequest(request, options);
      return new X509Certificate((signing as { certificate: string }).certificate);
    };
    const serving = await signed(
      await csr(signers.kubeletServing, {
        usages: ['server auth', 'digital signature'],
        names: [
          { type: 'dns', value: 'a.example' },
          { type: 'ip', value: '10.0.0.7' },
        ],
        expirationSeconds: 3600,
      }),
    );
    expect({ ...serving.toLegacyObject().subject }).toEqual({ O: 'system:nodes', CN: 'system:node:a' });
    expect(serving.subjectAltName).toBe('DNS:a.example, IP Address:10.0.0.7');
    expect(serving.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(serving.ca).toBe(false);
    expect(Date.parse(serving.validTo)).toBe(nowMs + 3600_000);
    const client = await signed(await csr(signers.client, { name: 'CN=jane' }));
    expect(Date.parse(client.validTo)).toBe(nowMs + 100 * day);
    expect(Date.parse(client.validFrom)).toBe(nowMs - 300_000);
    const bare = await signed(await csr(signers.client, { name: 'CN=jane', usages: ['client auth'] }));
    expect(bare.raw.includes(Buffer.from('0603551d0f', 'hex'))).toBe(false);
    expect(client.raw.includes(Buffer.from('0603551d0f', 'hex'))).toBe(true);
    const long = await signed(await csr(signers.client, { name: 'CN=jane', expirationSeconds: 8 * 3600 }));
    expect(Date.parse(long.validTo)).toBe(nowMs + 8 * 3600_000 - 300_000);
  });

  it.each([
    [signers.client, { usages: ['server auth'] }, 'invalid usage for client certificate: server auth'],
    [signers.client, { usages: ['key encipherment'] }, 'missing required usage for client certificate: client auth'],
    [signers.kubeletClient, { usages: ['client auth'] }, '[client auth digital signature key encipherment]'],
    [signers.kubeletClient, { name: 'CN=system:node:a' }, 'subject organization is not system:nodes'],
    [signers.kubeletClient, { name: 'O=system:nodes, CN=a' }, 'does not begin with system:node:'],
    [signers.kubeletClient, { names: [{ type: 'dns' as const, value: 'a' }] }, 'DNS subjectAltNames are not allowed'],
    [signers.kubeletServing, { usages: ['server auth'] }, 'DNS or IP subjectAltName is required'],
    [signers.kubeletServing, { names: [{ type: 'ip' as const, value: '10.0.0.1' }] }, 'usages did not match'],
  ])('%s refuses %o', async (signer, request, why) => {
    expect(signRequest(await csr(signer, request), options)).toEqual({ failure: expect.stringContaining(why) });
  });

  it('refuses what is no request, and signers of others', async () => {
    const broken = { ...(await csr(signers.client)).spec, request: Buffer.from('x').toString('base64') };
    expect(signRequest({ spec: broken } as never, options)).toEqual({ failure: expect.stringContaining('parse csr') });
    await expect(csr('example.com/x').then((request) => signRequest(request, options))).rejects.toThrow('unrecognized');
  });
});
