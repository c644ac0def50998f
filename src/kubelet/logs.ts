/** Reads a container's log file as a stream: the tail, since a time, with times, bounded, and followed as it grows. */
import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Clock } from '#base/clock.js';
import { parseLogLine } from './cri-log.js';
import { KubeletError } from './kubelet-error.js';

export interface LogOptions {
  clock: Clock;
  signal: AbortSignal;
  /** Go on until the container has ended and all is read. */
  follow?: boolean;
  /** Asked at the end of the file while following. */
  isRunning?: () => boolean;
  tailLines?: number;
  sinceMs?: number;
  timestamps?: boolean;
  limitBytes?: number;
  /** Default: both. */
  stream?: 'stdout' | 'stderr';
}

const chunkBytes = 64 * 1024;
/** A line that is longer is passed on in pieces by the runtime (16 KiB); more than this is no log. */
const lineBytesMax = 1024 * 1024;
/** When no notice of a change comes, look anyway. */
const lookMs = 1000;

/** Throws KubeletError 'not found' when there is no log. Ends quietly when the signal aborts. */
export async function* readLogs(options: LogOptions & { path: string }): AsyncGenerator<Uint8Array> {
  const { path, signal, follow = false, tailLines, isRunning = () => false, clock } = options;
  let handle = await openLog(path);
  const changes = follow ? new Changes(path, clock, signal) : undefined;
  const output = new Output(options);
  try {
    let position = tailLines === undefined ? 0 : await tailPosition(handle, tailLines);
    let rest = Buffer.alloc(0);
    const chunk = Buffer.alloc(chunkBytes);
    while (!signal.aborted && !output.isFull) {
      // Asked before reading: what was written before the end must not be missed.
      const mayGrow = follow && isRunning();
      const { bytesRead } = await handle.read(chunk, 0, chunkBytes, position);
      position += bytesRead;
      if (bytesRead > 0) {
        const text: Buffer = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
        const end = text.lastIndexOf(0x0a) + 1;
        rest = text.length - end > lineBytesMax ? Buffer.alloc(0) : Buffer.from(text.subarray(end));
        const bytes = output.take(text.subarray(0, end).toString('utf8'));
        if (bytes.length > 0) yield bytes;
        continue;
      }
      const next = follow ? await openIfRotated(path, handle) : undefined;
      if (next) {
        await handle.close();
        handle = next;
        position = 0;
        rest = Buffer.alloc(0);
      } else if (!mayGrow) return;
      else await changes!.next();
    }
  } finally {
    changes?.close();
    await handle.close();
  }
}

/** The same of a log that is whole from the start, as the text of such a file: a follower waits for the end alone. */
export async function* readLogText(options: LogOptions & { text: string }): AsyncGenerator<Uint8Array> {
  const { text, signal, follow = false, tailLines, isRunning = () => false, clock } = options;
  const lines = text.split('\n').slice(0, -1);
  const wanted = tailLines === undefined ? lines : lines.slice(Math.max(lines.length - tailLines, 0));
  const output = new Output(options);
  const bytes = output.take(wanted.join('\n'));
  if (bytes.length > 0) yield bytes;
  while (follow && !output.isFull && !signal.aborted && isRunning()) await clock.sleep(lookMs, signal);
}

async function openLog(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new KubeletError(
      'not found',
      `failed to try resolving symlinks in path "${path}": no such file or directory`,
    );
  }
}

/** The file that has taken the name, when it is another one. */
async function openIfRotated(path: string, current: FileHandle): Promise<FileHandle | undefined> {
  const named = await stat(path).catch((error: NodeJS.ErrnoException) => {
    // Between renaming and reopening there is none; after removal there never will be.
    if (error.code !== 'ENOENT') throw error;
  });
  if (!named || named.ino === (await current.stat()).ino) return undefined;
  return await openLog(path);
}

/** Where the last `lines` lines begin; read backwards, so that a large log costs no more than its tail. */
async function tailPosition(handle: FileHandle, lines: number): Promise<number> {
  let { size: position } = await handle.stat();
  if (lines <= 0) return position;
  const chunk = Buffer.alloc(chunkBytes);
  let seen = 0;
  let isLast = true;
  while (position > 0) {
    const length = Math.min(chunkBytes, position);
    position -= length;
    await handle.read(chunk, 0, length, position);
    for (let index = length - 1; index >= 0; index--) {
      if (chunk[index] !== 0x0a) {
        isLast = false;
        continue;
      }
      // The newline that ends the file begins no line.
      if (isLast) isLast = false;
      else if (++seen === lines) return position + index + 1;
    }
  }
  return 0;
}

/** Turns lines of the file into what the reader asked for, up to the limits. */
class Output {
  readonly #options: LogOptions;
  #left: number;
  /** Who asks for the last lines and does not follow gets no more than those, although more may come meanwhile. */
  #linesLeft: number;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    this.#linesLeft = options.follow ? Number.POSITIVE_INFINITY : (options.tailLines ?? Number.POSITIVE_INFINITY);
  }

  get isFull(): boolean {
    return this.#left <= 0 || this.#linesLeft <= 0;
  }

  take(text: string): Uint8Array {
    const { sinceMs, timestamps, stream } = this.#options;
    let out = '';
    for (const raw of text.split('\n')) {
      const line = this.#linesLeft > 0 ? parseLogLine(raw) : undefined;
      if (line) this.#linesLeft--;
      if (!line || (stream && line.stream !== stream)) continue;
      if (sinceMs !== undefined && Date.parse(line.time) < sinceMs) continue;
      out += timestamps ? `${line.time} ${line.text}` : line.text;
    }
    const bytes = Buffer.from(out);
    const kept = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= kept.length;
    return kept;
  }
}

/** Notices of change of a file, by the kernel where it gives any, and by a slow timer in any case. */
class Changes {
  readonly #clock: Clock;
  readonly #watcher: ReturnType<typeof watch> | undefined;
  readonly #abort: () => void;
  readonly #signal: AbortSignal;
  #changed = false;
  #wake = () => {};

  constructor(path: string, clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.#abort = () => this.#note();
    signal.addEventListener('abort', this.#abort);
    this.#watcher = watchOrNone(path, () => this.#note());
  }

  async next(): Promise<void> {
    if (!this.#changed && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.setTimer(lookMs, resolve);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.#changed = false;
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#abort);
    this.#watcher?.close();
  }

  #note(): void {
    this.#changed = true;
    this.#wake();
  }
}

/** The directory is watched, since the file may be replaced. Out of watches (inotify(7)), the timer does. */
function watchOrNone(path: string, changed: () => void): ReturnType<typeof watch> | undefined {
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_type, name) => name === basename(path) && changed());
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EMFILE' || code === 'ENOENT') return undefined;
    throw error;
  }
}
