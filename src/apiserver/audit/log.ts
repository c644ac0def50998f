/** The log backend: one line an event, to a file that is set aside when it is full, or to standard output. */

import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Event } from '#api/gen/audit-v1.js';
import type { Clock } from '#base/clock.js';
import { toJson } from '#base/exact-json.js';
import type { Log } from '#base/log.js';
import type { Backend } from './sinks.js';

export interface LogFileOptions {
  /** `-` is standard output. */
  path: string;
  format: 'json' | 'legacy';
  /** 0: the file is never set aside. */
  bytesMax: number;
  /** Files set aside that are kept; 0: all. */
  backupsMax: number;
  /** Files set aside are kept so long; 0: for ever. */
  ageMaxMs: number;
  compress: boolean;
  clock: Clock;
  log: Log;
}

const outputDescriptor = 1;

/** Throws the system's error when the file cannot be opened. */
export function openLogBackend(options: LogFileOptions): Backend {
  const { path, format, log } = options;
  const lineOf = (event: Event) => (format === 'json' ? toJson(event) : legacyLine(event));
  const file = path === '-' ? undefined : new LogFile(options);
  return {
    name: 'log',
    store(events) {
      const text = events.map((event) => `${lineOf(event)}\n`).join('');
      try {
        // Whole before the answer is sent: who has the answer finds the line.
        if (file) file.write(Buffer.from(text));
        else writeSync(outputDescriptor, text);
        return true;
      } catch (error) {
        log.error('audit events could not be written', { path, err: error });
        return false;
      }
    },
    async close() {
      await file?.close();
    },
  };
}

class LogFile {
  readonly #options: LogFileOptions;
  #descriptor: number;
  #bytes: number;
  #tidying: Promise<void> = Promise.resolve();

  constructor(options: LogFileOptions) {
    this.#options = options;
    mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
    this.#descriptor = openSync(options.path, 'a', 0o600);
    this.#bytes = fstatSync(this.#descriptor).size;
  }

  write(bytes: Uint8Array): void {
    const { bytesMax } = this.#options;
    if (bytesMax > 0 && this.#bytes > 0 && this.#bytes + bytes.length > bytesMax) this.#rotate();
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
    this.#bytes += bytes.length;
  }

  async close(): Promise<void> {
    await this.#tidying;
    closeSync(this.#descriptor);
  }

  #rotate(): void {
    const { path, clock, log } = this.#options;
    closeSync(this.#descriptor);
    renameSync(path, asideName(path, clock.now()));
    this.#descriptor = openSync(path, 'a', 0o600);
    this.#bytes = 0;
    this.#tidying = this.#tidying
      .then(() => this.#tidy())
      .catch((error) => log.error('old audit log files could not be tidied', { path, err: error }));
  }

  /** Throws away what is too old or too much, and compresses the rest where that is wanted. */
  async #tidy(): Promise<void> {
    const { path, backupsMax, ageMaxMs, compress, clock } = this.#options;
    const folder = dirname(path);
    const aside = (await readdir(folder)).map((name) => ({ name, timeMs: timeOf(path, name) }));
    const found = aside.filter(({ timeMs }) => !Number.isNaN(timeMs)).sort((a, b) => b.timeMs - a.timeMs);
    for (const [index, { name, timeMs }] of found.entries()) {
      const old = ageMaxMs > 0 && clock.now() - timeMs > ageMaxMs;
      if (old || (backupsMax > 0 && index >= backupsMax)) await rm(join(folder, name), { force: true });
      else if (compress && !name.endsWith('.gz')) await compressFile(join(folder, name));
    }
  }
}

async function compressFile(path: string): Promise<void> {
  await writeFile(`${path}.gz`, await promisify(gzip)(await readFile(path)), { mode: 0o600 });
  await rm(path);
}

/** `audit-2026-01-01T00-00-00.000.log` for `audit.log`, as lumberjack names them. */
function asideName(path: string, nowMs: number): string {
  const extension = extname(path);
  const time = new Date(nowMs).toISOString().slice(0, -1).replaceAll(':', '-');
  return join(dirname(path), `${basename(path, extension)}-${time}${extension}`);
}

/** NaN for a file that is none of ours. */
function timeOf(path: string, name: string): number {
  const extension = extname(path);
  const stem = `${basename(path, extension)}-`;
  const plain = name.replace(/\.gz$/, '');
  if (!plain.startsWith(stem) || !plain.endsWith(extension)) return Number.NaN;
  const match = /^(\d{4}-\d{2}-\d{2}T)(\d{2})-(\d{2})-(\d{2}\.\d{3})$/.exec(
    plain.slice(stem.length, plain.length - extension.length),
  );
  return match ? Date.parse(`${match[1]}${match[2]}:${match[3]}:${match[4]}Z`) : Number.NaN;
}

/** Upstream's older form, of a few fields. */
function legacyLine({ user, impersonatedUser, objectRef, responseStatus, ...event }: Event): string {
  const list = (values: readonly string[]) => values.map((value) => JSON.stringify(value)).join(',');
  const groups = user?.groups?.length ? list(user.groups) : '<none>';
  const fields = {
    id: event.auditID,
    stage: event.stage,
    ip: event.sourceIPs?.[0] ?? '<unknown>',
    method: event.verb,
    user: user?.username || '<none>',
    groups: user?.username ? groups : '<none>',
    as: impersonatedUser ? (impersonatedUser.username ?? '') : '<self>',
    asgroups: impersonatedUser?.groups ? list(impersonatedUser.groups) : '<lookup>',
    'user-agent': event.userAgent ?? '',
    namespace: objectRef?.namespace || '<none>',
    uri: event.requestURI,
    response: responseStatus ? String(responseStatus.code) : '<deferred>',
  };
  const text = Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `${event.requestReceivedTimestamp} AUDIT: ${text.join(' ')}`;
}
