/** Bootstrap tokens: what they sign, and their end. */
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import configMaps from '#api/core/configmap.js';
import nodes from '#api/core/node.js';
import secrets from '#api/core/secret.js';
import { formatTime } from '#apimachinery/object.js';
import { nodeName, TestCluster } from './test-cluster.js';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await TestCluster.start();
});
afterEach(() => cluster.end());

async function addToken(id: string, more: Record<string, string> = {}): Promise<void> {
  const stringData = { 'token-id': id, 'token-secret': 'f395accd246ae52d', 'usage-bootstrap-signing': 'true', ...more };
  const metadata = { name: `bootstrap-token-${id}`, namespace: 'kube-system' };
  const type = 'bootstrap.kubernetes.io/token';
  await cluster.client.of(secrets).create({ apiVersion: 'v1', kind: 'Secret', metadata, type, stringData });
}

const info = async () => (await cluster.get(configMaps, 'cluster-info', 'kube-public')).data ?? {};

test('cluster-info is signed with every token that may, until that expires and is deleted', async () => {
  const metadata = { name: 'cluster-info', namespace: 'kube-public' };
  const data = { kubeconfig: 'a: b', 'jws-kubeconfig-zzzzzz': 'stale' };
  await cluster.client.of(configMaps).create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  const expiration = formatTime(cluster.clock.now() + 60_000);
  await addToken('07401b', { expiration });
  await addToken('abcdef', { 'usage-bootstrap-signing': 'false' });
  await cluster.until(async () => Object.keys(await info()).join() === 'jws-kubeconfig-07401b,kubeconfig');
  const [header = '', middle, signature] = (await info())['jws-kubeconfig-07401b']!.split('.');
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'HS256', kid: '07401b' });
  const input = `${header}.${Buffer.from('a: b').toString('base64url')}`;
  expect([middle, signature]).toEqual(['', createHmac('sha256', 'f395accd246ae52d').update(input).digest('base64url')]);
  await cluster.until(async () => Object.keys(await info()).join() === 'kubeconfig');
  expect(await cluster.exists(secrets, 'bootstrap-token-07401b', 'kube-system')).toBe(false);
  expect(await cluster.exists(secrets, 'bootstrap-token-abcdef', 'kube-system')).toBe(true);
});

test('a node is told for how long what it has read may be used', async () => {
  const ttl = async () => (await cluster.get(nodes, nodeName)).metadata.annotations?.['node.alpha.kubernetes.io/ttl'];
  await cluster.until(async () => (await ttl()) === '0');
});
