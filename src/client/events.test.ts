import { expect, test } from 'vitest';
import type { Event } from '#api/gen/core-v1.js';
import { notFound } from '#apimachinery/errors.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { Client } from './client.js';
import { EventRecorder } from './events.js';
import { type ApiRequest, type Transport, TransportError } from './transport.js';

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'ns', uid: 'u', resourceVersion: '7' } };

function record(answer: (request: ApiRequest) => unknown = () => undefined) {
  const clock = new VirtualClock();
  const requests: ApiRequest[] = [];
  const transport: Transport = {
    async request(request) {
      requests.push(request);
      const given = request.body as Event;
      return {
        status: 200,
        body: answer(request) ?? {
          ...given,
          metadata: { ...given.metadata, name: given.metadata?.name ?? request.path.split('/').at(-1) },
        },
      };
    },
    watch: () => {
      throw new Error('not used');
    },
  };
  const options = { client: new Client(transport), clock, prng: new SeededPrng(1), log: silentLog };
  const recorder = new EventRecorder({ ...options, component: 'c', host: 'h' });
  const say = (message: string, reason = 'R') => recorder.event(pod, { type: 'Normal', reason, message });
  return { recorder, requests, clock, say };
}

test('an event names its object, its source and its time, beside the object', async () => {
  const { recorder, requests, say } = record();
  say('hello');
  await recorder.flushed();
  expect(requests).toMatchObject([{ method: 'POST', path: '/api/v1/namespaces/ns/events' }]);
  expect(requests[0]?.body).toMatchObject({
    involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'ns', name: 'p', uid: 'u', resourceVersion: '7' },
    reason: 'R',
    message: 'hello',
    type: 'Normal',
    count: 1,
    source: { component: 'c', host: 'h' },
    reportingComponent: 'c',
    reportingInstance: 'h',
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
  });
  expect((requests[0]!.body as Event).metadata.name).toMatch(/^p\.[0-9a-f]{16}$/);
});

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('an event that comes %i turns after another is sent, too', async (turns) => {
  const { recorder, requests, say } = record();
  say('hello');
  await Promise.resolve();
  while (requests.length === 0) await Promise.resolve();
  for (let n = 0; n < turns; n++) await Promise.resolve();
  say('again');
  await recorder.flushed();
  expect(requests).toHaveLength(2);
});

test('the same event again raises the count of the first', async () => {
  const { recorder, requests, clock, say } = record();
  say('hello');
  await recorder.flushed();
  await clock.advance(5000);
  say('hello');
  await recorder.flushed();
  const first = (requests[0]!.body as Event).metadata.name;
  expect(requests[1]).toMatchObject({ method: 'PATCH', path: `/api/v1/namespaces/ns/events/${first}` });
  expect(requests[1]?.body).toEqual({ count: 2, lastTimestamp: '2026-01-01T00:00:05Z', message: 'hello' });
});

test('an event to be counted that has expired is made anew', async () => {
  const { recorder, requests, say } = record(({ method }) => {
    if (method === 'PATCH') throw notFound({ group: '', resource: 'events', name: 'x' });
    return undefined;
  });
  say('hello');
  say('hello');
  await recorder.flushed();
  expect(requests.map(({ method }) => method)).toEqual(['POST', 'PATCH', 'POST']);
  expect(requests[2]?.body).toMatchObject({ count: 2, message: 'hello' });
});

test('from the tenth that differs only by message, similar events become one', async () => {
  const { recorder, requests, say } = record();
  for (let number = 1; number <= 12; number++) say(`number ${number}`);
  await recorder.flushed();
  const messages = requests.map(({ method, body }) => [method, (body as Event).message]);
  expect(messages.slice(8)).toEqual([
    ['POST', 'number 9'],
    ['POST', '(combined from similar events): number 10'],
    ['PATCH', '(combined from similar events): number 11'],
    ['PATCH', '(combined from similar events): number 12'],
  ]);
  const combined = { source: { component: 'c', host: 'h' }, reportingComponent: '', reportingInstance: '' };
  expect(requests[9]!.body).toMatchObject(combined);
});

test('beyond 25 events about one object, one more passes every five minutes', async () => {
  const { recorder, requests, clock, say } = record();
  for (let number = 0; number < 40; number++) say('m', `R${number}`);
  await recorder.flushed();
  expect(requests).toHaveLength(25);
  await clock.advance(300_000);
  say('m', 'Later');
  say('m', 'Later2');
  await recorder.flushed();
  expect(requests).toHaveLength(26);
});

test('what was dropped as too many is counted by the next that passes', async () => {
  const { recorder, requests, clock, say } = record();
  for (let number = 0; number < 40; number++) say('again');
  await clock.advance(300_000);
  say('again');
  await recorder.flushed();
  expect(requests).toHaveLength(26);
  expect(requests.slice(24).map(({ body }) => (body as Event).count)).toEqual([25, 41]);
});

test('without an answer an event is tried again, with a refusal it is not', async () => {
  let tries = 0;
  const { recorder, requests, clock, say } = record(() => {
    if (++tries < 3) throw new TransportError('refused');
    throw notFound({ group: '', resource: 'namespaces', name: 'ns' });
  });
  say('hello');
  await clock.advance(30_000);
  await recorder.flushed();
  expect(requests).toHaveLength(3);
});
