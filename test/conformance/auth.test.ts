/** Service accounts, their tokens, reviews, and requests for certificates. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { expect } from 'vitest';
import tokenreviews from '#api/authentication/tokenreview.js';
import localsubjectaccessreviews from '#api/authorization/localsubjectaccessreview.js';
import subjectaccessreviews from '#api/authorization/subjectaccessreview.js';
import csrs from '#api/certificates/certificatesigningrequest.js';
import configmaps from '#api/core/configmap.js';
import pods from '#api/core/pod/index.js';
import serviceaccounts from '#api/core/serviceaccount.js';
import type { TokenRequest, TokenReview } from '#api/gen/authentication-v1.js';
import type { LocalSubjectAccessReview, SubjectAccessReview } from '#api/gen/authorization-v1.js';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import type { ServiceAccount } from '#api/gen/core-v1.js';
import rolebindings from '#api/rbac/rolebinding.js';
import { conformance, type Scene, useCluster } from './conformance.js';
import { podOf, refusal } from './objects.js';

useCluster({ nodes: 1 });

const accountOf = (name: string, namespace: string, more: Partial<ServiceAccount> = {}): ServiceAccount => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace },
  ...more,
});

function requestToken(
  { client, namespace }: Scene,
  name: string,
  spec: Partial<TokenRequest['spec']> = {},
): Promise<TokenRequest> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec };
  return client.of(serviceaccounts).subresource({ method: 'POST', name, namespace, subresource: 'token', body });
}

conformance(
  '[sig-auth] ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const { uid } = (await client.of(serviceaccounts).create(accountOf('reviewed', namespace))).metadata;
    const { status } = await requestToken(scene, 'reviewed', { expirationSeconds: 3600 });
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {} };
    const reviewed = await client.of<TokenReview>(tokenreviews).create({ ...review, spec: { token: status!.token! } });
    expect(reviewed.status).toMatchObject({
      authenticated: true,
      user: { username: `system:serviceaccount:${namespace}:reviewed`, uid },
    });
    expect(reviewed.status?.error ?? '').toBe('');
    await client.of(serviceaccounts).delete('reviewed', { namespace });
    const gone = await requestToken(scene, 'reviewed').catch((error: unknown) => error);
    expect(gone).toMatchObject({ reason: 'NotFound' });
  },
);

/**
 * Upstream runs a pod that fetches the documents from inside the cluster and verifies its own token; here the test is
 * that client, with a token of the same account.
 */
conformance(
  '[sig-auth] ServiceAccounts ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer [Conformance]',
  async (scene) => {
    const { client, http, namespace } = scene;
    await client.of(serviceaccounts).create(accountOf('validator', namespace));
    const token = (await requestToken(scene, 'validator', { audiences: ['oidc-discovery-test'] })).status!.token!;
    const own = (await requestToken(scene, 'validator')).status!.token!;
    const configuration = await http.send('/.well-known/openid-configuration', { token: own });
    expect([configuration.status, configuration.headers['content-type']]).toEqual([200, 'application/json']);
    const { issuer, jwks_uri: keysUrl } = configuration.json;
    const keys = await http.send(new URL(keysUrl).pathname, { token: own, headers: { accept: '*/*' } });
    expect([keys.status, keys.headers['content-type']]).toEqual([200, 'application/jwk-set+json']);
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys.json), {
      issuer,
      audience: 'oidc-discovery-test',
    });
    expect(payload.sub).toBe(`system:serviceaccount:${namespace}:validator`);
    expect(configuration.json.id_token_signing_alg_values_supported).toContain(decodeProtectedHeader(token).alg);
  },
);

conformance(
  '[sig-auth] ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace [Conformance]',
  async ({ client, namespace, until }) => {
    const name = 'kube-root-ca.crt';
    const get = () => client.of(configmaps).get(name, { namespace });
    await until(async () => Boolean((await get()).data?.['ca.crt']));
    const { metadata, data } = await get();
    await client.of(configmaps).delete(name, { namespace });
    await until(async () => (await get()).metadata.uid !== metadata.uid);
    await client.of(configmaps).update({ ...(await get()), data: { 'ca.crt': '' } });
    await until(async () => (await get()).data?.['ca.crt'] === data!['ca.crt']);
  },
);

