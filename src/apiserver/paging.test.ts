/**
 * Lists in pages, by property: whatever is written in between, the pages are those of one moment; and whatever a client
 * sends as a token, it reads nothing that it has not asked for.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KubeObject } from '#apimachinery/object.js';
import { call } from './test-call.js';
import { startTestServer } from './test-server.js';

let test: ReturnType<typeof startTestServer>;
beforeEach(() => {
  test = startTestServer();
});
afterEach(() => test.close());

const configMaps = '/api/v1/namespaces/default/configmaps';
const nameOf = (index: number) => `n${String(index).padStart(2, '0')}`;

interface Page {
  names: string[];
  resourceVersion: string;
  token: string;
  remaining: number | undefined;
}

function namesOf({ items }: { items: readonly { object: KubeObject }[] }): string[] {
  return items.map(({ object: { kind, metadata } }) => `${kind} ${metadata.namespace}/${metadata.name}`);
}

async function page(query: string, target = configMaps): Promise<Page> {
  const { answer, error } = await call(test.server, 'GET', `${target}?${query}`);
  if (answer.type !== 'list') throw error ?? new Error('no list');
  const { resourceVersion = '', continue: token = '', remainingItemCount: remaining } = answer.metadata;
  const names = namesOf(answer);
  return { names, resourceVersion, token, remaining };
}

const write = fc.record({ index: fc.nat(15), remove: fc.boolean() });
const step = fc.record({ limit: fc.integer({ min: 1, max: 6 }), writes: fc.array(write, { maxLength: 4 }) });

async function perform({ index, remove }: { index: number; remove: boolean }): Promise<void> {
  const name = nameOf(index);
  const body = `{"metadata":{"name":"${name}"}}`;
  if (remove) await call(test.server, 'DELETE', `${configMaps}/${name}`);
  else await call(test.server, 'POST', configMaps, { body });
}

it('gives one moment in pages of any size, whatever is written meanwhile', async () => {
  const steps = fc.array(step, { minLength: 16, maxLength: 16 });
  const run = async ({ before, steps }: { before: { index: number; remove: boolean }[]; steps: Step[] }) => {
    for (const one of before) await perform(one);
    const whole = await page('');
    const seen: string[] = [];
    let token = '';
    for (const { limit, writes } of steps) {
      const { names, resourceVersion, remaining, ...next } = await page(`limit=${limit}&continue=${token}`);
      seen.push(...names);
      expect(resourceVersion).toBe(whole.resourceVersion);
      expect(names.length).toBe(Math.min(limit, whole.names.length - seen.length + names.length));
      expect(seen.length + (remaining ?? 0)).toBe(whole.names.length);
      ({ token } = next);
      if (token === '') break;
      for (const one of writes) await perform(one);
    }
    expect(seen).toEqual(whole.names);
  };
  await fc.assert(fc.asyncProperty(fc.record({ before: fc.array(write, { maxLength: 20 }), steps }), run), {
    numRuns: 40,
  });
});

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** What a client may make of a token: other bytes, or other things said in the same form. */
const changes: fc.Arbitrary<(token: string) => string> = fc.oneof(
  fc.record({ at: fc.nat(200), char: fc.string({ minLength: 1, maxLength: 2 }) }).map(
    ({ at, char }) =>
      (token: string) =>
        `${token.slice(0, at % token.length)}${char}${token.slice((at % token.length) + 1)}`,
  ),
  fc.nat(200).map((at) => (token: string) => token.slice(0, at % token.length)),
  fc.string().map((text) => () => Buffer.from(text).toString('base64url')),
  fc
    .record(
      {
        v: fc.constantFrom('meta.k8s.io/v1', 'v2', 5),
        rv: fc.oneof(fc.integer(), fc.constantFrom(-1, 0, 2 ** 53, 1e300, 0.5, 'x', null)),
        start: fc.oneof(
          fc.string(),
          fc.constantFrom('', '\0', '/', '../', '../leases/default/a', '../../secrets/', 'default/a', '\uffff', 'z'),
          fc.string().map((text) => `n0${text}`),
        ),
      },
      { requiredKeys: ['v'] },
    )
    .map((value) => () => Buffer.from(JSON.stringify(value)).toString('base64url')),
);

it('reads nothing but what is asked for, whatever has become of its token', async () => {
  for (const namespace of ['cefault', 'default', 'efault'])
    for (let index = 0; index < 6; index++) {
      const body = `{"metadata":{"name":"${nameOf(index)}"}}`;
      await call(test.server, 'POST', `/api/v1/namespaces/${namespace}/configmaps`, { body });
      await call(test.server, 'POST', `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`, { body });
    }
  const { token } = await page('limit=2');
  const { names: all } = await page('');
  const run = async (change: (token: string) => string) => {
    const query = `limit=3&continue=${encodeURIComponent(change(token))}`;
    const { answer, error } = await call(test.server, 'GET', `${configMaps}?${query}`);
    if (answer.type === 'list') expect(all.join()).toContain(namesOf(answer).join());
    else expect(error?.status.reason).toMatch(/^(BadRequest|Expired|Timeout)$/);
  };
  await fc.assert(fc.asyncProperty(changes, run), { numRuns: 400 });
});
