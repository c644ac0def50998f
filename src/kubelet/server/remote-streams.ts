/** The streams of exec and attach as the runtime wants them, whatever protocol they came by. */
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Clock } from '#base/clock.js';

export interface WantedStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

export interface RemoteStreams {
  stdin?: Readable;
  stdout?: Writable;
  stderr?: Writable;
  resize?: AsyncIterable<TerminalSize>;
  /** Aborts when the client has gone, or nothing has moved for too long. */
  signal: AbortSignal;
  /** Ends the output, tells the client how the command ended, and closes the connection. */
  finish(status: RemoteStatus): Promise<void>;
}

export interface TerminalSize {
  width: number;
  height: number;
}

/** A Status without kind and version, as clients of remote commands get it. */
export interface RemoteStatus {
  metadata: Record<string, never>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: { causes: { reason?: string; message: string }[] };
  code?: number;
}

/** What a client sees of `status`: whole since v4, before that only the text of a failure. */
export function statusBytes(status: RemoteStatus, { structured }: { structured: boolean }): string {
  if (structured) return JSON.stringify(status);
  return status.status === 'Success' ? '' : (status.message ?? '');
}

/** Ends `stream` and waits until what was written is on its way, or the stream has broken. */
export function ended(stream: Writable | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (!stream || stream.writableFinished || stream.destroyed) return void resolve();
    stream.once('close', resolve);
    stream.end(resolve);
  });
}

const sizeBytesMax = 4096;

/** Reads terminal sizes: flat JSON objects one after another, `{"Width":80,"Height":24}`. What cannot be read ends it. */
export async function* terminalSizes(source: Readable): AsyncGenerator<TerminalSize> {
  let text = '';
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      text += chunk.toString('utf8');
      for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
        const size = JSON.parse(text.slice(0, end + 1)) as { Width?: unknown; Height?: unknown };
        text = text.slice(end + 1);
        const { Width: width, Height: height } = size;
        if (isSize(width) && isSize(height)) yield { width, height };
      }
      if (text.length > sizeBytesMax) return;
    }
  } catch (error) {
    // A broken stream is the end of sizes, not of the command.
    if (!(error instanceof SyntaxError) && !source.destroyed) throw error;
  }
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535;
}

export const idleTimeoutMs = 4 * 60 * 60 * 1000;
export const streamCreationTimeoutMs = 30_000;
const idleSteps = 4;

/** Calls `end` when no byte has moved on the socket for `idleTimeoutMs`, or up to a quarter longer. */
export function watchIdle({ socket, clock, end }: { socket: Duplex; clock: Clock; end: () => void }): void {
  const { bytesRead, bytesWritten } = socket as { bytesRead?: number; bytesWritten?: number };
  let moved = (bytesRead ?? 0) + (bytesWritten ?? 0);
  let quietSteps = 0;
  let timer = clock.setTimer(idleTimeoutMs / idleSteps, check);
  socket.once('close', () => timer.cancel());
  function check(): void {
    const { bytesRead = 0, bytesWritten = 0 } = socket as { bytesRead?: number; bytesWritten?: number };
    quietSteps = bytesRead + bytesWritten === moved ? quietSteps + 1 : 0;
    moved = bytesRead + bytesWritten;
    if (quietSteps >= idleSteps) end();
    else timer = clock.setTimer(idleTimeoutMs / idleSteps, check);
  }
}
