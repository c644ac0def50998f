/** The official names of the API server's proxy to pods and services, and of how soon endpoints follow, on real containers. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { testCertificate } from '#apiserver/webhook/test-webhook.js';
import type { Access } from '#client/kubeconfig.js';
import { parseKubeconfig } from '#client/kubeconfig.js';
import { Cluster, clock } from '../../e2e/cluster.js';
import { healthAppImage } from '../../images/images.js';
import { eventually } from '../../kubectl.js';
import { conformance } from './label.js';
import { service, servingPod, startPods } from './network-pods.js';

let cluster: Cluster;
let access: Access;
const labels = { app: 'proxied' };

beforeAll(async () => {
  cluster = await Cluster.start({ subnet: 108, images: [await healthAppImage()] });
  access = await parseKubeconfig(await readFile(path.join(cluster.dataDir, 'kubeconfig'), 'utf8'));
  await startPods(cluster, servingPod('echo', { labels, http: [80] }));
  await cluster.apply(service('echo', { selector: labels, ports: [{ port: 80 }] }));
  await eventually('the service answers', async () =>
    expect(await send('GET', '/services/echo/proxy/hostname')).toMatchObject({ status: 200, body: 'echo' }),
  );
}, 180_000);
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

const namespace = '/api/v1/namespaces/default';

/** A request as it is, of which no redirection is followed. */
async function send(method: string, target: string, body?: object) {
  const { server, certificateAuthority: ca, clientCertificate: cert, clientKey: key } = access;
  const headers = body ? { 'content-type': 'application/json' } : {};
  const sent = request(new URL(namespace + target, server), { method, ca, cert, key, headers });
  sent.end(body && JSON.stringify(body));
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return { status: response.statusCode as number, location: response.headers.location as string, body: text };
}

const title = '[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service';
const targets = ['/pods/echo/proxy', '/services/echo/proxy'];

/** It came to the pod as it was sent, at this path. */
async function comesThrough(method: string, target: string, seen: string): Promise<void> {
  const { status, body } = await send(method, target);
  expect([method, status]).toEqual([method, 200]);
  if (method !== 'HEAD') expect(JSON.parse(body)).toEqual({ method, path: seen, name: 'echo' });
}

conformance(`${title} ProxyWithPath [Conformance]`, async () => {
  for (const target of targets)
    for (const method of ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'])
      await comesThrough(method, `${target}/some/path/with/${method}`, `/some/path/with/${method}`);
});

conformance(`${title} Proxy [Conformance]`, async () => {
  for (const target of targets) {
    for (const method of ['DELETE', 'OPTIONS', 'PATCH', 'POST', 'PUT'])
      await comesThrough(method, `${target}?method=${method}`, '/');
    for (const method of ['GET', 'HEAD']) {
      const { status, location } = await send(method, `${target}?method=${method}`);
      expect([status, location]).toEqual([301, `${namespace}${target}/?method=${method}`]);
    }
  }
});

conformance('[sig-network] Proxy version v1 should proxy through a service and a pod [Conformance]', async () => {
  const own = { app: 'porter' };
  const link = (to: string) => `<a href="${to}">test</a>`;
  const answers = { 1080: link('/rewriteme'), 160: 'foo', 162: 'bar' };
  const tlsAnswers = { 443: link('/tlsrewriteme'), 460: 'tls baz', 462: 'tls qux' };
  const { cert, key } = testCertificate(['porter']);
  const env = {
    ...{ ANSWERS: JSON.stringify({ 80: link('/rewriteme'), ...answers }), TLS_ANSWERS: JSON.stringify(tlsAnswers) },
    ...{ TLS_CERT: cert, TLS_KEY: String(key) },
  };
  const named = [
    { containerPort: 80 },
    { name: 'dest1', containerPort: 160 },
    { name: 'tlsdest1', containerPort: 460 },
  ];
  await cluster.apply(
    service('porter', {
      selector: own,
      ports: [
        { name: 'portname1', port: 80, targetPort: 'dest1' },
        { name: 'portname2', port: 81, targetPort: 162 },
        { name: 'tlsportname1', port: 443, targetPort: 'tlsdest1' },
        { name: 'tlsportname2', port: 444, targetPort: 462 },
      ],
    }),
  );
  await startPods(cluster, servingPod('porter', { labels: own, ports: named, env }));
  const at = (of: string, scheme: string, port: string | number) =>
    `/${of}/${[scheme, 'porter', port].join(':').replace(/^:|:$/g, '')}/proxy`;
  const expected: [string, string][] = ['', 'http'].flatMap((scheme): [string, string][] => [
    [at('services', scheme, 'portname1'), 'foo'],
    [at('services', scheme, 'portname2'), 'bar'],
    [at('pods', scheme, 160), 'foo'],
    [at('pods', scheme, 162), 'bar'],
    [at('pods', scheme, 1080), link(`${namespace}${at('pods', scheme, 1080)}/rewriteme`)],
  ]);
  expected.push(
    [at('pods', '', ''), link(`${namespace}${at('pods', '', '')}/rewriteme`)],
    [at('services', 'https', 'tlsportname1'), 'tls baz'],
    [at('services', 'https', 'tlsportname2'), 'tls qux'],
    [at('pods', 'https', 443), link(`${namespace}${at('pods', 'https', 443)}/tlsrewriteme`)],
    [at('pods', 'https', 460), 'tls baz'],
    [at('pods', 'https', 462), 'tls qux'],
  );
  await eventually('the service answers', async () =>
    expect((await send('GET', `${at('services', '', 'portname1')}/`)).body).toBe('foo'),
  );
  for (const [target, body] of expected)
    expect({ target, ...(await send('GET', `${target}/`)) }).toMatchObject({ target, status: 200, body });
});

conformance('[sig-network] Service endpoints latency should not be very high [Conformance]', async () => {
  const trials = 200;
  const parallel = 15;
  const tookMs: number[] = [];
  const trial = async (index: number) => {
    const name = `latency-${index}`;
    const startedMs = clock.monotonic();
    const made = await send('POST', '/services', service(name, { selector: labels, ports: [{ port: 80 }] }));
    expect(made.status).toBe(201);
    await eventually(`${name} has its endpoint`, async () => {
      const { body } = await send('GET', `/endpoints/${name}`);
      expect(JSON.parse(body).subsets?.[0].addresses).toHaveLength(1);
    });
    tookMs.push(clock.monotonic() - startedMs);
    await send('DELETE', `/services/${name}`);
  };
  const work = async (first: number) => {
    for (let index = first; index < trials; index += parallel) await trial(index);
  };
  await Promise.all(Array.from({ length: parallel }, (_, first) => work(first)));
  tookMs.sort((one, two) => one - two);
  expect(tookMs).toHaveLength(trials);
  expect(tookMs[trials * 0.5]).toBeLessThan(20_000);
  expect(tookMs[trials * 0.99]).toBeLessThan(50_000);
});
