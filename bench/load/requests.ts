/**
 * Closed loops of one kind of request each: how many a second, how long each, and the server's processor time for it.
 * A round of all of them comes first and is thrown away: what takes some thousand requests to be compiled is not what a
 * server in use takes, and those that it is held against were compiled before they were started.
 */
import { quantile } from '../figures.js';
import { ask, collection, configMap, type Load, openMany, type Part } from './client.js';

const listed = 100;

export const measureRequests: Part = async (load) => {
  const { connections } = load.request;
  await measureVerbs({ ...load, report: () => {} }, Math.max(...connections));
  for (const count of connections) await measureVerbs(load, count);
};

async function measureVerbs({ request, clock, report }: Load, count: number): Promise<void> {
  const connections = await openMany(request.access, count);
  const first = connections[0]!;
  for (let index = 0; index < Math.max(listed, count); index++) {
    await ask(first, 'POST', collection, configMap(`fixed-${index}`));
  }
  const verbs: Record<string, (worker: number, turn: number) => Promise<unknown>> = {
    get: (worker) => ask(connections[worker]!, 'GET', `${collection}/fixed-${worker}`),
    [`list of ${listed}`]: (worker) => ask(connections[worker]!, 'GET', `${collection}?limit=${listed}`),
    put: (worker, turn) =>
      ask(connections[worker]!, 'PUT', `${collection}/fixed-${worker}`, configMap(`fixed-${worker}`, `${turn}`)),
    create: (worker, turn) => ask(connections[worker]!, 'POST', collection, configMap(`made-${worker}-${turn}`)),
  };
  for (const [verb, work] of Object.entries(verbs)) {
    const latencies: number[] = [];
    const startedMs = clock.monotonic();
    const cpuBeforeMs = request.server.cpuMs();
    await Promise.all(
      connections.map(async (_, worker) => {
        for (let turn = 0; clock.monotonic() - startedMs < request.durationMs; turn++) {
          const sentMs = clock.monotonic();
          await work(worker, turn);
          latencies.push(clock.monotonic() - sentMs);
        }
      }),
    );
    const tookMs = clock.monotonic() - startedMs;
    const cpuUs = ((request.server.cpuMs() - cpuBeforeMs) * 1000) / latencies.length;
    const name = `${verb}, ${count} connection${count === 1 ? '' : 's'}`;
    report({ name, unit: '1/s', samples: [(1000 * latencies.length) / tookMs] });
    report({ name: `${name}: latency p50`, unit: 'ms', samples: [quantile(latencies, 0.5)] });
    report({ name: `${name}: latency p99`, unit: 'ms', samples: [quantile(latencies, 0.99)] });
    report({ name: `${name}: processor time of the server, each`, unit: 'us', samples: [cpuUs] });
  }
  await ask(first, 'DELETE', collection);
  for (const connection of connections) connection.close();
}
