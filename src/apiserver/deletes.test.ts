/** What DELETE answers, and what it does to objects that do not go at once. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import jobs from '#api/batch/job/index.js';
import priorityClasses from '#api/scheduling/priorityclass.js';
import { call, objectOf, type Sent, statusOf } from './test-call.js';
import { startTestServer } from './test-server.js';

let test: ReturnType<typeof startTestServer>;
beforeEach(() => {
  test = startTestServer();
});
afterEach(() => test.close());

const configMaps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const send = (method: string, target: string, sent?: Sent) => call(test.server, method, target, sent);
const remove = (query = '', body = '') => send('DELETE', `${configMaps}/a${query}`, { body });

async function create(metadata: object = {}): Promise<void> {
  await send('POST', configMaps, { body: JSON.stringify({ metadata: { name: 'a', ...metadata } }) });
}

it('says of an object that is gone what it was, and no code', async () => {
  await create();
  expect(objectOf(await remove())).toEqual({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: 'a', group: undefined, kind: 'configmaps', uid: expect.any(String) },
  });
});

it.each([
  ['[]', /^couldn't get version\/kind; json parse error: json: cannot unmarshal array /],
  ['{"kind":"ConfigMap","apiVersion":"v1"}', /^no kind "ConfigMap" is registered for version "v1" in scheme /],
  [
    '{"gracePeriodSeconds":"x"}',
    /^json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds /,
  ],
])('refuses %s as options', async (body, message) => {
  expect(statusOf(await remove('', body))).toEqual({ code: 400, message: expect.stringMatching(message) });
});

it('does not tell fields of options that it does not know', async () => {
  await create();
  expect((await remove('', '{"foo":1}')).warnings).toEqual([]);
});

it('reads options from the query as well, empty ones too', async () => {
  await create();
  expect(statusOf(await remove('?gracePeriodSeconds=')).code).toBe(400);
  expect(statusOf(await remove('?propagationPolicy=')).code).toBe(422);
  expect(statusOf(await remove('?dryRun=')).code).toBe(422);
  expect(statusOf(await remove('?uid=x'))).toEqual({
    code: 409,
    message: expect.stringMatching(
      /^Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition \(x\) /,
    ),
  });
  expect(objectOf(await remove('?orphanDependents='))).toMatchObject({ metadata: { finalizers: ['orphan'] } });
});

it('accepts for later what was asked for in the older way only', async () => {
  const code = async (body: string) => {
    await create({ finalizers: ['a.b/c'] });
    const { answer } = await remove('', body);
    return answer.type === 'stored' ? answer.code : 0;
  };
  expect(await code('{"propagationPolicy":"Foreground"}')).toBe(200);
  expect(await code('{"orphanDependents":false}')).toBe(202);
});

it('deletes as many of a collection as the limit says', async () => {
  for (const name of ['a', 'b', 'c']) await create({ name });
  const { answer } = await send('DELETE', `${configMaps}?limit=2`);
  expect(answer).toMatchObject({ type: 'list', metadata: { continue: expect.any(String) } });
  const left = await send('GET', configMaps);
  expect(left.answer.type === 'list' && left.answer.items.map(({ object }) => object.metadata.name)).toEqual(['c']);
});

describe('grace periods', () => {
  const graceOf = async (query: string) => {
    const body = await send('DELETE', `${pods}/p${query}`);
    const { metadata } = objectOf(body) as { metadata: Record<string, unknown> };
    return [metadata['deletionGracePeriodSeconds'], metadata['deletionTimestamp']];
  };
  beforeEach(async () => {
    const spec = { containers: [{ name: 'c', image: 'i' }], nodeName: 'n', terminationGracePeriodSeconds: 30 };
    await send('POST', pods, { body: JSON.stringify({ metadata: { name: 'p' }, spec }) });
  });

  it('takes one below zero for a second', async () => {
    expect((await graceOf('?gracePeriodSeconds=-5'))[0]).toBe(1);
  });

  it('shortens a period to no earlier than now', async () => {
    const [seconds, end] = await graceOf('');
    expect(seconds).toBe(30);
    expect(await graceOf('?gracePeriodSeconds=60')).toEqual([30, end]);
    await test.clock.advance(20_000);
    const now = `${new Date(test.clock.now()).toISOString().slice(0, 19)}Z`;
    expect(await graceOf('?gracePeriodSeconds=10')).toEqual([1, now]);
  });
});

it('refuses to delete what the system needs by its name alone', async () => {
  const own = startTestServer({ definitions: [priorityClasses] });
  const path = '/apis/scheduling.k8s.io/v1/priorityclasses';
  await call(own.server, 'POST', path, { body: '{"metadata":{"name":"system-node-critical"},"value":2000001000}' });
  expect(statusOf(await call(own.server, 'DELETE', `${path}/system-node-critical`)).code).toBe(403);
  const { answer } = await call(own.server, 'DELETE', path);
  expect(answer).toMatchObject({ type: 'list', items: { length: 1 } });
  expect(statusOf(await call(own.server, 'GET', `${path}/system-node-critical`)).code).toBe(404);
  await own.close();
});

it('warns of what becomes of the pods of jobs, also where there are none', async () => {
  const own = startTestServer({ definitions: [jobs] });
  const target = '/apis/batch/v1/namespaces/none/jobs';
  const { warnings } = await call(own.server, 'DELETE', target);
  expect(warnings).toEqual([expect.stringContaining('child pods are preserved by default')]);
  expect((await call(own.server, 'DELETE', `${target}?propagationPolicy=Orphan`)).warnings).toEqual([]);
  await own.close();
});

it('begins to delete a namespace once, and names its preconditions as the store does', async () => {
  const path = '/api/v1/namespaces/held';
  const body = '{"metadata":{"name":"held"},"spec":{"finalizers":["kubernetes"]}}';
  await send('POST', '/api/v1/namespaces', { body });
  const refused = await send('DELETE', path, { body: '{"preconditions":{"uid":"x"}}' });
  const { message } = statusOf(refused);
  expect(message).toMatch(/^Operation cannot be fulfilled on namespaces "held": Precondition failed: UID in precond/);
  await send('DELETE', path);
  const again = objectOf(await send('DELETE', `${path}?propagationPolicy=Orphan`));
  expect(again).toMatchObject({ status: { phase: 'Terminating' } });
  expect(again).not.toHaveProperty('metadata.finalizers');
});
