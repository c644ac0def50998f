/** Clusters to measure: made on a data directory of their own, waited for in steps, and always cleaned away. */
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import dnsPacket from 'dns-packet';
import { SystemClock } from '#base/clock.js';
import { ClusterProcess } from '../test/cluster-process.js';

export const clock = new SystemClock();
export type RuntimeName = 'simulated' | 'containerd';

/** A cluster that does not run yet, and what takes it away. */
export async function createCluster(
  runtime: RuntimeName,
  environment: Record<string, string> = {},
): Promise<{ cluster: ClusterProcess; purge: () => Promise<void> }> {
  const directory = mkdtempSync(path.join(tmpdir(), 't8s-bench-'));
  const cluster = new ClusterProcess({
    dataDir: path.join(directory, 'd'),
    port: await freePort(),
    runtime,
    podCidr: '10.83.0.0/16',
    serviceCidr: '10.183.0.0/16',
    environment,
  });
  return {
    cluster,
    purge: async () => {
      await cluster.purge();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Runs `work` with a cluster that does not run yet, and takes it away after. */
export async function withCluster<T>(
  runtime: RuntimeName,
  work: (cluster: ClusterProcess) => Promise<T>,
  environment?: Record<string, string>,
): Promise<T> {
  const { cluster, purge } = await createCluster(runtime, environment);
  try {
    return await work(cluster);
  } finally {
    await purge();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

interface Watched {
  spec?: { renewTime?: string };
  status?: { conditions?: { type: string; status: string }[] };
}

/** Watches until the node is ready and its kubelet has renewed its lease since `sinceMs`: an earlier process's word does not count. */
export async function nodeReady(cluster: ClusterProcess, { sinceMs }: { sinceMs: number }): Promise<void> {
  await cluster.eventually('there are certificates', async () => cluster.access !== undefined);
  await Promise.all([
    firstThat(cluster, '/api/v1/nodes', ({ status }) =>
      status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
    ),
    firstThat(cluster, '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', ({ spec }) =>
      spec?.renewTime ? Date.parse(spec.renewTime) >= sinceMs : false,
    ),
  ]);
}

async function firstThat(
  cluster: ClusterProcess,
  collection: string,
  fits: (object: Watched) => boolean | undefined,
): Promise<void> {
  const connection = await cluster.connect();
  try {
    await new Promise<void>((resolve, reject) => {
      connection
        .watch(`${collection}?watch=true`, ({ object }) => {
          if (fits(object)) resolve();
        })
        .then(({ code }) => reject(new Error(`the watch of ${collection} ended with ${code}`)), reject);
    });
  } finally {
    connection.close();
  }
}

/** Where the cluster's DNS is asked: pods' address with containers, the endpoint on this machine without. */
export async function dnsPlace(cluster: ClusterProcess): Promise<{ address: string; port: number }> {
  if (cluster.options.runtime === 'containerd') return { address: '10.183.0.10', port: 53 };
  await cluster.eventually('there are certificates', async () => cluster.access !== undefined);
  const connection = await cluster.connect();
  let port: number | undefined;
  await cluster.eventually('DNS has an endpoint', async () => {
    const { code, body } = await connection.request('GET', '/api/v1/namespaces/kube-system/endpoints/kube-dns');
    if (code === 200) port = JSON.parse(body.toString()).subsets?.[0]?.ports?.[0]?.port;
    return port !== undefined;
  });
  connection.close();
  return { address: '127.0.0.1', port: port! };
}

/** Asks until the cluster's best-known name has an address. */
export async function dnsAnswers(cluster: ClusterProcess, place = dnsPlace): Promise<void> {
  let { address, port } = await place(cluster);
  await cluster.eventually('DNS answers', async () => {
    const answered = await askDns({ address, port });
    // A restarted cluster without containers serves DNS at another port than the one that the store still names.
    if (!answered && cluster.options.runtime === 'simulated') ({ address, port } = await place(cluster));
    return answered;
  });
}

function askDns({ address, port }: { address: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (answered: boolean) => {
      timer.cancel();
      socket.close();
      resolve(answered);
    };
    const timer = clock.setTimer(20, () => end(false));
    socket.on('error', () => end(false));
    socket.on('message', (bytes) => end((dnsPacket.decode(bytes).answers ?? []).length > 0));
    const questions = [{ type: 'A' as const, name: 'kubernetes.default.svc.cluster.local' }];
    socket.send(
      dnsPacket.encode({ type: 'query', id: 1, flags: dnsPacket.RECURSION_DESIRED, questions }),
      port,
      address,
    );
  });
}
