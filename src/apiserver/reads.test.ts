/** What lists, watches and single reads answer to parameters that do not fit, and in which form. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call, type Sent, statusOf } from './test-call.js';
import { startTestServer } from './test-server.js';

let test: ReturnType<typeof startTestServer>;
beforeEach(async () => {
  test = startTestServer();
  for (const name of ['a', 'b', 'c']) await send('POST', configMaps, { body: `{"metadata":{"name":"${name}"}}` });
});
afterEach(() => test.close());

const configMaps = '/api/v1/namespaces/default/configmaps';
const send = (method: string, target: string, sent?: Sent) => call(test.server, method, target, sent);
const problem = async (query: string, target = configMaps) => {
  const { code, message } = statusOf(await send('GET', `${target}?${query}`));
  return [code, message];
};
const token = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const listed = async (query: string) => {
  const { answer } = await send('GET', `${configMaps}?${query}`);
  if (answer.type !== 'list') throw new Error('no list');
  return answer.items.map(({ object }) => object.metadata.name);
};

describe('a resourceVersion that is no number', () => {
  const why = (version: string) =>
    `resourceVersion: Invalid value: "${version}": strconv.ParseUint: parsing "${version}": invalid syntax`;

  it('is a bad request for a list, and fails other reads', async () => {
    expect(await problem('resourceVersion=abc')).toEqual([400, `invalid resource version: ${why('abc')}`]);
    expect(await problem('resourceVersion=-1', `${configMaps}/a`)).toEqual([500, why('-1')]);
    expect(await problem('watch=1&resourceVersion=x')).toEqual([500, why('x')]);
  });

  it('fails a write', async () => {
    const body = '{"metadata":{"name":"a","resourceVersion":"x"}}';
    const message = 'strconv.ParseUint: parsing "x": invalid syntax';
    expect(statusOf(await send('PUT', `${configMaps}/a`, { body }))).toEqual({ code: 500, message });
  });
});

describe('a continue token', () => {
  const start = 'invalid continue token: continue key is not valid: ';
  const v = 'meta.k8s.io/v1';

  it.each([
    ['foo', "invalid character '~' looking for beginning of value"],
    [token({}), 'server does not recognize this encoded version '],
    [
      token({ v: 'meta.k8s.io/v2', rv: 1, start: 'a' }),
      'server does not recognize this encoded version meta.k8s.io/v2',
    ],
    [token({ v }), 'incorrect encoded start resourceVersion (version meta.k8s.io/v1)'],
    [token({ v, rv: 1 }), 'encoded start key empty (version meta.k8s.io/v1)'],
    [token({ v, rv: -1, start: '../../secrets' }), '../../secrets'],
  ])('%s is refused', async (text, why) => {
    expect(await problem(`continue=${text}`)).toEqual([400, start + why]);
  });

  it('names the first key to give', async () => {
    expect(await listed(`continue=${token({ v, rv: -1, start: 'b' })}`)).toEqual(['b', 'c']);
    expect(await listed(`continue=${token({ v, rv: -1, start: 'b\0' })}`)).toEqual(['c']);
  });

  it('does not go with a version', async () => {
    const query = `resourceVersion=2&continue=${token({ v, rv: 2, start: 'b' })}`;
    const why = [400, 'specifying resource version is not allowed when using continue'];
    expect(await problem(query)).toEqual(why);
    expect(await problem(query.replace('=2&', '=00&'))).toEqual(why);
  });
});

it('asks to come back only for a version that may yet come', async () => {
  const retry = async (query: string) =>
    (await send('GET', `${configMaps}?resourceVersion=99${query}`)).error?.status.details?.retryAfterSeconds;
  expect(await retry('')).toBe(1);
  expect(await retry('&resourceVersionMatch=Exact')).toBeUndefined();
});

it('tells numbers that are too large from what is no number', async () => {
  expect(await problem('limit=x')).toEqual([400, 'strconv.ParseInt: parsing "x": invalid syntax']);
  expect(await problem('limit=')).toEqual([400, 'strconv.ParseInt: parsing "": invalid syntax']);
  expect(await problem('limit=99999999999999999999')).toEqual([
    400,
    'strconv.ParseInt: parsing "99999999999999999999": value out of range',
  ]);
});

describe('a watch', () => {
  it('refuses parameters that contradict each other', async () => {
    const watch = async (query: string) => {
      const [code, message] = await problem(`watch=1&${query}`);
      expect(code).toBe(422);
      return String(message).replace('ListOptions.meta.k8s.io "" is invalid: ', '');
    };
    const match = 'resourceVersionMatch: Forbidden: ';
    expect(await watch('sendInitialEvents=true')).toBe(
      `${match}sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`,
    );
    expect(await watch('resourceVersionMatch=Exact&resourceVersion=1')).toBe(
      `[${match}resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided, resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]`,
    );
    expect(await watch('continue=x')).toBe(`${match}resourceVersionMatch is forbidden when continue is provided`);
  });

  it.each(['', '&resourceVersion=0'])('marks the end of what was there%s', async (version) => {
    const { answer } = await send('GET', `${configMaps}?watch=1&allowWatchBookmarks=1${version}`);
    if (answer.type !== 'watch') throw new Error('no watch');
    const seen: string[] = [];
    for await (const batch of answer.events) {
      for (const event of batch) seen.push(event.type === 'BOOKMARK' ? `end ${event.initialEventsEnd}` : event.type);
      if (seen.length === 4) break;
    }
    expect(seen).toEqual(['ADDED', 'ADDED', 'ADDED', 'end true']);
  });

  it('is read by GET alone', async () => {
    expect((await send('POST', '/api/v1/watch/namespaces/default/configmaps')).error?.code).toBe(405);
  });
});

describe('forms of an answer', () => {
  const meta = (kind: string) => ({ accept: `application/json;as=${kind};v=v1;g=meta.k8s.io` });
  const refused = async (target: string, sent: Sent) => statusOf(await send('GET', target, sent));

  it('does not show a list as one object, nor one object as a list', async () => {
    expect(await refused(configMaps, meta('PartialObjectMetadata'))).toEqual({
      code: 406,
      message: 'you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)',
    });
    expect(await refused(`${configMaps}/a`, meta('PartialObjectMetadataList'))).toEqual({
      code: 406,
      message: 'you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)',
    });
  });

  it('refuses to show what a table cannot', async () => {
    const message =
      "Unable to convert to Table as requested: includeObject: Invalid value: \"Foo\": must be 'Metadata', 'Object', 'None', or empty";
    for (const query of ['includeObject=Foo', 'includeObject=Foo&watch=1'])
      expect(await refused(`${configMaps}?${query}`, meta('Table'))).toEqual({ code: 400, message });
  });

  it('says what it has for a type that it has not', async () => {
    const available = '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, ';
    const protobuf = 'application/vnd.kubernetes.protobuf';
    for (const accept of ['text/html', 'application/*', 'application/cbor']) {
      const { message } = await refused(`${configMaps}/a`, { accept });
      expect(message).toBe(available + protobuf);
    }
    expect((await refused(configMaps, { accept: 'text/html' })).message).toBe(
      `${available}${protobuf}, application/json;stream=watch, ${protobuf};stream=watch`,
    );
  });
});

it('takes a type of no quality for the last one, and none that is to be shown as nothing it knows', async () => {
  const form = async (accept: string) => {
    const { error, media } = await send('GET', `${configMaps}/a`, { accept });
    return error?.code ?? media.format;
  };
  expect(await form('application/json;q=0')).toBe('json');
  expect(await form('application/json;q=0,application/yaml')).toBe('yaml');
  expect(await form('application/json;stream=watch')).toBe('json');
  for (const params of ['v=1', 'v=v1', 'g=meta.k8s.io', 'stream=x', 'sv=1'])
    expect(await form(`application/json;${params}`)).toBe(406);
});

describe('paths', () => {
  it.each([
    ['HEAD', `${configMaps}/a`, 405],
    ['DELETE', '/api/v1/configmaps', 405],
    ['GET', '/api/v1/proxy/namespaces/default/pods/a', 404],
    ['GET', '/api/v1/namespaces/default/nope', 404],
  ])('%s %s is %i', async (method, target, code) => {
    expect((await send(method, target)).error?.code).toBe(code);
  });

  it('has no page for a version that is not served', async () => {
    expect((await send('GET', '/apis/apps/v2/deployments')).answer).toMatchObject({
      code: 404,
      body: '404 page not found\n',
    });
  });

  it('knows names that no object can have', async () => {
    expect(await problem('', `${configMaps}/..`)).toEqual([400, `Name parameter invalid: "..": may not be '..'`]);
  });
});
