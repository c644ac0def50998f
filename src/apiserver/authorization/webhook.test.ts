import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SubjectAccessReviewSpec } from '#api/gen/authorization-v1.js';
import { SystemClock, VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { Remote } from '#base/remote.js';
import type { Attributes, Authorizer } from './authorizer.js';
import { openAuthorizationFile, validateAuthorization } from './configuration.js';
import { AuthorizerRow, type Place } from './row.js';
import { type WebhookAuthorizerOptions, webhookAuthorizer } from './webhook.js';

let server: Server;
let url: string;
let answer: (spec: SubjectAccessReviewSpec) => object | number;
let asked: { apiVersion: string; spec: SubjectAccessReviewSpec }[];
let clock: VirtualClock;
let folder: string;

beforeEach(async () => {
  asked = [];
  clock = new VirtualClock();
  folder = mkdtempSync(join(tmpdir(), 't8s-authorization-'));
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const review = JSON.parse(body);
    asked.push(review);
    const status = answer(review.spec);
    response.statusCode = typeof status === 'number' ? status : 200;
    response.end(JSON.stringify({ ...review, status }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const webhook = (more: Partial<WebhookAuthorizerOptions> = {}): Authorizer =>
  webhookAuthorizer({
    name: 'test',
    remote: new Remote({ url, clock: new SystemClock() }),
    version: 'v1',
    timeoutMs: 5000,
    authorizedMs: 60_000,
    unauthorizedMs: 1000,
    onFailure: 'no opinion',
    matchConditions: [],
    clock,
    log: silentLog,
    ...more,
  });

const pods = (more: object = {}): Attributes => ({
  user: { name: 'jane', uid: '7', groups: ['dev'], extra: { 'acme.io/x': ['y'] } },
  verb: 'list',
  resource: { group: '', version: 'v1', resource: 'pods', subresource: '', namespace: 'ns', name: '', ...more },
});

it('asks with all that is known of the request, selectors included', async () => {
  answer = () => ({ allowed: true, reason: 'because' });
  const selectors = { fieldSelector: 'a=1,b!=2', labelSelector: 'x in (1,2),!y,z' };
  expect(await webhook().authorize(pods(selectors))).toEqual({ decision: 'allow', reason: 'because' });
  expect(asked[0]).toMatchObject({
    apiVersion: 'authorization.k8s.io/v1',
    spec: {
      user: 'jane',
      uid: '7',
      groups: ['dev'],
      extra: { 'acme.io/x': ['y'] },
      resourceAttributes: {
        namespace: 'ns',
        verb: 'list',
        version: 'v1',
        resource: 'pods',
        fieldSelector: {
          requirements: [
            { key: 'a', operator: 'In', values: ['1'] },
            { key: 'b', operator: 'NotIn', values: ['2'] },
          ],
        },
        labelSelector: {
          requirements: [
            { key: 'x', operator: 'In', values: ['1', '2'] },
            { key: 'y', operator: 'DoesNotExist' },
            { key: 'z', operator: 'Exists' },
          ],
        },
      },
    },
  });
  await webhook({ version: 'v1beta1' }).authorize({ user: { name: 'joe', groups: ['g'] }, verb: 'get', path: '/x' });
  expect(asked[1]!.spec).toEqual({ user: 'joe', group: ['g'], nonResourceAttributes: { path: '/x', verb: 'get' } });
});

it('remembers answers, each sort for its time', async () => {
  answer = ({ resourceAttributes }) => ({ allowed: resourceAttributes?.namespace === 'ns', denied: false });
  const authorizer = webhook();
  const other = pods({ namespace: 'other' });
  for (const wanted of [pods(), pods(), other, other]) await authorizer.authorize(wanted);
  expect(asked.length).toBe(2);
  await clock.advance(2000);
  expect((await authorizer.authorize(other)).decision).toBe('no opinion');
  await authorizer.authorize(pods());
  expect(asked.length).toBe(3);
});

it('denies when told so, and when it must not go on without an answer', async () => {
  answer = () => ({ allowed: false, denied: true, reason: 'never' });
  expect(await webhook().authorize(pods())).toEqual({ decision: 'deny', reason: 'never' });
  answer = () => ({ allowed: true, denied: true });
  expect(await webhook({ authorizedMs: 0 }).authorize(pods())).toMatchObject({ decision: 'deny' });
  answer = () => 400;
  expect(await webhook({ onFailure: 'deny' }).authorize(pods())).toMatchObject({
    decision: 'deny',
    error: { message: expect.stringContaining('HTTP status 400') },
  });
  expect(await webhook().authorize(pods())).toMatchObject({ decision: 'no opinion', error: expect.any(Error) });
});

it('asks only where all conditions hold', async () => {
  answer = () => ({ allowed: true });
  const failing = () => {
    throw new Error('no such key');
  };
  const of = (...matchConditions: WebhookAuthorizerOptions['matchConditions']) =>
    webhook({ matchConditions, onFailure: 'deny' }).authorize(pods());
  expect((await of(() => true)).decision).toBe('allow');
  expect(
    (
      await of(
        () => true,
        () => false,
      )
    ).decision,
  ).toBe('no opinion');
  expect((await of(failing, () => false)).decision).toBe('no opinion');
  expect((await of(failing)).decision).toBe('deny');
  expect(asked.length).toBe(1);
});

it('goes by a file, and takes over what it becomes', async () => {
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: 'a', cluster: { server: url } }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: '' } }],
      'current-context': 'a',
    }),
  );
  const path = join(folder, 'authorization.yaml');
  const write = (authorizers: object[]) =>
    writeFileSync(
      path,
      JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration', authorizers }),
    );
  const asking = {
    type: 'Webhook',
    name: 'ask.example.com',
    webhook: {
      timeout: '3s',
      subjectAccessReviewVersion: 'v1',
      failurePolicy: 'Deny',
      connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: kubeconfig },
    },
  };
  write([asking]);
  const rows: (readonly Place[])[] = [];
  const stop = new AbortController();
  const environment = { clock, log: silentLog, signal: stop.signal };
  let listener: ((row: readonly Place[]) => void) | undefined;
  await openAuthorizationFile(path, {
    ...environment,
    changed: (row) => {
      rows.push(row);
      listener?.(row);
    },
  });
  const never: Authorizer = { authorize: () => ({ decision: 'no opinion', reason: '' }) };
  const row = new AuthorizerRow({ Node: never, RBAC: never }, (changed) => {
    listener = changed;
    changed(rows[0]!);
  });
  answer = () => ({ allowed: false });
  expect((await row.authorizer.authorize(pods())).decision).toBe('no opinion');
  expect(row.whoCannotTell({ name: 'jane', groups: [] })).toEqual([
    'webhook authorizer does not support user rule resolution',
  ]);
  write([asking, { type: 'AlwaysAllow', name: 'all' }]);
  await clock.advance(61_000);
  while (rows.length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect((await row.authorizer.authorize(pods())).decision).toBe('allow');
  stop.abort();
});

