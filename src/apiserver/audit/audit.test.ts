import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Event } from '#api/gen/audit-v1.js';
import type { ConfigMap } from '#api/gen/core-v1.js';
import { type Clock, SystemClock, VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import type { AdmissionPlugin } from '../admission/admission.js';
import { startTestServer } from '../test-server.js';
import { openLogBackend } from './log.js';
import { type AuditOptions, type OpenAuditor, openAuditor } from './open.js';
import { evaluatorOf, readAuditPolicy } from './policy.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 't8s-audit-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const plainLog = { format: 'json', bytesMax: 0, backupsMax: 0, ageMaxMs: 0, compress: false } as const;
const batch = { bufferSize: 10, batchSizeMax: 2, batchWaitMs: 1000 };

function policyFile(policy: object): string {
  writeFileSync(at('policy.yaml'), JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', ...policy }));
  return at('policy.yaml');
}

const eventsIn = (file: string): Event[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

describe('a server with a policy', () => {
  let auditor: OpenAuditor;
  let virtual: VirtualClock;
  let clock: Clock;
  beforeEach(() => {
    clock = virtual = new VirtualClock();
  });
  let test: ReturnType<typeof startTestServer>;

  async function start(
    policy: object,
    options: Partial<AuditOptions> = {},
    more: { admission?: AdmissionPlugin[] } = {},
  ) {
    const log = { path: at('audit.log'), ...plainLog, mode: 'blocking', batch } as const;
    auditor = await openAuditor({ policyFile: policyFile(policy), log, ...options }, { clock, log: silentLog });
    test = startTestServer({
      audit: auditor,
      clock,
      allow: ({ user }) =>
        user.name === 'mallory' ? { decision: 'no opinion', reason: '' } : { decision: 'allow', reason: 'it may' },
      ...more,
    });
  }

  afterEach(async () => {
    await test.close();
    await auditor.close();
  });

  const send = (method: string, target: string, { as = 'jane', body = '' }: { as?: string; body?: string } = {}) =>
    test.server.pipeline.handle({
      method,
      target,
      headers: { 'content-type': 'application/json', 'user-agent': 'curl', 'x-forwarded-for': '192.0.2.7' },
      rawHeaders: [],
      credentials: { bearerToken: as },
      source: '::ffff:127.0.0.1',
      readBody: async () => ({ bytes: Buffer.from(body) }),
      signal: new AbortController().signal,
    });

  const path = '/api/v1/namespaces/default/configmaps';
  const body = JSON.stringify({ metadata: { name: 'a' }, data: { x: '1' } });

  it('tells of a request and its answer, with their objects', async () => {
    const noting: AdmissionPlugin = {
      name: 'Noting',
      handles: () => true,
      validate: ({ annotate }) => {
        annotate('example.com/noted', 'yes');
        annotate('example.com/noted', 'again');
      },
    };
    await start({ rules: [{ level: 'RequestResponse' }], omitManagedFields: true }, {}, { admission: [noting] });
    const { auditId } = await send('POST', path, { body });
    const [received, complete] = eventsIn(at('audit.log'));
    expect(received).toEqual({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'RequestResponse',
      auditID: auditId,
      stage: 'RequestReceived',
      requestURI: path,
      verb: 'create',
      user: { username: 'jane' },
      sourceIPs: ['192.0.2.7', '127.0.0.1'],
      userAgent: 'curl',
      objectRef: { resource: 'configmaps', namespace: 'default', apiVersion: 'v1' },
      requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z',
      stageTimestamp: '2026-01-01T00:00:00.000000Z',
    });
    expect(complete).toMatchObject({
      stage: 'ResponseComplete',
      objectRef: { name: 'a' },
      requestObject: { kind: 'ConfigMap', data: { x: '1' } },
      responseStatus: { metadata: {}, code: 201 },
      responseObject: { kind: 'ConfigMap', metadata: { name: 'a', resourceVersion: '2' } },
      annotations: {
        'authorization.k8s.io/decision': 'allow',
        'authorization.k8s.io/reason': 'it may',
        'example.com/noted': 'yes',
      },
    });
    expect((complete!.responseObject as ConfigMap).metadata.managedFields).toBeUndefined();
  });

  it('shows bodies as upstream has them once it has read them: with defaults, and options in its inner form', async () => {
    await start({ rules: [{ level: 'Request' }], omitStages: ['RequestReceived'] });
    const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    await send('POST', '/api/v1/namespaces/default/pods', { body: JSON.stringify(pod) });
    await send('DELETE', '/api/v1/namespaces/default/pods/p', { body: '{"gracePeriodSeconds":0}' });
    const [created, removed] = eventsIn(at('audit.log'));
    expect(created!.requestObject).toMatchObject({ spec: { restartPolicy: 'Always' } });
    const options = { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/__internal', gracePeriodSeconds: 0 };
    expect(removed!.requestObject).toEqual(options);
  });

  it('tells of refusals, and of callers that it does not know', async () => {
    await start({ rules: [{ level: 'Metadata' }], omitStages: ['RequestReceived'] });
    await send('GET', path, { as: 'mallory' });
    await send('GET', path, { as: '' });
    const [forbidden, unknown, ...more] = eventsIn(at('audit.log'));
    expect(forbidden).toMatchObject({
      stage: 'ResponseComplete',
      responseStatus: { status: 'Failure', reason: 'Forbidden', code: 403, details: { kind: 'configmaps' } },
      annotations: { 'authorization.k8s.io/decision': 'forbid', 'authorization.k8s.io/reason': '' },
    });
    expect(unknown).toMatchObject({ stage: 'ResponseStarted', user: {}, responseStatus: { code: 401 } });
    expect([forbidden!.requestObject, more]).toEqual([undefined, []]);
  });

  it('tells of a watch when it begins and when it ends, and of a bug as a panic', async () => {
    const broken: AdmissionPlugin = {
      name: 'Broken',
      handles: () => true,
      validate() {
        throw new TypeError('oops');
      },
    };
    await start({ rules: [{ level: 'Metadata' }] }, {}, { admission: [broken] });
    const { answer } = await send('GET', `${path}?watch=true&timeoutSeconds=1`);
    const stages = () => eventsIn(at('audit.log')).map(({ stage }) => stage);
    expect(stages()).toEqual(['RequestReceived', 'ResponseStarted']);
    const ended = (async () => {
      if (answer.type === 'watch') for await (const _ of answer.events);
    })();
    await virtual.advance(1500);
    await ended;
    expect(stages()).toEqual(['RequestReceived', 'ResponseStarted', 'ResponseComplete']);
    await send('POST', path, { body });
    expect(eventsIn(at('audit.log')).at(-1)).toMatchObject({
      stage: 'Panic',
      responseStatus: { code: 500, message: "APIServer panic'd: oops" },
    });
  });

  it('refuses what it must record and cannot', async () => {
    const log = { path: at('full'), ...plainLog, mode: 'blocking-strict', batch } as const;
    await start({ rules: [{ level: 'Metadata' }] }, { log: { ...log, path: '/dev/full' } });
    const { error } = await send('GET', path);
    expect(error).toMatchObject({ code: 500, message: 'Internal error occurred: failed to store audit event' });
  });

  it('sends batches to a webhook, again when that fails', async () => {
    clock = new SystemClock();
    const got: number[] = [];
    const server = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      got.push(JSON.parse(text).items.length);
      response.statusCode = got.length === 1 ? 500 : 200;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const kubeconfig = {
      clusters: [{ name: 'a', cluster: { server: `http://127.0.0.1:${port}/audit` } }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: '' } }],
      'current-context': 'a',
    };
    writeFileSync(at('webhook.yaml'), JSON.stringify(kubeconfig));
    const webhook = { configFile: at('webhook.yaml'), initialBackoffMs: 0, mode: 'batch', batch } as const;
    await start({ rules: [{ level: 'Metadata' }] }, { webhook, log: undefined });
    await send('GET', path);
    await auditor.close();
    expect(got).toEqual([2, 2]);
    server.closeAllConnections();
    server.close();
  });
});

it('goes by the first rule that matches', () => {
  const evaluate = evaluatorOf({
    apiVersion: '',
    kind: '',
    metadata: {},
    rules: [
      { level: 'None', users: ['system:kube-proxy'], verbs: ['watch'] },
      { level: 'Request', resources: [{ group: '', resources: ['pods/*', 'secrets'] }] },
      {
        level: 'Metadata',
        resources: [{ group: '', resources: ['pods'], resourceNames: ['x'] }],
        omitStages: ['Panic'],
      },
      { level: 'RequestResponse', userGroups: ['ops'], namespaces: ['', 'kube-system'] },
      { level: 'Metadata', nonResourceURLs: ['/api*', '/version'] },
    ],
  });
  const level = (verb: string, where: { path?: string; resource?: object }, user = 'u', groups: string[] = []) =>
    evaluate({ name: user, groups }, { verb, path: '', query: new URLSearchParams(), ...where } as never)?.level;
  const resource = (name: string, more: object = {}) => ({
    resource: { group: '', version: 'v1', resource: name, subresource: '', namespace: 'ns', name: '', ...more },
  });
  expect(level('watch', resource('secrets'), 'system:kube-proxy')).toBeUndefined();
  expect(level('get', resource('pods', { subresource: 'log' }))).toBe('Request');
  expect(level('get', resource('pods'))).toBe('Request');
  expect(level('get', resource('nodes', { name: 'x', namespace: '' }))).toBeUndefined();
  expect(level('get', resource('nodes', { namespace: '' }), 'u', ['ops'])).toBe('RequestResponse');
  expect(level('get', { path: '/apis/apps' })).toBe('Metadata');
  expect(level('get', { path: '/healthz' })).toBeUndefined();
});

it('refuses a policy that does not hold together, and skips what it does not know', async () => {
  await expect(readAuditPolicy(policyFile({ rules: [] }))).rejects.toThrow('loaded illegal policy with 0 rules');
  await expect(readAuditPolicy(policyFile({ rules: [{ level: 'All' }, {}] }))).rejects.toThrow(
    'rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "RequestResponse", rules[1].level: Required value',
  );
  await expect(
    readAuditPolicy(policyFile({ rules: [{ level: 'None', nonResourceURLs: ['x'], namespaces: ['y'] }] })),
  ).rejects.toThrow('rules cannot apply to both regular resources and non-resource URLs');
  const { warnings } = await readAuditPolicy(policyFile({ rules: [{ level: 'None', color: 'red' }] }));
  expect(warnings).toEqual(['unknown field "rules[0].color"']);
});

it('begins a new file when one is full, and throws away and compresses the old', async () => {
  const clock = new VirtualClock();
  const backend = openLogBackend({
    ...plainLog,
    path: at('a.log'),
    bytesMax: 60,
    backupsMax: 1,
    compress: true,
    clock,
    log: silentLog,
  });
  const event = (auditID: string) => ({ kind: 'Event', apiVersion: 'audit.k8s.io/v1', auditID });
  for (const id of ['one', 'two', 'three']) {
    backend.store([event(id)]);
    await clock.advance(1000);
  }
  await backend.close();
  expect(readdirSync(folder).sort()).toEqual(['a-2026-01-01T00-00-02.000.log.gz', 'a.log']);
  expect(eventsIn(at('a.log'))).toMatchObject([{ auditID: 'three' }]);
});
