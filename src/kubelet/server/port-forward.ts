/**
 * Port forwarding into a pod's network: over SPDY (a pair of streams, data and error, for each connection), over SPDY
 * tunnelled in a WebSocket, and over plain WebSocket channels (a pair for each port of the query).
 */
import { Duplex } from 'node:stream';
import { createWebSocketStream } from 'ws';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { SpdyConnection, type SpdyStream } from '#base/spdy/connection.js';
import {
  acceptWebSocket,
  isWebSocket,
  offeredWebSocketProtocols,
  refuseUpgrade,
  type UpgradeRequest,
} from '#base/websocket.js';
import { textOf } from '../kubelet-error.js';
import type { ServedRuntime } from '../runtime/runtime.js';
import { ChannelSocket } from './channel-socket.js';
import { type Forward, forward } from './forward.js';
import { streamCreationTimeoutMs, watchIdle } from './remote-streams.js';
import { acceptSpdy } from './upgrade.js';

const spdyProtocol = 'portforward.k8s.io';
const tunnelPrefix = 'SPDY/3.1+';
const channelProtocols = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];
/** Of one request over plain channels, whose numbers are a byte. */
const portsMax = 100;

export interface PortForwardContext {
  runtime: ServedRuntime;
  clock: Clock;
  log: Log;
  sandboxId: string;
  /** For messages. */
  pod: { name: string; uid: string };
}

/** Resolves when the connection is over. */
export async function servePortForward(upgrade: UpgradeRequest, context: PortForwardContext): Promise<void> {
  const { request, socket, head } = upgrade;
  const { clock } = context;
  if (!isWebSocket(request)) {
    if (!acceptSpdy(upgrade, [spdyProtocol])) return;
    await serveSpdy({ transport: socket, head, idleOf: socket }, context);
    return;
  }
  if (offeredWebSocketProtocols(request).some((one) => one.startsWith(tunnelPrefix))) {
    const webSocket = await acceptWebSocket(upgrade, [tunnelPrefix + spdyProtocol]);
    if (!webSocket) return;
    const transport = createWebSocketStream(webSocket, { allowHalfOpen: false });
    await serveSpdy({ transport, idleOf: socket }, context);
    return;
  }
  const ports = portsOf(new URL(request.url ?? '/', 'https://kubelet').searchParams);
  if (typeof ports === 'string') return void refuseUpgrade(socket, { code: 400, text: ports });
  const webSocket = await acceptWebSocket(upgrade, channelProtocols);
  if (!webSocket) return;
  const channels = new ChannelSocket(webSocket);
  watchIdle({ socket, clock, end: () => channels.terminate() });
  await Promise.all(ports.map((port, index) => serveChannels(channels, { port, index }, context)));
  channels.close();
}

/** The ports of `port=80,443`, repeated at will, or what is wrong with them. */
export function portsOf(query: URLSearchParams): number[] | string {
  const texts = query.getAll('port');
  if (texts.length === 0) return 'query parameter "port" is required';
  const ports: number[] = [];
  for (const text of texts) {
    if (text === '') return 'query parameter "port" cannot be empty';
    for (const one of text.split(',')) {
      const port = readPort(one, text);
      if (typeof port === 'string') return port;
      ports.push(port);
    }
  }
  if (ports.length > portsMax) return `query parameter "port" names more than ${portsMax} ports`;
  return ports;
}

function readPort(text: string, whole = text): number | string {
  const quoted = JSON.stringify(whole);
  if (!/^\d+$/.test(text))
    return `unable to parse ${quoted} as a port: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;
  const port = Number(text);
  if (port > 65_535)
    return `unable to parse ${quoted} as a port: strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`;
  return port === 0 ? `port ${quoted} must be > 0` : port;
}

async function serveChannels(
  channels: ChannelSocket,
  { port, index }: { port: number; index: number },
  context: PortForwardContext,
): Promise<void> {
  const number = Buffer.alloc(2);
  number.writeUInt16LE(port);
  const data = Duplex.from({ readable: channels.readable(2 * index), writable: channels.writable(2 * index) });
  // A client may leave at any moment, also after the last who listened has: what is written then fails, and is nobody's.
  data.on('error', () => {});
  channels.send(2 * index, number);
  channels.send(2 * index + 1, number);
  const error = channels.writable(2 * index + 1);
  await forwardTo({ data, error, port, signal: channels.signal }, context);
}

interface Pair {
  data?: SpdyStream;
  error?: SpdyStream;
  port: number;
  timer: { cancel(): void };
}

async function serveSpdy(
  { transport, head, idleOf }: { transport: Duplex; head?: Buffer; idleOf: Duplex },
  context: PortForwardContext,
): Promise<void> {
  const { clock, log } = context;
  const pairs = new Map<string, Pair>();
  const gone = new AbortController();
  const connection = new SpdyConnection(transport, { side: 'server', head, onStream });
  watchIdle({ socket: idleOf, clock, end: () => connection.destroy() });
  await connection.closed;
  gone.abort();
  for (const { timer } of pairs.values()) timer.cancel();

  function onStream(stream: SpdyStream): void {
    const { streamtype: type, port: portText = '' } = stream.headers;
    const port = readPort(portText);
    if ((type !== 'data' && type !== 'error') || typeof port === 'string') {
      log.debug('a stream of port forwarding was refused', { type, port: portText });
      stream.destroy();
      return;
    }
    // The first clients sent no id, and opened the error stream right before the data stream.
    const id = stream.headers['requestid'] ?? String(type === 'error' ? stream.id : stream.id - 2);
    const pair = pairs.get(id) ?? { port, timer: clock.setTimer(streamCreationTimeoutMs, () => late(id)) };
    pairs.set(id, pair);
    if (pair[type]) return void stream.destroy();
    pair[type] = stream;
    if (!pair.data || !pair.error) return;
    pair.timer.cancel();
    pairs.delete(id);
    // Nothing is said on it; what comes is dropped.
    pair.error.resume();
    void forwardTo({ data: pair.data, error: pair.error, port: pair.port, signal: gone.signal }, context);
  }

  function late(id: string): void {
    const pair = pairs.get(id);
    pairs.delete(id);
    pair?.error?.end(`(request=${id}) timed out waiting for streams`);
    pair?.data?.destroy();
  }
}

/** Never throws: what goes wrong is told on the error stream. */
async function forwardTo(streams: Omit<Forward, 'connect'>, { runtime, sandboxId, pod, log }: PortForwardContext) {
  const { port, error } = streams;
  try {
    await forward({ ...streams, connect: () => runtime.portForward(sandboxId, port) });
  } catch (err) {
    log.debug('port forwarding failed', { port, pod: pod.name, err });
    const text = `error forwarding port ${port} to pod ${pod.name}, uid ${pod.uid}: ${textOf(err)}`;
    if (!error.destroyed && !error.writableEnded) error.write(text);
  }
  error.end();
  streams.data.end();
}
