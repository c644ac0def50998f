import { expect, it } from 'vitest';
import { formatYaml } from '#base/yaml.js';
import { encodeListDocument, type ListDocument } from './list-document.js';

const elements = [{ b: [1], a: { c: 'x' } }, {}];
const document = (some: object[]): ListDocument => ({
  head: { kind: 'L', apiVersion: 'v1', metadata: { resourceVersion: '5' }, none: undefined },
  key: 'items',
  length: some.length,
  element: (index) => some[index]!,
});
const whole = (some: object[]) => ({ kind: 'L', apiVersion: 'v1', metadata: { resourceVersion: '5' }, items: some });
const written = async (some: object[], form: { format: 'json' | 'yaml'; pretty: boolean }) =>
  Buffer.concat(await encodeListDocument(document(some), form)).toString();

it.each([[elements], [[]]])('writes %j as it would be written in one go', async (some) => {
  expect(await written(some, { format: 'json', pretty: false })).toBe(`${JSON.stringify(whole(some))}\n`);
  expect(await written(some, { format: 'json', pretty: true })).toBe(JSON.stringify(whole(some), undefined, 2));
  expect(await written(some, { format: 'yaml', pretty: false })).toBe(formatYaml(whole(some)));
});

it('lets others have their turn', async () => {
  const many = Array.from({ length: 20_000 }, (_, index) => ({
    name: `n${index}`,
    labels: { a: 'b', c: `d${index}` },
  }));
  // Of processor time: the machine may have more to do.
  let longestMs = 0;
  let last = process.cpuUsage();
  const watch = () => {
    longestMs = Math.max(longestMs, process.cpuUsage(last).user / 1000);
    last = process.cpuUsage();
    timer = setImmediate(watch);
  };
  let timer = setImmediate(watch);
  for (const form of ['json', 'yaml'] as const) await written(many, { format: form, pretty: true });
  clearImmediate(timer);
  expect(longestMs).toBeLessThan(200);
});