conformance(
  '[sig-auth] ServiceAccounts should allow opting out of API token automount [Conformance]',
  async ({ client, namespace }) => {
    const choices = { default: undefined, mount: true, nomount: false };
    const expected: Record<string, boolean> = {
      'default-default': true,
      'default-mount': true,
      'default-nomount': false,
      'mount-default': true,
      'mount-mount': true,
      'mount-nomount': false,
      'nomount-default': false,
      'nomount-mount': true,
      'nomount-nomount': false,
    };
    for (const [account, automountServiceAccountToken] of Object.entries(choices))
      await client.of(serviceaccounts).create(accountOf(`sa-${account}`, namespace, { automountServiceAccountToken }));
    for (const [account] of Object.entries(choices))
      for (const [choice, automountServiceAccountToken] of Object.entries(choices)) {
        const spec = { serviceAccountName: `sa-${account}`, automountServiceAccountToken };
        const made = await client.of(pods).create(podOf(`pod-${account}-${choice}`, namespace, { spec }));
        const mounts = made.spec.containers[0]!.volumeMounts ?? [];
        const isMounted = mounts.some(({ mountPath }) => mountPath === '/var/run/secrets/kubernetes.io/serviceaccount');
        expect([`${account}-${choice}`, isMounted]).toEqual([`${account}-${choice}`, expected[`${account}-${choice}`]]);
      }
  },
);

conformance(
  '[sig-auth] ServiceAccounts should run through the lifecycle of a ServiceAccount [Conformance]',
  async ({ client, namespace, observe }) => {
    const labels = { 'test-serviceaccount-static': 'true' };
    const labelSelector = 'test-serviceaccount-static=true';
    const seen = observe<ServiceAccount>(serviceaccounts, { namespace, labelSelector });
    const account = accountOf('testserviceaccount', namespace, { automountServiceAccountToken: true });
    await client.of(serviceaccounts).create({ ...account, metadata: { ...account.metadata, labels } });
    await seen.next({ type: 'ADDED' });
    const patch = { automountServiceAccountToken: false };
    await client.of(serviceaccounts).patch('testserviceaccount', patch, { namespace, type: 'strategic' });
    expect((await seen.next({ type: 'MODIFIED' })).automountServiceAccountToken).toBe(false);
    const { items } = await client.of(serviceaccounts).list({ labelSelector });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['testserviceaccount']);
    await client.of(serviceaccounts).deleteCollection({ namespace, labelSelector });
    await seen.next({ type: 'DELETED' });
  },
);

conformance(
  '[sig-auth] ServiceAccounts should update a ServiceAccount [Conformance]',
  async ({ client, namespace }) => {
    const made = await client
      .of(serviceaccounts)
      .create(accountOf('e2e-sa', namespace, { automountServiceAccountToken: false }));
    const updated = await client.of(serviceaccounts).update({ ...made, automountServiceAccountToken: true });
    expect(updated.automountServiceAccountToken).toBe(true);
    expect((await client.of(serviceaccounts).get('e2e-sa', { namespace })).automountServiceAccountToken).toBe(true);
  },
);

