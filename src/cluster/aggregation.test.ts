/** A server of our own behind an APIService, as any extension server is: found, asked, proxied to and told of. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import apiServices from '#api/apiregistration/apiservice.js';
import configmaps from '#api/core/configmap.js';
import services from '#api/core/service.js';
import type { APIService } from '#api/gen/apiregistration-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { testCertificate } from '#apiserver/webhook/test-webhook.js';
import { SystemClock } from '#base/clock.js';
import type { Client } from '#client/client.js';
import { discover } from '#client/discovery.js';
import { type Access, parseKubeconfig } from '#client/kubeconfig.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';
import { Http } from '../../test/conformance/http.js';

const group = 'wardle.example.com';
const groupVersion = `${group}/v1alpha1`;
const name = `v1alpha1.${group}`;
const verbs = ['create', 'delete', 'get', 'list', 'watch'];

interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  proxy: string | undefined;
}

const seen: Seen[] = [];
let isUp = true;
let extension: Server;
let port: number;
let caBundle: string;
let cluster: TestCluster;
let client: Client;
let access: Access;
let http: Http;

const documents: Record<string, unknown> = {
  [`/apis/${groupVersion}`]: {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: [
      { name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs, shortNames: ['fl'] },
      { name: 'flunders/status', singularName: '', namespaced: true, kind: 'Flunder', verbs: ['get'] },
    ],
  },
  [`/apis/${groupVersion}/namespaces/default/flunders`]: { kind: 'FlunderList', apiVersion: groupVersion, items: [] },
  '/openapi/v3': {
    paths: { [`apis/${groupVersion}`]: { serverRelativeURL: `/openapi/v3/apis/${groupVersion}?hash=1` } },
  },
  [`/openapi/v3/apis/${groupVersion}`]: { openapi: '3.0.0', info: { title: 'wardle', version: '1' }, paths: {} },
  '/openapi/v2': {
    swagger: '2.0',
    paths: {
      [`/apis/${groupVersion}/flunders`]: {
        get: { responses: { 200: { schema: { $ref: '#/definitions/wardle.Flunder' } } } },
      },
      '/apis/other/v1/things': {},
    },
    definitions: { 'wardle.Flunder': { type: 'object' }, unused: {} },
  },
};

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '', headers } = request;
  const proxy = (request.socket as TLSSocket).getPeerCertificate().subject?.CN;
  seen.push({ method, url, headers, proxy: proxy as string | undefined });
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (url.includes('watch=true')) {
      const metadata = { name: 'a', namespace: 'default' };
      for (const type of ['ADDED', 'DELETED'])
        response.write(
          `${JSON.stringify({ type, object: { apiVersion: groupVersion, kind: 'Flunder', metadata } })}\n`,
        );
      return;
    }
    const found = documents[url.split('?')[0]!];
    const given = method === 'POST' ? { ...JSON.parse(Buffer.concat(chunks).toString()), made: true } : found;
    const code = !isUp ? 500 : given === undefined ? 404 : method === 'POST' ? 201 : 200;
    response.writeHead(code, { 'content-type': 'application/json', 'x-extension': 'yes' });
    response.end(
      JSON.stringify(given ?? { kind: 'Status', status: 'Failure', reason: 'NotFound', message: 'no', code }),
    );
  });
}

beforeAll(async () => {
  const { cert, key } = testCertificate(['api.wardle.svc']);
  caBundle = Buffer.from(cert).toString('base64');
  cluster = await startTestCluster({ clock: new SystemClock(), listen: true, nodes: 0 });
  client = cluster.client();
  access = await parseKubeconfig(cluster.kubeconfig!);
  http = new Http(access);
  // How an extension server knows the proxy: by the authority that the cluster names.
  const { data } = await client.of(configmaps).get('extension-apiserver-authentication', { namespace: 'kube-system' });
  const ca = data!['requestheader-client-ca-file'];
  extension = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, answer);
  extension.on('upgrade', (request, socket) => {
    seen.push({ method: 'UPGRADE', url: request.url ?? '', headers: request.headers, proxy: undefined });
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nhello');
  });
  await new Promise<void>((resolve) => extension.listen(0, '127.0.0.1', resolve));
  ({ port } = extension.address() as AddressInfo);
});

afterAll(async () => {
  http.close();
  await cluster.stop();
  extension.closeAllConnections();
  extension.close();
});

async function condition() {
  const { status } = await client.of(apiServices).get(name);
  return status?.conditions?.find(({ type }) => type === 'Available');
}

const until = (reason: string) =>
  cluster.until(async () => (await condition())?.reason === reason, { limitMs: 30_000, stepMs: 20 });

const wanted = (): APIService => ({
  apiVersion: 'apiregistration.k8s.io/v1',
  kind: 'APIService',
  metadata: { name },
  spec: {
    group,
    version: 'v1alpha1',
    groupPriorityMinimum: 2000,
    versionPriority: 200,
    service: { namespace: 'wardle', name: 'api', port },
    caBundle,
  },
});

const namespaces = { group: '', versions: ['v1'], kind: 'Namespace', plural: 'namespaces', namespaced: false } as const;
const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'wardle' } };
const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'api', namespace: 'wardle' } };
const elsewhere = { ...service, spec: { type: 'ExternalName', externalName: 'localhost' } };

async function unless(reason: 'AlreadyExists' | 'NotFound', work: Promise<unknown>): Promise<void> {
  await work.catch((error) => {
    if (!isReason(error, reason)) throw error;
  });
}

test('a server is unavailable, with the reason, until its service is there and it answers', async () => {
  await unless('NotFound', client.of(apiServices).delete(name));
  await unless('NotFound', client.of(services).delete('api', { namespace: 'wardle' }));
  await client.of(apiServices).create(wanted());
  await until('ServiceNotFound');
  expect(await condition()).toMatchObject({ status: 'False', message: 'service/api in "wardle" is not present' });
  const { status, text, headers } = await http.send(`/apis/${groupVersion}/namespaces/default/flunders`);
  expect({ status, text }).toEqual({ status: 503, text: 'service unavailable\n' });
  expect(headers['content-type']).toBe('text/plain; charset=utf-8');

  const total = `aggregator_unavailable_apiservice_total{name="${name}",reason="ServiceNotFound"} 1\n`;
  // It is counted once the condition is written, which this test sees a moment before.
  await cluster.until(async () => (await http.send('/metrics')).text.includes(total), { limitMs: 30_000, stepMs: 20 });
  const metrics = (await http.send('/metrics')).text;
  expect(metrics).toContain(`aggregator_unavailable_apiservice{name="${name}"} 1\n`);
  expect(metrics).toContain('aggregator_unavailable_apiservice{name="v1.apps"} 0\n');

  const { groups } = (await http.send('/apis')).json;
  expect(groups.map((one: { name: string }) => one.name)).toContain(group);
  await unless('AlreadyExists', client.of(namespaces).create(namespace));
  await client.of(services).create({ ...service, spec: { ports: [{ port: port + 1 }], selector: { app: 'api' } } });
  await until('ServicePortError');
  expect((await condition())?.message).toBe(`service/api in "wardle" is not listening on port ${port}`);
  await client
    .of(services)
    .patch('api', [{ op: 'replace', path: '/spec/ports/0/port', value: port }], { type: 'json', namespace: 'wardle' });
  await until('MissingEndpoints');
  expect((await condition())?.message).toBe(
    'endpointslices for service/api in "wardle" have no addresses with port name ""',
  );

  isUp = false;
  await client.of(services).delete('api', { namespace: 'wardle' });
  await client.of(services).create(elsewhere);
  await until('FailedDiscoveryCheck');
  const url = `https://localhost:${port}/apis/${groupVersion}`;
  expect((await condition())?.message).toBe(`failing or missing response from ${url}: bad status from ${url}: 500`);
  isUp = true;
  await until('Passed');
  expect(await condition()).toMatchObject({ status: 'True', message: 'all checks passed' });
});

describe('once it is there', () => {
  beforeEach(async () => {
    await unless('AlreadyExists', client.of(namespaces).create(namespace));
    await unless('AlreadyExists', client.of(services).create(elsewhere));
    await unless('AlreadyExists', client.of(apiServices).create(wanted()));
    await until('Passed');
  });

  test('requests reach it in the name of the caller, and its answers come back as they are', async () => {
    seen.length = 0;
    const path = `/apis/${groupVersion}/namespaces/default/flunders`;
    const list = await http.send(`${path}?limit=5`, {
      headers: { 'X-Remote-User': 'somebody-else', authorization: '' },
    });
    expect(list.status).toBe(200);
    expect(list.json.kind).toBe('FlunderList');
    expect(list.headers['x-extension']).toBe('yes');
    const made = await http.send(path, { method: 'POST', body: { kind: 'Flunder', metadata: { name: 'a' } } });
    expect({ status: made.status, body: made.json }).toEqual({
      status: 201,
      body: { kind: 'Flunder', metadata: { name: 'a' }, made: true },
    });
    const own = seen.filter(({ url }) => url.startsWith(path));
    expect(own.map(({ method, url }) => `${method} ${url}`)).toEqual([`GET ${path}?limit=5`, `POST ${path}`]);
    for (const { headers, proxy } of own) {
      expect(proxy).toBe('front-proxy-client');
      expect(headers['x-remote-user']).toBe('kubernetes-admin');
      expect(headers['x-remote-group']).toBe('system:masters, system:authenticated');
      expect(headers['authorization']).toBeUndefined();
      expect(headers['x-forwarded-for']).toMatch(/127\.0\.0\.1$/);
    }
    const unknown = await http.send(`${path}/none`);
    expect({ status: unknown.status, reason: unknown.json.reason }).toEqual({ status: 404, reason: 'NotFound' });
  });

  test('who may not is refused before', async () => {
    seen.length = 0;
    const headers = { 'Impersonate-User': 'jane' };
    const { status } = await http.send(`/apis/${groupVersion}/namespaces/default/flunders`, { headers });
    expect(status).toBe(403);
    expect(seen.filter(({ url }) => url.includes('flunders'))).toEqual([]);
  });

  test('discovery and OpenAPI tell of it, in every form', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    interface Group {
      metadata: { name: string };
      versions: { resources: { resource: string }[]; freshness: string }[];
    }
    const aggregated = async () => {
      const { items } = (await http.send('/apis', { headers: { accept } })).json as { items: Group[] };
      return items.find(({ metadata }) => metadata.name === group)?.versions[0];
    };
    await cluster.until(async () => (await aggregated())?.freshness === 'Current', { limitMs: 30_000 });
    expect((await aggregated())?.resources).toEqual([
      {
        resource: 'flunders',
        responseKind: { group, version: 'v1alpha1', kind: 'Flunder' },
        scope: 'Namespaced',
        singularResource: 'flunder',
        verbs,
        shortNames: ['fl'],
        subresources: [
          { subresource: 'status', responseKind: { group, version: 'v1alpha1', kind: 'Flunder' }, verbs: ['get'] },
        ],
      },
    ]);
    expect((await http.send(`/apis/${groupVersion}`)).json.resources[0].name).toBe('flunders');
    expect((await http.send(`/apis/${group}`)).json.preferredVersion.version).toBe('v1alpha1');
    expect((await http.send('/')).json.paths).toContain(`/apis/${groupVersion}`);
    const { resources } = await discover(client.transport);
    expect(resources.map(({ plural }) => plural)).toContain('flunders');

    const index = async () => (await http.send('/openapi/v3')).json.paths[`apis/${groupVersion}`];
    await cluster.until(async () => (await index()) !== undefined, { limitMs: 30_000 });
    const { serverRelativeURL } = await index();
    expect((await http.send(serverRelativeURL)).json.info.title).toBe('wardle');
    const { paths, definitions } = (await http.send('/openapi/v2')).json;
    expect(paths[`/apis/${groupVersion}/flunders`]).toBeDefined();
    expect(paths['/apis/other/v1/things']).toBeUndefined();
    expect(definitions['wardle.Flunder']).toEqual({ type: 'object' });
    expect(definitions['unused']).toBeUndefined();
  });

  test('a component in this process watches what it serves', async () => {
    const ref = { group, versions: ['v1alpha1'], kind: 'Flunder', plural: 'flunders', namespaced: true } as const;
    const stop = new AbortController();
    const found: string[] = [];
    for await (const { type, object } of client.of(ref).watch({ namespace: 'default', signal: stop.signal })) {
      found.push(`${type} ${object.metadata.name}`);
      if (found.length === 2) stop.abort();
    }
    expect(found).toEqual(['ADDED a', 'DELETED a']);
    await expect(client.of(ref).get('b', { namespace: 'default' })).rejects.toMatchObject({
      status: { reason: 'NotFound' },
    });
    expect((await client.of(ref).list({ namespace: 'default' })).kind).toBe('FlunderList');
  });

  test('an upgrade is handed on', async () => {
    const { hostname, port: serverPort } = new URL(access.server);
    const { certificateAuthority: ca, clientCertificate: cert, clientKey: key } = access;
    const socket = connectTls({ host: hostname, port: Number(serverPort), ca, cert, key });
    const path = `/apis/${groupVersion}/namespaces/default/flunders/a/connect`;
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n`);
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/^HTTP\/1\.1 101 .*hello$/s);
    expect(seen.find(({ method }) => method === 'UPGRADE')?.headers['x-remote-user']).toBe('kubernetes-admin');
  });

  test('with its APIService the group goes', async () => {
    await client.of(apiServices).delete(name);
    await cluster.until(async () => (await http.send(`/apis/${groupVersion}`)).status === 404, { limitMs: 10_000 });
    const { groups } = (await http.send('/apis')).json;
    expect(groups.map((one: { name: string }) => one.name)).not.toContain(group);
  });
});
