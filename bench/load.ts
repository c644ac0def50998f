/** The client process of the `api` suite: closed loops of one kind of request each, then watches. */
import { SystemClock } from '#base/clock.js';
import { Connection } from '../test/connection.js';
import { quantile } from './figures.js';
import type { LoadRequest, LoadResult } from './suites/api.js';

const clock = new SystemClock();
const collection = '/api/v1/namespaces/default/configmaps';
const payload = 'x'.repeat(1024);
const listed = 100;
const watchedUpdates = 200;

const request = await new Promise<LoadRequest>((resolve) =>
  process.once('message', (message) => resolve(message as LoadRequest)),
);
const figures: LoadResult['figures'] = [];
const configMap = (name: string, data = payload) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { payload: data } });

for (const count of request.connections) await measureRequests(count);
for (const count of request.watchers) await measureWatches(count);
process.send!({ figures } satisfies LoadResult, () => process.exit(0));

async function openMany(count: number): Promise<Connection[]> {
  return Promise.all(Array.from({ length: count }, () => Connection.open(request.access)));
}

async function ask(connection: Connection, method: string, path: string, body?: string): Promise<void> {
  const reply = await connection.request(method, path, body);
  if (reply.code >= 300) throw new Error(`${method} ${path} answered ${reply.code}: ${reply.body}`);
}

async function measureRequests(count: number): Promise<void> {
  const connections = await openMany(count);
  const first = connections[0]!;
  for (let index = 0; index < Math.max(listed, count); index++) {
    await ask(first, 'POST', collection, configMap(`fixed-${index}`));
  }
  const verbs: Record<string, (connection: Connection, worker: number, turn: number) => Promise<void>> = {
    get: (connection, worker) => ask(connection, 'GET', `${collection}/fixed-${worker}`),
    [`list of ${listed}`]: (connection) => ask(connection, 'GET', `${collection}?limit=${listed}`),
    put: (connection, worker, turn) =>
      ask(connection, 'PUT', `${collection}/fixed-${worker}`, configMap(`fixed-${worker}`, `${turn} ${payload}`)),
    create: (connection, worker, turn) => ask(connection, 'POST', collection, configMap(`made-${worker}-${turn}`)),
  };
  for (const [verb, work] of Object.entries(verbs)) {
    const latencies: number[] = [];
    const startedMs = clock.monotonic();
    await Promise.all(
      connections.map(async (connection, worker) => {
        for (let turn = 0; clock.monotonic() - startedMs < request.durationMs; turn++) {
          const sentMs = clock.monotonic();
          await work(connection, worker, turn);
          latencies.push(clock.monotonic() - sentMs);
        }
      }),
    );
    const perSecond = (1000 * latencies.length) / (clock.monotonic() - startedMs);
    const name = `${verb}, ${count} connection${count === 1 ? '' : 's'}`;
    figures.push({ name, unit: '1/s', samples: [perSecond] });
    figures.push({ name: `${name}: latency p50`, unit: 'ms', samples: [quantile(latencies, 0.5)] });
    figures.push({ name: `${name}: latency p99`, unit: 'ms', samples: [quantile(latencies, 0.99)] });
  }
  await ask(first, 'DELETE', collection);
  for (const connection of connections) connection.close();
}

/** From sending an update until the last of all watchers has its event. */
async function measureWatches(count: number): Promise<void> {
  const [writer, ...watchers] = await openMany(count + 1);
  await ask(writer!, 'POST', collection, configMap('watched', 'start'));
  let seen: (payload: string) => void = () => {};
  for (const watcher of watchers) {
    watcher
      .watch(`${collection}?watch=true&fieldSelector=metadata.name%3Dwatched`, ({ object }) =>
        seen((object as { data?: { payload?: string } }).data?.payload ?? ''),
      )
      .catch(() => {}); // closed by us; one that ends too early is waited for in vain
  }
  const latencies: number[] = [];
  for (let turn = 0; turn < watchedUpdates; turn++) {
    let left = count;
    const all = new Promise<void>((resolve) => {
      seen = (payload) => {
        if (payload === String(turn) && --left === 0) resolve();
      };
    });
    const sentMs = clock.monotonic();
    await ask(writer!, 'PUT', `${collection}/watched`, configMap('watched', String(turn)));
    await all;
    latencies.push(clock.monotonic() - sentMs);
  }
  figures.push({
    name: `write to event, ${count} watcher${count === 1 ? '' : 's, the last one'}`,
    unit: 'ms',
    samples: latencies,
  });
  await ask(writer!, 'DELETE', collection);
  for (const connection of [writer!, ...watchers]) connection.close();
}
