import { afterEach, expect, it } from 'vitest';
import secrets from '#api/core/secret.js';
import serviceAccounts from '#api/core/serviceaccount.js';
import type { Secret } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';

let cluster: TestCluster;
afterEach(() => cluster.stop());

const namespace = 'default';
const secretFor = (name: string, account: string): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'kubernetes.io/service-account-token',
  metadata: { name, namespace, annotations: { 'kubernetes.io/service-account.name': account } },
});

it('fills secrets with the token of their account, and deletes them with it', async () => {
  const controllers = ['service-account-token-controller', 'root-ca-cert-publisher'];
  cluster = await startTestCluster({ nodes: 0, controllers, scheduler: false });
  const client = cluster.client();
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'builder', namespace } };
  await client.of(serviceAccounts).create(account);
  await client.of(secrets).create(secretFor('a', 'builder'));
  const get = () => client.of(secrets).get('a', { namespace });
  await cluster.until(async () => Boolean((await get()).data?.['token']));
  const { data, metadata } = await get();
  expect(Object.keys(data!).sort()).toEqual(['ca.crt', 'namespace', 'token']);
  expect(Buffer.from(data!['namespace']!, 'base64').toString()).toBe(namespace);
  const { uid } = (await client.of(serviceAccounts).get('builder', { namespace })).metadata;
  expect(metadata.annotations?.['kubernetes.io/service-account.uid']).toBe(uid);
  await client.of(serviceAccounts).delete('builder', { namespace });
  await cluster.until(async () => {
    try {
      await get();
      return false;
    } catch (error) {
      return isReason(error, 'NotFound');
    }
  });
});
