/** What a kubeconfig says reaches the connection. */
import { expect, test } from 'vitest';
import { transportOf } from './connect.js';
import { connect, deployments, pods } from './index.js';
import { formatKubeconfig, KubeconfigError } from './kubeconfig.js';

test('resources are exported by their plurals', () => {
  expect([pods.kind, pods.plural, deployments.kind, deployments.group]).toEqual(['Pod', 'pods', 'Deployment', 'apps']);
});

test('a kubeconfig that cannot be used is told before anything is sent', async () => {
  const text = formatKubeconfig('a', { server: 'https://127.0.0.1:1' });
  await expect(connect(text, { context: 'b' })).rejects.toThrow(KubeconfigError);
});

test('a client of a server that is not there says so at its first request', async () => {
  const { client, transport } = await connect(formatKubeconfig('a', { server: 'https://127.0.0.1:1' }));
  await expect(client.of(pods).list()).rejects.toThrow(/127\.0\.0\.1:1/);
  transport.close();
});

test('the transport of an access sends what the access says', async () => {
  const transport = transportOf({ server: 'https://127.0.0.1:1', token: 't' }, { userAgent: 'me/1' });
  await expect(transport.request({ method: 'GET', path: '/' })).rejects.toThrow('ECONNREFUSED');
  transport.close();
});
