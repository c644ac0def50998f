/** Taking a request that asks for a WebSocket, and answering one that cannot have it. RFC 6455 */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { Writable } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

export interface UpgradeRequest {
  request: IncomingMessage;
  socket: Duplex;
  /** Bytes that came after the request's head. */
  head: Buffer;
}

/** Of one message. Clients send a few kilobytes at a time; some send a whole file. */
export const messageBytesMax = 8 * 1024 * 1024;

export function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/** The client's favourite first. */
export function offeredWebSocketProtocols({ headers }: IncomingMessage): string[] {
  return (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

/** Answers without upgrading, and ends the connection. */
export function refuseUpgrade(
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

/** Undefined when the request was refused: it offered protocols of which none is known, or is no WebSocket request. */
export function acceptWebSocket(
  { request, socket, head }: UpgradeRequest,
  protocols: readonly string[],
): Promise<WebSocket | undefined> {
  const offered = offeredWebSocketProtocols(request);
  const chosen = offered.find((one) => protocols.includes(one));
  if (offered.length > 0 && !chosen) {
    const text = `requested protocol(s) are not supported: [${offered.join(' ')}]; supports [${protocols.join(' ')}]`;
    refuseUpgrade(socket, { code: 403, text });
    return Promise.resolve(undefined);
  }
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: messageBytesMax,
    handleProtocols: () => chosen ?? false,
  });
  return new Promise((resolve) => {
    socket.once('close', () => resolve(undefined));
    server.handleUpgrade(request, socket, head, (webSocket) => resolve(webSocket));
  });
}

/** What is written to it goes out as messages, made of each chunk by `messagesOf`; its end closes the socket. */
export function messageWriter(
  socket: WebSocket,
  messagesOf: (chunk: Buffer) => readonly (string | Uint8Array)[],
): Writable {
  const writable = new Writable({
    write(chunk: Buffer, _, done) {
      const messages = messagesOf(chunk);
      messages.forEach((message, place) => {
        socket.send(message, (error) => {
          if (place === messages.length - 1) done(error);
        });
      });
      if (messages.length === 0) done();
    },
    final(done) {
      socket.close();
      done();
    },
    destroy(error, done) {
      socket.terminate();
      done(error);
    },
  });
  socket.on('error', () => socket.terminate());
  socket.on('close', () => writable.destroy());
  // What the client says is of no concern, but must be read for its close to be seen.
  socket.on('message', () => {});
  return writable;
}

const protocolsOfBytes = ['binary.k8s.io', 'base64.binary.k8s.io'];

/**
 * Sends a stream of bytes, after an empty message that says it has begun. Resolves when it has ended, from either side.
 * (k8s.io/streaming `wsstream`)
 */
export async function sendOverWebSocket(upgrade: UpgradeRequest, bytes: Readable): Promise<void> {
  const socket = await acceptWebSocket(upgrade, protocolsOfBytes);
  if (!socket) return void bytes.destroy();
  const isBase64 = socket.protocol === 'base64.binary.k8s.io';
  const out = messageWriter(socket, (chunk) => [isBase64 ? chunk.toString('base64') : chunk]);
  socket.send(isBase64 ? '' : new Uint8Array());
  await new Promise<void>((resolve) => {
    out.once('close', () => {
      bytes.destroy();
      resolve();
    });
    bytes.once('error', () => out.destroy());
    bytes.pipe(out);
  });
}
