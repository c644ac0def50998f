/** Hands a client's upgrade on to a backend: its request with other headers, then all bytes both ways, unread. */
import type { Duplex } from 'node:stream';
import { badRequest, StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import type { ConnectCall } from '../subresource.js';
import { authority, type Backend, dial, dialText } from './backend.js';

/** Who the client is was decided here; the backend must neither see nor trust it. */
const withheldHeaders = new Set(['authorization', 'host', 'x-remote-user', 'x-remote-group', 'x-remote-uid']);
const tokenProtocol = 'base64url.bearer.authorization.k8s.io.';

export function isWithheld(name: string): boolean {
  return withheldHeaders.has(name) || name.startsWith('impersonate-') || name.startsWith('x-remote-extra-');
}

export interface TunnelOptions {
  backend: Backend;
  target: string;
  clock: Clock;
  /** Said by this server besides what the client said. */
  headers?: Readonly<Record<string, string | readonly string[]>>;
}

/**
 * Resolves when the connection has ended. `target` is path and query. Throws StatusError while nothing has been
 * answered: 400 for a request that asks for no upgrade, 500 when the backend cannot be reached.
 */
export async function tunnel(
  call: Pick<ConnectCall, 'method' | 'signal' | 'upgrade'>,
  { backend, target, clock, headers = {} }: TunnelOptions,
): Promise<void> {
  if (!call.upgrade) throw badRequest('Upgrade request required');
  const { socket, head, request } = call.upgrade;
  let remote: Duplex;
  try {
    remote = await dial(backend, { clock, signal: call.signal });
  } catch (error) {
    throw new StatusError(
      { message: `error dialing backend: ${dialText(error, backend)}`, code: 500 },
      { cause: error },
    );
  }
  const own = Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value) => `${name}: ${value}`));
  const first = [`${call.method} ${target} HTTP/1.1`, `Host: ${authority(backend)}`];
  const lines = [...first, ...own, ...handedOn(request.rawHeaders)];
  remote.write(`${lines.join('\r\n')}\r\n\r\n`);
  if (head.length > 0) remote.write(head);
  await splice(socket, remote, call.signal);
}

/** Header lines as sent, without those that are withheld, and without tokens among the WebSocket protocols. */
export function handedOn(rawHeaders: readonly string[]): string[] {
  const lines: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    let value = rawHeaders[index + 1]!;
    const lower = name.toLowerCase();
    if (isWithheld(lower)) continue;
    if (lower === 'sec-websocket-protocol') {
      const kept = value.split(',').filter((one) => !one.trim().startsWith(tokenProtocol));
      if (kept.length === 0) continue;
      value = kept.join(',').trim();
    }
    lines.push(`${name}: ${value}`);
  }
  return lines;
}

/** Copies with backpressure; the end of one side ends the other, and a break of either breaks both. */
function splice(client: Duplex, remote: Duplex, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      client.destroy();
      remote.destroy();
    };
    let open = 2;
    const closed = () => {
      end();
      if (--open > 0) return;
      signal.removeEventListener('abort', end);
      resolve();
    };
    remote.on('error', end);
    client.on('error', end);
    if (client.closed) closed();
    else client.once('close', closed);
    // What the remote has said is still written before the client's side is broken.
    remote.once('close', () => (client.writableFinished || client.destroyed ? closed() : client.end(closed)));
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    client.pipe(remote);
    remote.pipe(client);
  });
}
