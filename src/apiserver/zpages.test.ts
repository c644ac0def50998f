import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualClock } from '#base/clock.js';
import { SeededPrng } from '#base/prng.js';
import type { versionPath } from './paths.js';
import { call, statusOf } from './test-call.js';
import { startTestServer } from './test-server.js';
import { flagzPath, statuszPath } from './zpages.js';

const version = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '35',
  goVersion: 'node20',
} as Parameters<typeof versionPath>[0];
const paths = ['/.well-known/openid-configuration', '/livez', '/metrics', '/openapi/v2', '/openid/v1/jwks', '/statusz'];

let test: ReturnType<typeof startTestServer>;
beforeAll(async () => {
  const clock = new VirtualClock();
  const prng = new SeededPrng(3);
  const status = statuszPath({ clock, prng, version, paths });
  const flags = flagzPath({ v: '2', 'data-dir': '', 'feature-list': '[a,b]' }, prng);
  test = startTestServer({ clock, paths: [status, flags] });
  await clock.advance(3_725_500);
});
afterAll(() => test.close());

const structured = (kind: string, apiVersion = 'v1beta1', type = 'application/json') =>
  `${type};g=config.k8s.io;v=${apiVersion};as=${kind}`;

async function answer(path: string, accept?: string) {
  const outcome = await call(test.server, 'GET', path, { accept });
  if (outcome.answer.type !== 'bytes') throw new Error(`${path} was not answered: ${outcome.error?.message}`);
  return { ...outcome.answer, body: outcome.answer.body.toString() };
}

describe('as text', () => {
  it.each([undefined, '', 'text/plain', '*/*', 'text/*', 'application/json;q=0.9, text/plain;q=0.1'])(
    'is /statusz given to who takes %j',
    async (accept) => {
      const { body, contentType } = await answer('/statusz', accept);
      expect(contentType).toBe('text/plain; charset=utf-8');
      const [empty, title, warning, gap, ...rows] = body.split('\n');
      expect([empty, title, warning!.split(':')[0], gap]).toEqual(['', 'apiserver statusz', 'Warning', '']);
      // The delimiter is drawn: `Up: 1 hr`, `Up= 1 hr`, `Up  1 hr`, and with one more blank `Up:  1 hr`.
      expect(rows.map((row) => row.replace(/(Started|Up|version|Paths)(?:: |[:= ]) /, '$1 | '))).toEqual([
        'Started | Thu Jan  1 00:00:00 UTC 2026',
        'Up | 1 hr 02 min 05 sec',
        'Go version | node20',
        'Binary version | 1.36',
        'Emulation version | 1.35',
        'Paths | /livez /metrics /statusz',
        '',
      ]);
    },
  );

  it('are the flags told in order, one a line', async () => {
    const rows = (await answer('/flagz')).body.split('\n').slice(3);
    expect(rows.map((row) => row.replace(/: |[:= ]/, '|'))).toEqual(['data-dir|', 'feature-list|[a,b]', 'v|2', '']);
  });
});

describe('as an object', () => {
  it('is the status given to who names its group, version and kind', async () => {
    const { body, contentType, headers } = await answer('/statusz', structured('Statusz'));
    expect(contentType).toBe('application/json;g=config.k8s.io;v=v1beta1;as=Statusz');
    expect(headers).toEqual({});
    expect(JSON.parse(body)).toEqual({
      kind: 'Statusz',
      apiVersion: 'config.k8s.io/v1beta1',
      metadata: { name: 'apiserver' },
      startTime: expect.stringMatching(/^[\dT:-]+Z$/),
      uptimeSeconds: 3725,
      goVersion: 'node20',
      binaryVersion: '1.36',
      emulationVersion: '1.35',
      paths: ['/livez', '/metrics', '/statusz'],
    });
  });

  it('is YAML where that is asked for, and an old version told to be old', async () => {
    const { body, contentType, headers } = await answer('/flagz', structured('Flagz', 'v1alpha1', 'application/yaml'));
    expect(contentType).toBe('application/yaml;g=config.k8s.io;v=v1alpha1;as=Flagz');
    expect(headers).toEqual({
      warning: '299 - "This version of the flagz endpoint is deprecated. Please use a newer version."',
    });
    expect(body).toContain('apiVersion: config.k8s.io/v1alpha1\nflags:\n  data-dir: ""\n');
  });
});

const refused = 'only the following media types are accepted: application/json, application/yaml, text/plain';

it.each([
  ['/statusz', 'application/json'],
  ['/statusz', 'text/html'],
  ['/statusz', structured('Flagz')],
  ['/statusz', structured('Statusz', 'v1')],
  ['/statusz', structured('Statusz', 'constructor')],
  ['/statusz', structured('Statusz', 'v1beta1', 'text/plain')],
  ['/flagz', 'application/json;as=Flagz'],
  ['/flagz', structured('Flagz', 'v1beta1', 'application/cbor')],
])('%s is not given as %s', async (path, accept) => {
  expect(statusOf(await call(test.server, 'GET', path, { accept }))).toEqual({ code: 406, message: refused });
});

it('is refused in JSON to who speaks protobuf, which it does not', async () => {
  const outcome = await call(test.server, 'GET', '/flagz', { accept: 'application/vnd.kubernetes.protobuf' });
  expect(outcome).toMatchObject({ answer: { code: 406, value: { message: refused } }, media: { format: 'json' } });
});

it.each(['/statusz/', '/flagz/x'])('%s is not there', async (path) => {
  expect((await call(test.server, 'GET', path)).answer).toMatchObject({ code: 404 });
});
