/** What the API server does in a second over HTTPS, how long a request takes, and how fast a watch tells. */
import { fork } from 'node:child_process';
import path from 'node:path';
import { withCluster } from '../cluster.js';
import type { Figure } from '../figures.js';
import type { LoadRequest, PartName } from '../load/client.js';
import type { Settings } from '../settings.js';
import { etcd } from './etcd.js';
import { floors } from './floors.js';

interface LoadResult {
  figures: Omit<Figure, 'suite'>[];
}

export async function api({ runs }: Settings): Promise<Figure[]> {
  const durationMs = 300 * runs;
  const measures = [
    ...(await measured(['requests', 'watches', 'fan-out', 'lists', 'large', 'documents'], durationMs)),
    // In a server that has nothing to forget yet.
    ...(await measured(['pods'], durationMs)),
  ];
  return [...measures, ...floors(), ...(await etcd(durationMs))];
}

function measured(parts: readonly PartName[], durationMs: number): Promise<Figure[]> {
  return withCluster('simulated', async (cluster) => {
    cluster.start();
    await cluster.ready();
    await cluster.eventually('the cluster is ready', async () => cluster.output.includes('Ready in'));
    const request: LoadRequest = {
      parts,
      access: cluster.access!,
      pid: cluster.pid,
      connections: [1, 16, 64],
      watchers: [1, 16, 64, 1000],
      durationMs,
    };
    const { figures } = await load(request);
    return figures.map((figure) => ({ suite: 'api', ...figure }));
  });
}

function load(request: LoadRequest): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const client = fork(path.join(import.meta.dirname, '../load/main.ts'), { execArgv: ['--import', 'tsx'] });
    let result: LoadResult | undefined;
    client.on('message', (message) => {
      result = message as LoadResult;
    });
    client.on('error', reject);
    client.on('exit', (code) => (result ? resolve(result) : reject(new Error(`the client ended with ${code}`))));
    client.send(request);
  });
}
