import { describe, expect, it } from 'vitest';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import { isDue } from './csr-cleaner.js';
import { isToSign } from './csr-signing.js';

const hourMs = 3_600_000;
const madeMs = Date.UTC(2026, 0, 1);
const at = (hours: number) => new Date(madeMs + hours * hourMs).toISOString().replace('.000', '');

/** `types` are its conditions, each last updated ten hours after the request was made. */
function request(types: string[], certificate?: string): CertificateSigningRequest {
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'r', creationTimestamp: at(0) },
    spec: { request: '', signerName: 'kubernetes.io/kube-apiserver-client' },
    status: { certificate, conditions: types.map((type) => ({ type, status: 'True', lastUpdateTime: at(10) })) },
  };
}

describe('isDue', () => {
  it.each([
    ['pending', [], undefined, 24],
    ['denied', ['Denied'], undefined, 11],
    ['failed', ['Approved', 'Failed'], undefined, 11],
    ['issued', ['Approved'], 'x', 11],
  ] as const)('takes away what is %s after its time, not before', (_name, types, certificate, hours) => {
    const one = request([...types], certificate);
    expect(isDue(one, madeMs + hours * hourMs)).toBe(false);
    expect(isDue(one, madeMs + hours * hourMs + 1)).toBe(true);
  });

  it('leaves what is approved and waits for its certificate', () => {
    expect(isDue(request(['Approved']), madeMs + 1000 * hourMs)).toBe(false);
  });
});

describe('isToSign', () => {
  it('wants an approval, no denial, no failure, no certificate and a signer of ours', () => {
    expect(isToSign(request(['Approved']))).toBe(true);
    expect(isToSign(request([]))).toBe(false);
    expect(isToSign(request(['Approved', 'Denied']))).toBe(false);
    expect(isToSign(request(['Approved', 'Failed']))).toBe(false);
    expect(isToSign(request(['Approved'], 'x'))).toBe(false);
    const other = request(['Approved']);
    other.spec.signerName = 'example.com/signer';
    expect(isToSign(other)).toBe(false);
  });
});
