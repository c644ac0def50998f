/** A watch over a WebSocket: one message an event, text where events are JSON. */
import { acceptWebSocket, isWebSocket, messageWriter, offeredWebSocketProtocols } from '#base/websocket.js';
import type { Exchange } from './exchange.js';

/** Before each event in protobuf. */
const lengthBytes = 4;

/** The exchange as a watch is to be written to it; undefined when the WebSocket was refused. */
export async function watchExchange(exchange: Exchange, format: string): Promise<Exchange | undefined> {
  const { upgrade } = exchange;
  if (!upgrade || !isWebSocket(upgrade.request)) return exchange;
  // Upstream asks for none, and takes whatever a client offers.
  const socket = await acceptWebSocket(upgrade, offeredWebSocketProtocols(upgrade.request));
  if (!socket) return undefined;
  const out = messageWriter(socket, format === 'protobuf' ? framesOf : linesOf);
  return Object.create(exchange, { open: { value: () => out }, chunks: { value: () => undefined } }) as Exchange;
}

function linesOf(chunk: Buffer): string[] {
  return chunk
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `${line}\n`);
}

function framesOf(chunk: Buffer): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at < chunk.length; ) {
    const length = chunk.readUInt32BE(at);
    messages.push(chunk.subarray(at + lengthBytes, at + lengthBytes + length));
    at += lengthBytes + length;
  }
  return messages;
}