it('says what is wrong with a configuration', () => {
  const messages = (...authorizers: object[]) =>
    validateAuthorization({ apiVersion: '', kind: '', authorizers }).map(({ message }) => message);
  expect(messages()).toEqual(['authorizers: Required value: at least one authorization mode must be defined']);
  expect(messages({ type: 'RBAC', name: 'a' }, { type: 'RBAC', name: 'b' })).toEqual([
    'authorizers[1].type: Duplicate value: "RBAC"',
  ]);
  expect(messages({ type: 'Foo' })).toEqual([
    'authorizers[0].type: Unsupported value: "Foo": supported values: "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"',
  ]);
  expect(messages({ type: 'Node', name: 'n', webhook: {} })).toEqual([
    'authorizers[0].webhook: Invalid value: "non-null": may only be specified when type=Webhook',
  ]);
  const webhook = {
    timeout: '31s',
    subjectAccessReviewVersion: 'v2',
    failurePolicy: '',
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: 'x' },
    matchConditions: [{ expression: ' ' }],
  };
  expect(messages({ type: 'Webhook', name: 'A', webhook })).toEqual([
    expect.stringContaining(
      'authorizers[0].name: Invalid value: "A": authorizer name is invalid: a lowercase RFC 1123',
    ),
    'authorizers[0].timeout: Invalid value: "31s": must be > 0s and <= 30s',
    'authorizers[0].subjectAccessReviewVersion: Unsupported value: "v2": supported values: "v1", "v1beta1"',
    'authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified',
    'authorizers[0].failurePolicy: Required value',
    'authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "x": must be an absolute path',
    'authorizers[0].matchConditions[0].expression: Required value',
  ]);
});
