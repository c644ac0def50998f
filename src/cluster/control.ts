/**
 * The control socket of a running cluster: it tells status, takes the order to stop, and is the lock on the data
 * directory: who can bind it owns the directory, and the kernel frees it when the process dies, however it dies.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface ClusterStatus {
  pid: number;
  version: string;
  dataDir: string;
  runtime: string;
  /** Where the API server answers, once it does. */
  endpoint: string | undefined;
  steps: { name: string; state: 'running' | 'done' | 'failed'; ms: number; detail?: string }[];
  /** 'ready': all steps are done. 'failed': the reason is the failed step's detail. */
  state: 'starting' | 'ready' | 'stopping' | 'failed';
}

/** The data directory is another process's. */
export class InUseError extends Error {
  override readonly name = 'InUseError';
}

export function inUse(dataDir: string, pid: number): InUseError {
  return new InUseError(`${dataDir} is in use by process ${pid}: stop it with \`t8s down\`, or use another --data-dir`);
}

/** Unix socket paths are limited to 107 bytes, so a long data directory gets a socket elsewhere, named by its hash. */
export function controlSocketOf(dataDir: string): string {
  const path = join(dataDir, 't8s.sock');
  if (Buffer.byteLength(path) <= 107) return path;
  return join(tmpdir(), `t8s-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}.sock`);
}

export interface ControlServer {
  close(): Promise<void>;
}

/** Binds the socket, taking over one that a dead process left. Throws InUseError when its owner is alive. */
export async function openControl(options: {
  dataDir: string;
  status: () => ClusterStatus;
  stop: () => void;
}): Promise<ControlServer> {
  const path = controlSocketOf(options.dataDir);
  mkdirSync(dirname(path), { recursive: true });
  const server = createServer((incoming, outgoing) => {
    if (incoming.method === 'POST' && incoming.url === '/stop') options.stop();
    outgoing.setHeader('content-type', 'application/json');
    outgoing.end(JSON.stringify(options.status()));
  });
  try {
    await listen(server, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const owner = await readStatus(options.dataDir);
    if (owner) throw inUse(options.dataDir, owner.pid);
    rmSync(path, { force: true });
    await listen(server, path);
  }
  return {
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** The running cluster's status; undefined when none runs on this data directory. */
export function readStatus(dataDir: string): Promise<ClusterStatus | undefined> {
  return ask(dataDir, { method: 'GET', path: '/status' });
}

/** Asks the running cluster to stop; undefined when none runs. It goes on stopping after it has answered. */
export function askToStop(dataDir: string): Promise<ClusterStatus | undefined> {
  return ask(dataDir, { method: 'POST', path: '/stop' });
}

/** What a socket says that nobody serves, or whose server ends. */
const goneCodes = ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'];

function ask(dataDir: string, { method, path }: { method: string; path: string }): Promise<ClusterStatus | undefined> {
  return new Promise((resolve, reject) => {
    // A reset or a broken pipe: it is ending just now.
    const fail = (error: NodeJS.ErrnoException) => {
      if (goneCodes.includes(error.code ?? '')) resolve(undefined);
      else reject(error);
    };
    const outgoing = request({ socketPath: controlSocketOf(dataDir), method, path, timeout: 5000 }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString()) as ClusterStatus));
      incoming.on('error', fail);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`the cluster in ${dataDir} does not answer`)));
    outgoing.on('error', fail);
    outgoing.end();
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
