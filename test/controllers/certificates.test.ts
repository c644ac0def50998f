/** A request for a certificate, from its making to its end, on the real API server. */
import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import * as peculiar from '@peculiar/x509';
import { afterEach, beforeEach, expect, test } from 'vitest';
import certificateSigningRequests from '#api/certificates/certificatesigningrequest.js';
import { signers } from '#api/certificates/signers.js';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import clusterRoleBindings from '#api/rbac/clusterrolebinding.js';
import { TestCluster } from './test-cluster.js';

peculiar.cryptoProvider.set(webcrypto as never);

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await TestCluster.start();
});
afterEach(() => cluster.end());

const hourMs = 3_600_000;
const kubelet = { name: 'system:node:n9', groups: ['system:nodes', 'system:authenticated'] };

async function request(
  signerName: string,
  {
    subject = 'CN=jane',
    usages = ['digital signature', 'client auth'],
    expirationSeconds = undefined as number | undefined,
  },
): Promise<CertificateSigningRequest> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await peculiar.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys: keys as never,
    signingAlgorithm: algorithm,
  });
  const spec = {
    request: Buffer.from(made.toString('pem')).toString('base64'),
    signerName,
    usages,
    ...(expirationSeconds === undefined ? {} : { expirationSeconds }),
  };
  return { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name: 'r' }, spec };
}

const current = () => cluster.get(certificateSigningRequests, 'r');
const typesNow = async () => (await current()).status?.conditions?.map(({ type }) => type) ?? [];

async function approve(): Promise<void> {
  const one = await current();
  const conditions = [{ type: 'Approved', status: 'True', reason: 'Test', message: 'yes' }];
  await cluster.client
    .of(certificateSigningRequests)
    .update({ ...one, status: { conditions } }, { subresource: 'approval' });
}

test('what a person approves is signed for as long as asked, and cleaned up an hour later', async () => {
  const made = await request(signers.client, { expirationSeconds: 1200 });
  await cluster.client.of(certificateSigningRequests).create(made);
  await cluster.advance(5000);
  expect((await current()).status?.certificate).toBeUndefined();
  await approve();
  await cluster.until(async () => Boolean((await current()).status?.certificate));
  const issued = new X509Certificate(Buffer.from((await current()).status!.certificate!, 'base64'));
  expect({ ...issued.toLegacyObject().subject }).toEqual({ CN: 'jane' });
  expect(Math.abs(Date.parse(issued.validTo) - cluster.clock.now() - 1_200_000)).toBeLessThan(5000);
  await cluster.until(() => cluster.exists(certificateSigningRequests, 'r').then((exists) => !exists), {
    limitMs: 3 * hourMs,
    stepMs: hourMs / 6,
  });
});

test('what its signer refuses has failed, and says why', async () => {
  const made = await request(signers.kubeletServing, { usages: ['digital signature', 'server auth'] });
  await cluster.client.of(certificateSigningRequests).create(made);
  await approve();
  await cluster.until(async () => (await typesNow()).includes('Failed'));
  const failed = (await current()).status!.conditions!.find(({ type }) => type === 'Failed');
  expect(failed).toMatchObject({
    status: 'True',
    reason: 'SignerValidationFailure',
    message: 'subject organization is not system:nodes',
  });
  expect((await current()).status?.certificate).toBeUndefined();
});

test('a kubelet that may renew its own certificate gets it without a person, once it may', async () => {
  const made = await request(signers.kubeletClient, { subject: 'O=system:nodes, CN=system:node:n9' });
  await cluster.as(kubelet).of(certificateSigningRequests).create(made);
  await cluster.advance(10_000);
  expect(await typesNow()).toEqual([]);
  await cluster.client.of(clusterRoleBindings).create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'renew' },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:nodes' }],
  });
  await cluster.until(async () => Boolean((await current()).status?.certificate));
  expect((await current()).status?.conditions).toMatchObject([
    {
      type: 'Approved',
      reason: 'AutoApproved',
      message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
    },
  ]);
});