conformance('[sig-auth] SubjectReview should support SubjectReview API operations [Conformance]', async (scene) => {
  const { client, namespace, http, until } = scene;
  await client.of(serviceaccounts).create(accountOf('e2e', namespace));
  const user = `system:serviceaccount:${namespace}:e2e`;
  const spec = {
    resourceAttributes: { verb: 'get', resource: 'configmaps', namespace, version: 'v1' },
    user,
    groups: ['system:authenticated'],
    uid: '',
  };
  const kind = (name: string) => ({ apiVersion: 'authorization.k8s.io/v1', kind: name });
  const asks = async () => {
    const anywhere = await client
      .of<SubjectAccessReview>(subjectaccessreviews)
      .create({ ...kind('SubjectAccessReview'), metadata: {}, spec });
    const here = await client
      .of<LocalSubjectAccessReview>(localsubjectaccessreviews)
      .create({ ...kind('LocalSubjectAccessReview'), metadata: { namespace }, spec });
    return [anywhere.status?.allowed, here.status?.allowed];
  };
  expect(await asks()).toEqual([false, false]);
  const impersonated = () =>
    http.send(`/api/v1/namespaces/${namespace}/configmaps`, { headers: { 'impersonate-user': user } });
  expect((await impersonated()).status).toBe(403);
  await client.of(rolebindings).create({
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding' },
    metadata: { name: 'e2e-view', namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', name: 'e2e', namespace }],
  });
  await until(async () => (await asks()).every((allowed) => allowed === true));
  expect((await impersonated()).status).toBe(200);
});

async function certificateRequest(commonName: string): Promise<string> {
  x509.cryptoProvider.set(webcrypto as never);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${commonName}`,
    keys: keys as never,
    signingAlgorithm: algorithm,
  });
  return Buffer.from(request.toString('pem')).toString('base64');
}

conformance(
  '[sig-auth] Certificates API [Privileged:ClusterAdmin] should support CSR API operations [Conformance]',
  async ({ client, http, observe }) => {
    const documents = (await http.send('/apis')).json.groups.find(
      ({ name }: { name: string }) => name === 'certificates.k8s.io',
    );
    expect(documents.versions).toContainEqual({ groupVersion: 'certificates.k8s.io/v1', version: 'v1' });
    const served = (await http.send('/apis/certificates.k8s.io/v1')).json.resources.map(
      (one: { name: string }) => one.name,
    );
    for (const name of ['', '/approval', '/status']) expect(served).toContain(`certificatesigningrequests${name}`);

    const labels = { test: 'e2e-csr' };
    const labelSelector = 'test=e2e-csr';
    const seen = observe<CertificateSigningRequest>(csrs, { labelSelector });
    const request = await certificateRequest('e2e-example');
    const make = (): Promise<CertificateSigningRequest> =>
      client.of(csrs).create({
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { generateName: 'e2e-example-csr-', labels },
        spec: { request, signerName: 'example.com/e2e-signer', expirationSeconds: 3600, usages: ['digital signature'] },
      });
    const made = [await make(), await make(), await make()];
    const name = made[0]!.metadata.name!;
    expect((await client.of(csrs).get(name)).metadata.uid).toBe(made[0]!.metadata.uid);
    expect((await client.of(csrs).list({ labelSelector })).items.length).toBe(3);
    await seen.next({ type: 'ADDED', where: ({ metadata }) => metadata.name === name });

    const annotated = (key: string) => ({ metadata: { annotations: { [key]: 'true' } } });
    const patched = await client.of(csrs).patch(name, annotated('patched'), { type: 'merge' });
    expect(patched.metadata.annotations).toMatchObject({ patched: 'true' });
    const annotations = { ...patched.metadata.annotations, updated: 'true' };
    await client.of(csrs).update({ ...patched, metadata: { ...patched.metadata, annotations } });
    await seen.next({ type: 'MODIFIED', where: ({ metadata }) => metadata.annotations?.['updated'] === 'true' });

    const condition = (type: string, reason: string) => ({ type, status: 'True', reason, message: 'set by e2e' });
    const byPatch = { ...annotated('patchedapproval'), status: { conditions: [condition('ApprovalPatch', 'e2e')] } };
    const approval = await client.of(csrs).patch(name, byPatch, { type: 'merge', subresource: 'approval' });
    expect(approval.status?.conditions?.map(({ type }) => type)).toEqual(['ApprovalPatch']);
    expect(approval.metadata.annotations).toMatchObject({ patchedapproval: 'true' });
    const approved = [...approval.status!.conditions!, condition('Approved', 'E2E')];
    await client.of(csrs).update({ ...approval, status: { conditions: approved } }, { subresource: 'approval' });
    const got: CertificateSigningRequest = await client
      .of(csrs)
      .subresource({ method: 'GET', name, subresource: 'approval' });
    expect(got.status?.conditions?.map(({ type }) => type)).toEqual(['ApprovalPatch', 'Approved']);

    const certificate = Buffer.from(
      '-----BEGIN CERTIFICATE-----\n' + (await selfSigned()) + '\n-----END CERTIFICATE-----\n',
    ).toString('base64');
    const withCertificate = await client
      .of(csrs)
      .patch(
        name,
        { ...annotated('patchedstatus'), status: { certificate } },
        { type: 'merge', subresource: 'status' },
      );
    expect(withCertificate.status?.certificate).toBe(certificate);
    expect(withCertificate.metadata.annotations).toMatchObject({ patchedstatus: 'true' });
    const conditions = [...withCertificate.status!.conditions!, condition('StatusUpdate', 'E2E')];
    const last = await client
      .of(csrs)
      .update({ ...withCertificate, status: { ...withCertificate.status, conditions } }, { subresource: 'status' });
    expect(last.status?.conditions?.map(({ type }) => type)).toContain('StatusUpdate');

    await client.of(csrs).delete(name);
    await refusal(client.of(csrs).get(name), 'NotFound');
    await client.of(csrs).deleteCollection({ labelSelector });
    expect((await client.of(csrs).list({ labelSelector })).items).toEqual([]);
  },
);

/** The base64 of any certificate: what stands in the status of a request must be one. */
async function selfSigned(): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=e2e',
    keys: keys as never,
    signingAlgorithm: algorithm,
    notBefore: new Date('2026-01-01'),
    notAfter: new Date('2036-01-01'),
  });
  return made.toString('base64').replace(/(.{64})/g, '$1\n');
}
