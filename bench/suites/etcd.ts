/** For scale, beside the API server's figures: what etcd, where it is installed, does with objects of the same size. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Channel, type Method } from '#base/grpc/channel.js';
import { bytes, type Fields, message } from '#base/grpc/message.js';
import { findProgram } from '#cluster/machine/binaries.js';
import { clock } from '../cluster.js';
import { type Figure, quantile } from '../figures.js';

const connections = [1, 16, 64];
const value = Buffer.alloc(1200, 'x');
const startTriesMax = 200;

// Field numbers are those of etcd's rpc.proto.
const put: Method<Fields, Fields> = {
  path: '/etcdserverpb.KV/Put',
  request: message({ key: bytes(1), value: bytes(2) }),
  response: message({}),
};
const range: Method<Fields, Fields> = {
  path: '/etcdserverpb.KV/Range',
  request: message({ key: bytes(1) }),
  response: message({}),
};

/** No figures where there is no etcd. */
export async function etcd(durationMs: number): Promise<Figure[]> {
  const program = findProgram('etcd');
  if (!program) return [];
  const directory = await mkdtemp(path.join(tmpdir(), 't8s-etcd-'));
  // etcd takes the rest of such an address for the name of a socket in its working directory.
  const socket = (name: string) => `unix://${name}:0`;
  const child = spawn(
    program,
    [
      ...['--data-dir', path.join(directory, 'data'), '--log-level', 'error'],
      ...['--listen-client-urls', socket('client'), '--advertise-client-urls', socket('client')],
      ...['--listen-peer-urls', socket('peer'), '--initial-advertise-peer-urls', socket('peer')],
      ...['--initial-cluster', `default=${socket('peer')}`],
    ],
    { cwd: directory, stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  try {
    const socketPath = path.join(directory, 'client:0');
    for (let tries = 0; !existsSync(socketPath); tries++) {
      if (tries === startTriesMax || child.exitCode !== null) throw new Error('etcd did not start');
      await clock.sleep(20);
    }
    return await measure(socketPath, durationMs);
  } finally {
    child.kill('SIGTERM');
    await ended;
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(socketPath: string, durationMs: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const count of connections) {
    const channels = Array.from({ length: count }, () => new Channel({ socketPath, clock }));
    const verbs = {
      put: (worker: number, turn: number) =>
        channels[worker]!.unary(put, { key: Buffer.from(`/registry/${worker}/${turn}`), value }),
      range: (worker: number) => channels[worker]!.unary(range, { key: Buffer.from(`/registry/${worker}/0`) }),
    };
    for (const [verb, work] of Object.entries(verbs)) {
      const latencies: number[] = [];
      const startedMs = clock.monotonic();
      await Promise.all(
        channels.map(async (_, worker) => {
          for (let turn = 0; clock.monotonic() - startedMs < durationMs; turn++) {
            const sentMs = clock.monotonic();
            await work(worker, turn);
            latencies.push(clock.monotonic() - sentMs);
          }
        }),
      );
      const name = `etcd itself: ${verb}, ${count} connection${count === 1 ? '' : 's'}`;
      const perSecond = (1000 * latencies.length) / (clock.monotonic() - startedMs);
      figures.push({ suite: 'api', name, unit: '1/s', samples: [perSecond] });
      figures.push({ suite: 'api', name: `${name}: latency p50`, unit: 'ms', samples: [quantile(latencies, 0.5)] });
    }
    for (const channel of channels) channel.close();
  }
  return figures;
}
