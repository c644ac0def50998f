import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { Reader } from '#apimachinery/protobuf/wire.js';
import { VirtualClock } from '#base/clock.js';
import type { Answer, Call } from '../call.js';
import { parseRequestInfo } from '../request-info.js';
import { profilingPaths } from './paths.js';
import { encodeProfile } from './pprof-format.js';
import { cpuSamples } from './profiler.js';

const frame = (functionName: string, lineNumber = 0) => ({ functionName, url: 'a.js', lineNumber });

test('a tree of calls becomes stacks with their times, without what is idle', () => {
  const node = (id: number, name: string, children: number[] = []) => ({
    id,
    callFrame: { ...frame(name), scriptId: '1', columnNumber: 0 },
    children,
  });
  const samples = cpuSamples({
    nodes: [node(1, '(root)', [2, 4]), node(2, 'outer', [3]), node(3, 'inner'), node(4, '(idle)')],
    startTime: 0,
    endTime: 50,
    samples: [3, 2, 3, 4, 1],
    timeDeltas: [10, 20, 5, 100, 7],
  });
  const shown = samples.map(({ frames, values }) => [frames.map(({ functionName }) => functionName), values]);
  expect(shown).toEqual([
    [
      ['inner', 'outer'],
      [2, 15_000],
    ],
    [['outer'], [1, 20_000]],
  ]);
});

test('pprof finds types, stacks, places and names by their numbers', () => {
  const bytes = encodeProfile({
    types: [
      ['samples', 'count'],
      ['cpu', 'nanoseconds'],
    ],
    samples: [
      { frames: [frame('inner', 4), frame('outer')], values: [2, 300] },
      { frames: [frame('outer')], values: [1, 7] },
    ],
    startedMs: 1,
    durationMs: 2,
    period: 10,
  });
  const profile = fieldsOf(gunzipSync(bytes));
  const strings = profile.get(6)!.map((one) => Buffer.from(one as Uint8Array).toString());
  const inside = (number: number) => profile.get(number)!.map((one) => fieldsOf(one as Uint8Array));
  const nameOf = (fields: Fields, number: number) => strings[fields.get(number)![0] as number];
  expect(strings[0]).toBe('');
  expect(inside(1).map((type) => [nameOf(type, 1), nameOf(type, 2)])).toEqual([
    ['samples', 'count'],
    ['cpu', 'nanoseconds'],
  ]);
  expect(inside(2).map((sample) => [sample.get(1), sample.get(2)])).toEqual([
    [
      [1, 2],
      [2, 300],
    ],
    [[2], [1, 7]],
  ]);
  expect(inside(5).map((one) => [one.get(1), nameOf(one, 2), nameOf(one, 4), one.get(5)])).toEqual([
    [[1], 'inner', 'a.js', [5]],
    [[2], 'outer', 'a.js', [1]],
  ]);
  const lines = inside(4).map((one) => fieldsOf(one.get(4)![0] as Uint8Array));
  expect(lines.map((line) => [line.get(1), line.get(2)])).toEqual([
    [[1], [5]],
    [[2], [1]],
  ]);
  expect([profile.get(9), profile.get(10), profile.get(12)]).toEqual([[1_000_000], [2_000_000], [10]]);
});

test('a profile lasts as long as was asked, and there is one at a time', async () => {
  const clock = new VirtualClock();
  const handler = profilingPaths({ clock });
  const { signal } = new AbortController();
  const ask = (target: string) => handler({ signal } as Call, parseRequestInfo('GET', target)) as Promise<Answer>;
  const taken = ask('/debug/pprof/profile?seconds=3');
  expect(await ask('/debug/pprof/heap')).toMatchObject({ code: 500, body: expect.stringContaining('already in use') });
  let isDone = false;
  void taken.then(() => (isDone = true));
  while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(2_999);
  expect(isDone).toBe(false);
  await clock.advance(1);
  const answer = (await taken) as Extract<Answer, { type: 'bytes' }>;
  expect(answer).toMatchObject({ code: 200, contentType: 'application/octet-stream' });
  expect(fieldsOf(gunzipSync(answer.body as Uint8Array)).get(1)).toHaveLength(2);
});

test.each([
  ['/debug/pprof', 302],
  ['/debug/pprof/', 200],
  ['/debug/pprof/cmdline', 200],
  ['/debug/pprof/goroutine', 404],
  ['/debug/pprof/nothing', 404],
  ['/debug/pprof/profile?seconds=many', 400],
  ['/debug/pprof/profile?seconds=1e9', 400],
])('%s answers %i', async (target, code) => {
  const handler = profilingPaths({ clock: new VirtualClock() });
  expect(await handler({} as Call, parseRequestInfo('GET', target))).toMatchObject({ code });
});

test('the log tells as much as is asked for', async () => {
  const set: number[] = [];
  const handler = profilingPaths({ clock: new VirtualClock(), setVerbosity: (level) => set.push(level) });
  const put = (method: string, text: string) =>
    handler(
      { method, readBody: async () => ({ bytes: Buffer.from(text) }) } as unknown as Call,
      parseRequestInfo(method, '/debug/flags/v'),
    );
  expect(await put('GET', '')).toMatchObject({ code: 406, body: 'unsupported http method' });
  expect(await put('PUT', 'much')).toMatchObject({ code: 400 });
  expect(await put('PUT', '4\n')).toMatchObject({ code: 200, body: 'successfully set klog.logging.verbosity to 4' });
  expect(set).toEqual([4]);
});

type Fields = Map<number, (number | Uint8Array)[]>;

function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new Reader(Buffer.from(bytes));
  const fields: Fields = new Map();
  while (!reader.done) {
    const { number, type } = reader.tag();
    const value = type === 2 ? Buffer.from(reader.bytes()) : Number(reader.int64());
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}
