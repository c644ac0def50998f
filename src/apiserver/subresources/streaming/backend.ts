/** Servers that the API server calls on a client's behalf, and what is said when they cannot be reached. */
import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import nodes from '#api/core/node.js';
import type { Node } from '#api/gen/core-v1.js';
import { badRequest, internalError, StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import type { Registry } from '../../registry/registry.js';

/** PEM. */
export interface KubeletClient {
  cert: string | Buffer;
  key: string | Buffer;
  /** Of the kubelets' serving certificates. */
  ca: string | Buffer;
}

export interface Backend {
  host: string;
  port: number;
  /** Absent: plain HTTP. Without `ca` any certificate will do, as upstream has it for pods and services. */
  tls?: Partial<KubeletClient> & {
    /** The name that its certificate must hold, where it is not the host's. */
    servername?: string;
    /** Default: when there is a `ca`. */
    rejectUnauthorized?: boolean;
  };
}

const dialTimeoutMs = 30_000;
const addressTypes = ['InternalIP', 'ExternalIP', 'Hostname'];

/** Throws StatusError: NotFound for the node, or InternalError when its status names no address or port. */
export async function kubeletOf(
  nodeName: string,
  { registry, client }: { registry: Registry; client: KubeletClient },
): Promise<Backend> {
  const node = await registry.of<Node>(nodes).get({ namespace: '', name: nodeName });
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port;
  const host = addressOf(node);
  // Upstream's error has no reason.
  if (!host) throw new StatusError({ message: 'no preferred addresses found; known addresses: []', code: 500 });
  if (!port) throw internalError(`node ${nodeName} does not serve: its status has no kubelet endpoint`);
  return { host, port, tls: client };
}

export function addressOf({ status }: Node): string | undefined {
  for (const type of addressTypes) {
    const found = status?.addresses?.find((one) => one.type === type);
    if (found) return found.address;
  }
  return undefined;
}

export function authority({ host, port }: Backend): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

export function tlsOptions({ tls }: Backend): {
  cert?: string | Buffer;
  key?: string | Buffer;
  ca?: string | Buffer;
  servername?: string;
  rejectUnauthorized?: boolean;
} {
  return tls ? { rejectUnauthorized: tls.ca !== undefined, ...tls } : {};
}

/** Rejects with the system's error, or a timeout. */
export function dial(backend: Backend, { clock, signal }: { clock: Clock; signal: AbortSignal }): Promise<Socket> {
  const { host, port } = backend;
  const socket: Socket = backend.tls ? connectTls({ host, port, ...tlsOptions(backend) }) : connectTcp({ host, port });
  return new Promise((resolve, reject) => {
    const abort = () => socket.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    const timer = clock.setTimer(dialTimeoutMs, () => socket.destroy(new Error('i/o timeout')));
    const settle = () => {
      timer.cancel();
      signal.removeEventListener('abort', abort);
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    socket.once('error', (error) => {
      settle();
      reject(error);
    });
    socket.once(backend.tls ? 'secureConnect' : 'connect', () => {
      settle();
      resolve(socket);
    });
  });
}

const texts: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
  ECONNRESET: 'connection reset by peer',
};

/** The error in the words that clients know from upstream. */
export function dialText(error: unknown, backend: Backend): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const text = texts[code];
  return text ? `dial tcp ${authority(backend)}: connect: ${text}` : message;
}

/** `name`, `name:port` or `scheme:name:port`; a scheme is http or https. Undefined when it is none of these. */
export function splitSchemeNamePort(id: string): { scheme: string; name: string; port: string } | undefined {
  const parts = id.split(':');
  const [first = '', second = '', third = ''] = parts;
  if (parts.length === 1) return first === '' ? undefined : { scheme: '', name: first, port: '' };
  if (parts.length === 2) return first === '' ? undefined : { scheme: '', name: first, port: second };
  if (parts.length !== 3 || second === '' || !['', 'http', 'https'].includes(first)) return undefined;
  return { scheme: first, name: second, port: third };
}

export function requireSplit(id: string, kind: 'node' | 'pod' | 'service') {
  const split = splitSchemeNamePort(id);
  if (!split) throw badRequest(`invalid ${kind} request ${JSON.stringify(id)}`);
  return split;
}
