/** How long from exec of the command to an API server, to a node, to a name's address; the first time and again. */
import type { ClusterProcess } from '../../test/cluster-process.js';
import { clock, dnsAnswers, nodeReady, type RuntimeName, withCluster } from '../cluster.js';
import type { Figure } from '../figures.js';
import type { Settings } from '../settings.js';

const stages = ['readyz', 'node Ready', 'DNS answer'] as const;
type Stages = Record<(typeof stages)[number], number>;
const aims: Partial<Stages> = { readyz: 500, 'node Ready': 2000 };

export async function start({ runs, runtimes }: Settings): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const runtime of runtimes) figures.push(...(await measure(runtime, runs)));
  return figures;
}

async function measure(runtime: RuntimeName, runs: number): Promise<Figure[]> {
  const samples = { first: [] as Stages[], again: [] as Stages[] };
  for (let run = 0; run < runs; run++) {
    await withCluster(runtime, async (cluster) => {
      samples.first.push(await startOnce(cluster));
      await cluster.kill('SIGTERM');
      samples.again.push(await startOnce(cluster));
    });
  }
  return (['first', 'again'] as const).flatMap((which) =>
    stages.map((stage): Figure => {
      const aim = aims[stage];
      return {
        suite: 'start',
        name: `${runtime}, ${which === 'first' ? 'first start' : 'restart'}: ${stage}`,
        unit: 'ms',
        samples: samples[which].map((each) => each[stage]),
        ...(aim && { aim: { atMost: aim } }),
      };
    }),
  );
}

async function startOnce(cluster: ClusterProcess): Promise<Stages> {
  const since = { sinceMs: clock.now() };
  const { startedMs } = cluster.start();
  const sinceMs = () => clock.monotonic() - startedMs;
  await cluster.ready();
  const readyz = sinceMs();
  const [node, dns] = await Promise.all([nodeReady(cluster, since).then(sinceMs), dnsAnswers(cluster).then(sinceMs)]);
  // What is measured next must not be disturbed by the last of the start.
  await cluster.eventually('the cluster says that it is ready', async () => cluster.output.includes('Ready in'));
  return { readyz, 'node Ready': node, 'DNS answer': dns };
}
