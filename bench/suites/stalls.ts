/** The longest time for which each of many hostile requests keeps the server from turning to anything else. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as ask } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { transformSync } from 'esbuild';
import type { TlsAccess } from '../../test/connection.js';
import { clock, withCluster } from '../cluster.js';
import type { Figure } from '../figures.js';
import type { Settings } from '../settings.js';
import { cases } from '../stalls/cases.js';
import type { Sent } from '../stalls/object-case.js';

const aim = { atMost: 50 };
/** Of a definition, until its resource is served; of garbage, until it does not fall into the next request. */
const settleMs = 30;

export async function stalls({ only }: Settings): Promise<Figure[]> {
  const directory = mkdtempSync(path.join(tmpdir(), 't8s-stalls-'));
  const probe = path.join(directory, 'probe.mjs');
  const socket = path.join(directory, 'socket');
  const source = readFileSync(path.join(import.meta.dirname, '../stalls/probe.ts'), 'utf8');
  writeFileSync(probe, transformSync(source, { loader: 'ts', format: 'esm' }).code);
  const environment = {
    NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import ${probe}`,
    T8S_STALL_SOCKET: socket,
  };
  try {
    return await withCluster('simulated', (cluster) => measured(cluster, { only, socket }), environment);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measured(
  cluster: Parameters<Parameters<typeof withCluster>[1]>[0],
  { only, socket }: { only: string | undefined; socket: string },
): Promise<Figure[]> {
  cluster.start();
  await cluster.ready();
  await cluster.eventually('the cluster is ready', async () => cluster.output.includes('Ready in'));
  const figures: Figure[] = [];
  for (const { name, steps } of cases()) {
    if (only && !name.includes(only)) continue;
    process.stdout.write(`${name}\n`);
    for (const step of steps()) {
      await clock.sleep(settleMs);
      await longestMs(socket);
      const code = await send(cluster.access!, step.sent).catch((error: Error) => error.message);
      await clock.sleep(20);
      const stalledMs = await longestMs(socket);
      process.stdout.write(`  ${step.name} (${code}): ${stalledMs.toFixed(1)} ms\n`);
      figures.push({ suite: 'stalls', name: `${name}: ${step.name} (${code})`, unit: 'ms', samples: [stalledMs], aim });
    }
  }
  return figures.sort((a, b) => a.samples[0]! - b.samples[0]!);
}

/** Since it was last asked. */
function longestMs(socket: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    connect(socket)
      .setEncoding('utf8')
      .on('data', (chunk) => {
        text += chunk;
      })
      .on('end', () => resolve(Number(text)))
      .on('error', reject);
  });
}

const maxHeaderSize = 1 << 16;

/** Gives the code of the answer. */
function send({ port, ca, cert, key }: TlsAccess, { method, path: target, type, accept, body }: Sent): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(accept && { accept }),
      ...(body !== undefined && {
        'content-type': type ?? 'application/json',
        'content-length': Buffer.byteLength(body),
      }),
    };
    const asked = ask(
      { host: '127.0.0.1', port, ca, cert, key, method, path: target, headers, agent: false, maxHeaderSize },
      (answer) => {
        answer
          .resume()
          .on('end', () => resolve(answer.statusCode!))
          .on('error', reject);
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}
