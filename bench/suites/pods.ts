/** How long a pod takes from create to Running, alone and with others, against bare calls of the same runtime. */
import path from 'node:path';
import { silentLog } from '#base/log.js';
import { SystemPrng } from '#base/prng.js';
import { ContainerdRuntime } from '#kubelet/runtime/containerd/containerd.js';
import { containerdPaths } from '#kubelet/runtime/containerd/daemon.js';
import type { ClusterProcess } from '../../test/cluster-process.js';
import { busyboxImage, busyboxReference } from '../../test/images/images.js';
import { containerOf, sandboxNamed } from '../../test/runtime/node.js';
import { clock, nodeReady, withCluster } from '../cluster.js';
import { type Figure, quantile } from '../figures.js';
import type { Settings } from '../settings.js';

const together = 30;
const command = ['sh', '-c', 'sleep 1000 & wait'];

export async function pods({ runs, runtimes }: Settings): Promise<Figure[]> {
  if (!runtimes.includes('containerd')) return [];
  return withCluster('containerd', async (cluster) => {
    cluster.start();
    await cluster.ready();
    await nodeReady(cluster, { sinceMs: 0 });
    await cluster.eventually('the cluster is ready', async () => cluster.output.includes('Ready in'));
    const { dataDir } = cluster.options;
    const socketPath = containerdPaths(dataDir).socket;
    const runtime = new ContainerdRuntime({ socketPath, clock, prng: new SystemPrng(), log: silentLog });
    try {
      await runtime.importImage(await busyboxImage());
      const bare = new BarePods(runtime, dataDir);
      const watched = await WatchedPods.open(cluster);
      const floor: number[] = [];
      const alone: number[] = [];
      // In turns, so that both see the same machine.
      for (let run = 0; run < runs; run++) {
        floor.push(...(await bare.run(1)));
        alone.push(...(await watched.run(1)));
      }
      const floorTogether = await bare.run(together);
      const atOnce = await watched.run(together);
      watched.close();
      const figure = (name: string, samples: number[], atMost?: number): Figure => ({
        suite: 'pods',
        name,
        unit: 'ms',
        samples,
        ...(atMost !== undefined && { aim: { atMost } }),
      });
      const ratio = quantile(alone, 0.5) / quantile(floor, 0.5);
      return [
        figure('floor: bare CRI calls, alone', floor),
        figure('create to Running, alone', alone, 400),
        { suite: 'pods', name: 'times the floor, alone', unit: 'x', samples: [ratio], aim: { atMost: 1.5 } },
        figure(`floor: bare CRI calls, ${together} at once, each`, floorTogether),
        figure(`floor: bare CRI calls, ${together} at once, all`, [Math.max(...floorTogether)]),
        figure(`create to Running, ${together} at once, each`, atOnce),
        figure(`create to Running, ${together} at once, all`, [Math.max(...atOnce)], 4000),
      ];
    } finally {
      await runtime.close();
    }
  });
}

/** Pods without Kubernetes: RunPodSandbox, CreateContainer, StartContainer. */
class BarePods {
  readonly #runtime: ContainerdRuntime;
  readonly #dataDirectory: string;
  #made = 0;

  constructor(runtime: ContainerdRuntime, dataDirectory: string) {
    this.#runtime = runtime;
    this.#dataDirectory = path.join(dataDirectory, 'floor');
  }

  /** Milliseconds from the one beginning to each pod's start. */
  async run(count: number): Promise<number[]> {
    const image = (await this.#runtime.image(busyboxReference))!;
    const sandboxes: string[] = [];
    const startedMs = clock.monotonic();
    const times = await Promise.all(
      Array.from({ length: count }, async () => {
        const sandbox = sandboxNamed({ dataDirectory: this.#dataDirectory }, `floor-${this.#made++}`, { labels: {} });
        const sandboxId = await this.#runtime.runSandbox(sandbox);
        sandboxes.push(sandboxId);
        const config = containerOf(image.id, { command });
        await this.#runtime.startContainer(await this.#runtime.createContainer(sandboxId, config, sandbox));
        return clock.monotonic() - startedMs;
      }),
    );
    for (const sandboxId of sandboxes) {
      await this.#runtime.stopSandbox(sandboxId);
      await this.#runtime.removeSandbox(sandboxId);
    }
    return times;
  }
}

interface PodObject {
  metadata: { name: string };
  status?: { phase?: string };
}

type Event = { type: string; object: PodObject };

/** Pods by the API alone: created by one connection, seen by another. */
class WatchedPods {
  readonly #cluster: ClusterProcess;
  readonly #waiting = new Map<string, { running(): void; gone(): void }>();
  readonly #close: () => void;
  #made = 0;

  private constructor(cluster: ClusterProcess, close: () => void) {
    this.#cluster = cluster;
    this.#close = close;
  }

  static async open(cluster: ClusterProcess): Promise<WatchedPods> {
    const connection = await cluster.connect();
    const watched = new WatchedPods(cluster, () => connection.close());
    connection
      .watch('/api/v1/namespaces/default/pods?watch=true', (event) => watched.#see(event as Event))
      .catch(() => {}); // closed by us; a watch that ends too early shows as a pod that is waited for in vain
    return watched;
  }

  close(): void {
    this.#close();
  }

  #see({ type, object }: Event): void {
    const waiting = this.#waiting.get(object.metadata.name);
    if (type === 'DELETED') waiting?.gone();
    else if (object.status?.phase === 'Running') waiting?.running();
  }

  /** Milliseconds from the one beginning until each pod was seen running. */
  async run(count: number): Promise<number[]> {
    const connections = await Promise.all(Array.from({ length: count }, () => this.#cluster.connect()));
    await this.#cluster.eventually('there is a service account', async () => {
      const { code } = await connections[0]!.request('GET', '/api/v1/namespaces/default/serviceaccounts/default');
      return code === 200;
    });
    const gone: Promise<void>[] = [];
    const names: string[] = [];
    const startedMs = clock.monotonic();
    const times = await Promise.all(
      connections.map(async (connection) => {
        const name = `bench-${this.#made++}`;
        names.push(name);
        const running = new Promise<number>((resolve) => {
          gone.push(
            new Promise((resolveGone) => {
              const times = { running: () => resolve(clock.monotonic() - startedMs), gone: resolveGone };
              this.#waiting.set(name, times);
            }),
          );
        });
        const spec = {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'main', image: busyboxReference, command }],
        };
        const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec };
        const { code, body } = await connection.request('POST', '/api/v1/namespaces/default/pods', JSON.stringify(pod));
        if (code !== 201) throw new Error(`create answered ${code}: ${body}`);
        return within(running, `${name} runs`);
      }),
    );
    for (const name of names) await connections[0]!.request('DELETE', `/api/v1/namespaces/default/pods/${name}`);
    await within(Promise.all(gone), 'all pods are gone');
    for (const connection of connections) connection.close();
    return times;
  }
}

async function within<T>(work: Promise<T>, what: string): Promise<T> {
  const end = new AbortController();
  const late = clock.sleep(60_000, end.signal).then(() => Promise.reject(new Error(`waited a minute until ${what}`)));
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    end.abort();
  }
}
