/** The streams of exec and attach over SPDY/3.1: remote command protocols v1 to v4. */

import type { Clock } from '#base/clock.js';
import { SpdyConnection, type SpdyStream } from '#base/spdy/connection.js';
import type { UpgradeRequest } from '#base/websocket.js';
import {
  ended,
  type RemoteStreams,
  statusBytes,
  streamCreationTimeoutMs,
  terminalSizes,
  type WantedStreams,
  watchIdle,
} from './remote-streams.js';
import { acceptSpdy, offeredStreamProtocols } from './upgrade.js';

const protocols = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];

/** Undefined when the request was refused, or the client did not open its streams in time. */
export async function openSpdyStreams(
  upgrade: UpgradeRequest,
  { wanted, clock }: { wanted: WantedStreams; clock: Clock },
): Promise<RemoteStreams | undefined> {
  const { request, socket, head } = upgrade;
  // The first clients offered nothing, and meant the first protocol.
  if (offeredStreamProtocols(request).length === 0) request.headers['x-stream-protocol-version'] = 'channel.k8s.io';
  const protocol = acceptSpdy(upgrade, protocols);
  if (!protocol) return undefined;
  const hasResize = wanted.tty && (protocol === protocols[0] || protocol === protocols[1]);
  const expected = new Set(['error']);
  for (const name of ['stdin', 'stdout', 'stderr'] as const) if (wanted[name]) expected.add(name);
  if (hasResize) expected.add('resize');

  const streams = new Map<string, SpdyStream>();
  const gone = new AbortController();
  let complete!: () => void;
  const completed = new Promise<void>((resolve) => {
    complete = resolve;
  });
  const connection = new SpdyConnection(socket, {
    side: 'server',
    head,
    onStream(stream) {
      const type = stream.headers['streamtype'] ?? '';
      if (!expected.has(type) || streams.has(type)) return void stream.destroy();
      streams.set(type, stream);
      if (streams.size === expected.size) complete();
    },
  });
  void connection.closed.then(() => gone.abort());
  watchIdle({ socket, clock, end: () => connection.destroy() });
  if (!(await inTime(completed, { clock, signal: gone.signal }))) {
    connection.destroy();
    return undefined;
  }
  const errors = streams.get('error')!;
  const stdout = streams.get('stdout');
  const stderr = streams.get('stderr');
  // What a client sends on streams that only we write to is dropped, so that it cannot hold up the others.
  for (const stream of [errors, stdout, stderr]) stream?.resume();
  const resize = streams.get('resize');
  return {
    stdin: streams.get('stdin'),
    stdout,
    stderr,
    resize: resize && terminalSizes(resize),
    signal: gone.signal,
    async finish(status) {
      await Promise.all([ended(stdout), ended(stderr)]);
      const bytes = statusBytes(status, { structured: protocol === protocols[0] });
      if (bytes !== '') errors.write(bytes);
      await ended(errors);
      connection.close();
    },
  };
}

/** False when the time is over, or the client gone, before `work` is done. */
async function inTime(work: Promise<void>, { clock, signal }: { clock: Clock; signal: AbortSignal }): Promise<boolean> {
  const over = new AbortController();
  const late = clock.sleep(streamCreationTimeoutMs, AbortSignal.any([signal, over.signal])).then(
    () => false,
    () => false,
  );
  const done = await Promise.race([work.then(() => true), late]);
  over.abort();
  return done;
}
