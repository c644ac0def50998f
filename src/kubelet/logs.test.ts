import { appendFile, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SystemClock, VirtualClock } from '#base/clock.js';
import { rotateIfLarge } from './log-rotation.js';
import { type LogOptions, readLogs, readLogText } from './logs.js';
import type { Runtime } from './runtime/runtime.js';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubelet-logs-'));
  path = join(directory, '0.log');
});

afterEach(() => rm(directory, { recursive: true }));

const line = (second: number, text: string, tag = 'F') =>
  `2026-01-01T00:00:${String(second).padStart(2, '0')}.123456789Z stdout ${tag} ${text}\n`;

const reading = () => ({ clock: new SystemClock(), signal: new AbortController().signal });

async function whole(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

const read = (options: Partial<LogOptions> = {}) => whole(readLogs({ path, ...reading(), ...options }));

test('reads all, joining parts of long lines', async () => {
  await writeFile(path, line(0, 'one') + line(1, 'tw', 'P') + line(1, 'o') + line(2, ''));
  expect(await read()).toBe('one\ntwo\n\n');
});

test('the tail is found across reads, with or without times', async () => {
  const many = Array.from({ length: 5000 }, (_, index) => line(index % 60, `line ${index} ${'x'.repeat(40)}`));
  await writeFile(path, many.join(''));
  expect((await read({ tailLines: 2 })).split(' ')[1]).toBe('4998');
  expect((await read({ tailLines: 4000 })).split('\n')).toHaveLength(4001);
  expect(await read({ tailLines: 0 })).toBe('');
  expect((await read({ tailLines: 1, timestamps: true })).startsWith('2026-01-01T00:00:19.123456789Z line 4999')).toBe(
    true,
  );
});

test('the tail is as long as asked for, although the log grows while it is read', async () => {
  await writeFile(path, line(0, 'one') + line(1, 'two'));
  const signal = new AbortController().signal;
  const growing = readLogs({ path, clock: new SystemClock(), signal, tailLines: 1 });
  const grown = appendFile(path, line(2, 'three'));
  expect((await whole(growing)).split('\n')).toHaveLength(2);
  await grown;
  const first = readLogs({ path, clock: new SystemClock(), signal, tailLines: 3 });
  const { value } = await first.next();
  await appendFile(path, line(3, 'four'));
  expect([Buffer.from(value!).toString(), await first.next()]).toEqual([
    'one\ntwo\nthree\n',
    { done: true, value: undefined },
  ]);
});

test('since, limit and stream choose', async () => {
  await writeFile(path, line(0, 'old') + line(5, 'new') + line(6, 'err').replace('stdout', 'stderr'));
  expect(await read({ sinceMs: Date.parse('2026-01-01T00:00:05Z') })).toBe('new\nerr\n');
  expect(await read({ limitBytes: 6 })).toBe('old\nne');
  expect(await read({ stream: 'stderr' })).toBe('err\n');
});

test('a line that is not finished, or not in the format, is not shown', async () => {
  await writeFile(path, `${line(0, 'one')}garbage\n${line(1, 'half').slice(0, -1)}`);
  expect(await read()).toBe('one\n');
});

test('following goes on through rotation until the container ends', async () => {
  await writeFile(path, line(0, 'one'));
  let running = true;
  const following = read({ follow: true, isRunning: () => running });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  for (let turns = 0; turns < 20; turns++) await turn();
  await appendFile(path, line(1, 'two'));
  await rename(path, `${path}.old`);
  await writeFile(path, line(2, 'three'));
  running = false;
  expect(await following).toBe('one\ntwo\nthree\n');
});

test('no log at all is an error of its own', async () => {
  await expect(read()).rejects.toMatchObject({ name: 'KubeletError', reason: 'not found' });
});

test('a large log is renamed, reopened, and its forebears packed, five files in all', async () => {
  const reopened: string[] = [];
  const reopenLog = async (id: string) => {
    reopened.push(id);
    await writeFile(path, '');
  };
  const runtime = { reopenLog } as unknown as Runtime;
  const clock = new VirtualClock();
  for (let round = 0; round < 7; round++) {
    await writeFile(path, 'x'.repeat(100));
    expect(await rotateIfLarge({ path, containerId: 'c' }, { runtime, clock, bytesMax: 100 })).toBe(true);
    await clock.advance(1000);
  }
  expect(await rotateIfLarge({ path, containerId: 'c' }, { runtime, clock, bytesMax: 100 })).toBe(false);
  expect(reopened).toHaveLength(7);
  expect((await readdir(directory)).sort()).toEqual([
    '0.log',
    '0.log.20260101-000003.gz',
    '0.log.20260101-000004.gz',
    '0.log.20260101-000005.gz',
    '0.log.20260101-000006',
  ]);
});

test('a log that is kept as text is chosen from likewise, and followed to the end of its container', async () => {
  const text = line(0, 'one') + line(5, 'two') + line(6, 'three');
  const readText = (options: Partial<LogOptions & { text: string }> = {}) =>
    whole(readLogText({ text, ...reading(), ...options }));
  expect(await readText()).toBe('one\ntwo\nthree\n');
  expect(await readText({ tailLines: 1, timestamps: true })).toBe('2026-01-01T00:00:06.123456789Z three\n');
  expect(await readText({ tailLines: 0 })).toBe('');
  expect(await readText({ sinceMs: Date.parse('2026-01-01T00:00:05Z'), limitBytes: 5 })).toBe('two\nt');
  expect(await readText({ text: '' })).toBe('');
  const clock = new VirtualClock();
  let running = true;
  const following = readText({ follow: true, clock, isRunning: () => running });
  await clock.advance(5000);
  running = false;
  await clock.advance(1000);
  expect(await following).toBe('one\ntwo\nthree\n');
});
