/** The streams of exec and attach over WebSocket: channels 0 stdin, 1 stdout, 2 stderr, 3 error, 4 resize. */
import type { Clock } from '#base/clock.js';
import { acceptWebSocket, type UpgradeRequest } from '#base/websocket.js';
import { ChannelSocket } from './channel-socket.js';
import {
  ended,
  type RemoteStreams,
  statusBytes,
  terminalSizes,
  type WantedStreams,
  watchIdle,
} from './remote-streams.js';

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 };
const protocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
];

/** Undefined when the request was refused. */
export async function openWebSocketStreams(
  upgrade: UpgradeRequest,
  { wanted, clock }: { wanted: WantedStreams; clock: Clock },
): Promise<RemoteStreams | undefined> {
  const webSocket = await acceptWebSocket(upgrade, protocols);
  if (!webSocket) return undefined;
  const channels = new ChannelSocket(webSocket);
  watchIdle({ socket: upgrade.socket, clock, end: () => channels.terminate() });
  const stdout = wanted.stdout ? channels.writable(channel.stdout) : undefined;
  const stderr = wanted.stderr ? channels.writable(channel.stderr) : undefined;
  const errors = channels.writable(channel.error);
  // An empty message on the first channel that we write tells the client that its streams are there.
  const first = stdout ? channel.stdout : stderr ? channel.stderr : channel.error;
  channels.send(first, new Uint8Array(), () => {});
  return {
    stdin: wanted.stdin ? channels.readable(channel.stdin) : undefined,
    stdout,
    stderr,
    resize: wanted.tty ? terminalSizes(channels.readable(channel.resize)) : undefined,
    signal: channels.signal,
    async finish(status) {
      await Promise.all([ended(stdout), ended(stderr)]);
      const bytes = statusBytes(status, { structured: /^v[45]\./.test(webSocket.protocol) });
      if (bytes !== '') errors.write(bytes);
      await ended(errors);
      channels.close();
    },
  };
}
