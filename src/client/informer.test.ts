import { expect, test } from 'vitest';
import type { ResourceRef } from '#api/resource.js';
import { expired } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import { VirtualClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import { Client } from './client.js';
import { Informer, InformerFactory } from './informer.js';
import { type ApiRequest, type Transport, TransportError, type WatchEvent } from './transport.js';

const pods: ResourceRef = { group: '', versions: ['v1'], kind: 'Pod', plural: 'pods', namespaced: true };

type Step = (request: ApiRequest) => unknown;

/** Plays one answer for each request, in order, and remembers the requests. Watches after the last step stay silent. */
class Script implements Transport {
  readonly requests: ApiRequest[] = [];
  readonly #steps: Step[];

  constructor(steps: Step[]) {
    this.#steps = steps;
  }

  async request(request: ApiRequest) {
    this.requests.push(request);
    const step = this.#steps.shift();
    if (!step) throw new TransportError('the script is over');
    return { status: 200, body: step(request) };
  }

  async *watch(request: ApiRequest): AsyncIterable<WatchEvent> {
    this.requests.push(request);
    const step = this.#steps.shift();
    if (step) yield* step(request) as Iterable<WatchEvent>;
    else await new Promise((resolve) => request.signal?.addEventListener('abort', resolve, { once: true }));
  }
}

function pod(name: string, revision: number, uid = name): KubeObject {
  const metadata = { name, namespace: 'default', uid, resourceVersion: String(revision), labels: { app: name[0]! } };
  return Object.freeze({ apiVersion: 'v1', kind: 'Pod', metadata });
}

const list = (revision: number, items: KubeObject[], next?: string) => () => ({
  apiVersion: 'v1',
  kind: 'PodList',
  metadata: { resourceVersion: String(revision), continue: next },
  items,
});
const events =
  (...all: [WatchEvent['type'], KubeObject][]) =>
  () =>
    all.map(([type, object]) => ({ type, object })) as WatchEvent[];
const bookmark = (revision: number): [WatchEvent['type'], KubeObject] => [
  'BOOKMARK',
  { apiVersion: 'v1', kind: 'Pod', metadata: { resourceVersion: String(revision) } },
];
const fails = (error: Error) => () => {
  throw error;
};

async function play(...steps: Step[]) {
  const clock = new VirtualClock();
  const script = new Script(steps);
  const informer = new Informer(new Client(script).of(pods), {
    clock,
    prng: new SeededPrng(1),
    log: silentLog,
    indexes: { app: (object) => [object.metadata.labels?.app ?? ''] },
  });
  const heard: string[] = [];
  const say = (what: string) => (object: KubeObject) =>
    heard.push(`${what} ${object.metadata.name} ${object.metadata.uid}`);
  informer.onEvent({ added: say('added'), updated: say('updated'), deleted: say('deleted') });
  const stop = new AbortController();
  const run = informer.start(stop.signal);
  await clock.advance(120_000);
  const end = async () => {
    stop.abort();
    await run;
  };
  const asked = script.requests.map(({ query = {} }) =>
    query.watch ? `watch ${query.resourceVersion}` : `list ${query.continue ?? query.resourceVersion ?? 'newest'}`,
  );
  return { informer, heard, asked, clock, script, stop: end };
}

test('lists in pages, then watches from the revision of the list', async () => {
  const { informer, heard, asked, stop } = await play(
    list(5, [pod('a1', 1)], 'page2'),
    list(5, [pod('b1', 2)]),
    events(['ADDED', pod('a2', 6)], ['MODIFIED', pod('b1', 7)], ['DELETED', pod('a1', 8)], bookmark(20)),
  );
  expect(asked).toEqual(['list 0', 'list page2', 'watch 5', 'watch 20']);
  expect(heard).toEqual(['added a1 a1', 'added b1 b1', 'added a2 a2', 'updated b1 b1', 'deleted a1 a1']);
  expect(informer.list().map((object) => object.metadata.name)).toEqual(['b1', 'a2']);
  expect(informer.byIndex('app', 'a').map((object) => object.metadata.name)).toEqual(['a2']);
  expect(informer.get('default/b1')?.metadata.resourceVersion).toBe('7');
  await stop();
});

test('an expired watch is followed by a list that says what was missed', async () => {
  const { heard, asked, stop } = await play(
    list(5, [pod('a', 1), pod('b', 2), pod('c', 3)]),
    fails(expired('too old')),
    list(9, [pod('a', 1), pod('b', 8), pod('d', 9)]),
  );
  expect(asked).toEqual(['list 0', 'watch 5', 'list 5', 'watch 9']);
  expect(heard.slice(3)).toEqual(['updated b b', 'added d d', 'deleted c c']);
  await stop();
});

test('a list from an expired revision is repeated from the newest', async () => {
  const { asked, stop } = await play(list(5, []), fails(expired('too old')), fails(expired('compacted')), list(9, []));
  expect(asked).toEqual(['list 0', 'watch 5', 'list 5', 'list newest', 'watch 9']);
  await stop();
});

test('no answer: the list is tried again after 0.8 to 1.6 s, a watch from where it stood', async () => {
  const lost = new TransportError('connection refused');
  const { asked, stop, clock } = await play(fails(lost), list(5, []), fails(lost));
  expect(asked).toEqual(['list 0', 'list 0', 'watch 5', 'watch 5']);
  await stop();
  expect(clock.pending).toBe(0);
});

test('one name with another uid is a deletion and an addition', async () => {
  const { heard, stop } = await play(list(5, [pod('a', 1, 'first')]), events(['MODIFIED', pod('a', 8, 'second')]));
  expect(heard).toEqual(['added a first', 'deleted a first', 'added a second']);
  await stop();
});

test('a handler that comes late hears of all objects; one that throws harms nobody', async () => {
  const { informer, stop } = await play(list(5, [pod('a', 1), pod('b', 2)]));
  const late: string[] = [];
  informer.onEvent({
    added: () => {
      throw new Error('a bug');
    },
  });
  informer.onEvent({ added: (object) => late.push(object.metadata.name ?? '') });
  expect(late).toEqual(['a', 'b']);
  await stop();
});

test('items of a list get the apiVersion and kind that they lack', async () => {
  const bare = { metadata: { name: 'a', namespace: 'default', uid: 'a', resourceVersion: '1' } } as KubeObject;
  const { informer, stop } = await play(list(5, [bare]));
  expect(informer.get('default/a')).toMatchObject({ apiVersion: 'v1', kind: 'Pod' });
  await stop();
});

test('a factory gives one informer for one resource and selection', async () => {
  const script = new Script([list(1, [pod('a', 1)])]);
  const clock = new VirtualClock();
  const factory = new InformerFactory({ client: new Client(script), clock, prng: new SeededPrng(1), log: silentLog });
  const first = factory.of(pods);
  expect(factory.of(pods)).toBe(first);
  expect(factory.of(pods, { namespace: 'x' })).not.toBe(factory.of(pods));
  const stop = new AbortController();
  const only = new InformerFactory({ client: new Client(script), clock, prng: new SeededPrng(1), log: silentLog });
  only.start(stop.signal);
  const informer = only.of(pods);
  await only.synced();
  expect(informer.size).toBe(1);
  stop.abort();
  await only.stopped();
});
