/** Requests that become a connection: what they ask for, and the answers to them, written by hand. */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

export interface Upgrade {
  request: IncomingMessage;
  socket: Duplex;
  /** Bytes that came after the request's head. */
  head: Buffer;
}

const versionHeader = 'x-stream-protocol-version';

export function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/** Protocols that the client offers for SPDY streams, its favourite first. */
export function offeredStreamProtocols({ headers }: IncomingMessage): string[] {
  return listed(headers[versionHeader]);
}

export function offeredWebSocketProtocols({ headers }: IncomingMessage): string[] {
  return listed(headers['sec-websocket-protocol']);
}

/** Answers without upgrading, and ends the connection. */
export function refuse(
  socket: Duplex,
  { code, text, headers = {} }: { code: number; text: string; headers?: Record<string, string> },
): void {
  const body = Buffer.from(text);
  const lines = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${body.length}`,
    'Connection: close',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]));
}

/** Chooses a protocol and says 101; undefined when the request has been refused. */
export function acceptSpdy({ request, socket }: Upgrade, protocols: readonly string[]): string | undefined {
  const offered = offeredStreamProtocols(request);
  const chosen = offered.find((one) => protocols.includes(one));
  if (request.headers.upgrade?.toLowerCase() !== 'spdy/3.1') {
    const text = 'unable to upgrade: missing upgrade headers in request';
    return void refuse(socket, { code: 400, text });
  }
  if (!chosen) {
    const accepted = protocols.join(' ');
    const client = offered.join(' ');
    const text =
      offered.length === 0
        ? 'unable to upgrade: X-Stream-Protocol-Version is required'
        : `unable to upgrade: unable to negotiate protocol: client supports [${client}], server accepts [${accepted}]`;
    const headers = { 'X-Accepted-Stream-Protocol-Versions': protocols.join(', ') };
    return void refuse(socket, { code: offered.length === 0 ? 400 : 403, text, headers });
  }
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1'];
  socket.write(`${lines.join('\r\n')}\r\nX-Stream-Protocol-Version: ${chosen}\r\n\r\n`);
  return chosen;
}

function listed(header: string | string[] | undefined): string[] {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  return text.split(',').flatMap((one) => one.trim() || []);
}
