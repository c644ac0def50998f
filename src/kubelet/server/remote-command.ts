/** Exec and attach: what is asked for, run by the runtime, and the way it ended as a Status. */
import { internalError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { isWebSocket, type UpgradeRequest } from '#base/websocket.js';
import { textOf } from '../kubelet-error.js';
import { RuntimeError, type ServedRuntime } from '../runtime/runtime.js';
import type { RemoteStatus, WantedStreams } from './remote-streams.js';
import { openSpdyStreams } from './spdy-streams.js';
import { openWebSocketStreams } from './websocket-streams.js';

export interface RemoteCommand {
  action: 'exec' | 'attach';
  containerId: string;
  /** Of exec. */
  command: readonly string[];
  wanted: WantedStreams;
}

export interface RemoteCommandContext {
  runtime: ServedRuntime;
  clock: Clock;
  log: Log;
}

/** Throws an Error with upstream's text when nothing is asked for. */
export function wantedStreams(query: URLSearchParams): WantedStreams {
  const tty = query.get('tty') === '1';
  const wanted = {
    stdin: query.get('input') === '1',
    stdout: query.get('output') === '1',
    // A terminal has one output.
    stderr: query.get('error') === '1' && !tty,
    tty,
  };
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr)
    throw new RangeError('you must specify at least 1 of stdin, stdout, stderr');
  return wanted;
}

/** Resolves when the connection is over. */
export async function serveRemoteCommand(
  upgrade: UpgradeRequest,
  remote: RemoteCommand,
  { runtime, clock, log }: RemoteCommandContext,
): Promise<void> {
  const open = isWebSocket(upgrade.request) ? openWebSocketStreams : openSpdyStreams;
  const streams = await open(upgrade, { wanted: remote.wanted, clock });
  if (!streams) return;
  const { stdin, stdout, stderr, resize, signal } = streams;
  const options = { stdin, stdout, stderr, resize, tty: remote.wanted.tty, signal };
  const { action, containerId, command } = remote;
  let status: RemoteStatus;
  try {
    if (action === 'attach') {
      await runtime.attachStream(containerId, options);
      status = { metadata: {}, status: 'Success' };
    } else {
      status = exitStatus(await runtime.execStream(containerId, { ...options, command }), command);
    }
  } catch (error) {
    if (signal.aborted) return;
    log.debug(`${action} failed`, { containerId, err: error });
    status = failureStatus(error, action);
  }
  await streams.finish(status);
}

/** The runtime's own answer where it has one, as upstream hands it on. */
function failureStatus(error: unknown, action: RemoteCommand['action']): RemoteStatus {
  if (error instanceof RuntimeError && error.answer) return error.answer as RemoteStatus;
  const what = action === 'exec' ? 'executing command in' : 'attaching to';
  const { message, reason, details, code } = internalError(`error ${what} container: ${textOf(error)}`).status;
  const causes = details?.causes?.map((cause) => ({ message: cause.message ?? '' })) ?? [];
  return { metadata: {}, status: 'Failure', message, reason, details: { causes }, code };
}

/** Clients take the exit code from the cause. */
export function exitStatus(exitCode: number, command: readonly string[]): RemoteStatus {
  if (exitCode === 0) return { metadata: {}, status: 'Success' };
  const what = `error executing command [${command.join(' ')}], exit code ${exitCode}`;
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: ${what}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}
