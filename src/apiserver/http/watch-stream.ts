/**
 * Writes a watch to an exchange, one frame an event. A frame is made once for all watchers that want it in the same
 * form. A client that does not read is cut off: its connection holds no more
 * than one write beyond its buffer.
 */

import type { Writable } from 'node:stream';
import { type Status, StatusError } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import { encodeWatchFrame, protobufWatchMediaType } from '#apimachinery/protobuf/envelope.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import { type IncludeObject, partialObjectMetadata, tableOf } from '#apimachinery/table.js';
import type { Clock } from '#base/clock.js';
import { toJson } from '#base/exact-json.js';
import { escapeHtml } from '#base/go-text.js';
import type { Log } from '#base/log.js';
import { Pace } from '#base/turns.js';
import type { Answer, Outcome } from '../call.js';
import { bookmarkObject } from '../events.js';
import { includeObjectOf, type Media } from '../media.js';
import type { Stored } from '../registry/stored.js';
import type { ResourceEvent } from '../registry/watch.js';
import type { Exchange } from './exchange.js';
import { encodeBody } from './protobuf.js';
import { commonHeaders } from './respond.js';

/** A watcher whose connection takes nothing for so long is closed; it watches again from where it was. */
export const stalledWatchMs = 30_000;

export interface WatchStreamOptions {
  schemas: SchemaTable;
  clock: Clock;
  log: Log;
  query: URLSearchParams;
}

type Watched = Extract<Answer, { type: 'watch' }>;

/** Resolves when the watch has ended, from either side. */
export async function streamWatch(
  exchange: Exchange,
  outcome: Outcome & { answer: Watched },
  { schemas, clock, log, query }: WatchStreamOptions,
): Promise<void> {
  const { media, answer, sizes } = outcome;
  const frame = media.format === 'protobuf' ? protobufFrame(schemas) : jsonFrame;
  const encode = frameEncoder(answer, media, {
    frame,
    nowMs: () => clock.now(),
    includeObject: includeObjectOf(query),
  });
  const contentType = media.format === 'protobuf' ? protobufWatchMediaType : 'application/json';
  const headers = { ...commonHeaders(outcome), 'content-type': contentType };
  const out = exchange.open(200, headers);
  const chunks = exchange.chunks?.();
  const write = chunks
    ? (frames: Uint8Array[]) => chunks.write(chunkOf(frames))
    : (frames: Uint8Array[]) => out.write(joined(frames));
  const paced = paceOf(answer.resource).begin();
  try {
    for await (const batch of answer.events) {
      for (const frames of framesOf(batch, encode)) {
        if (exchange.gone.aborted) return;
        if (sizes) for (const { length } of frames) sizes.observe(length);
        if (!write(frames) && !(await drained(chunks ?? out, exchange.gone.signal, clock))) {
          log.info('watch closed: the client does not read', { target: exchange.target });
          exchange.destroy();
          return;
        }
      }
      // Several at once: many write.
      if (batch.length > 1) await paced.rest();
    }
  } catch (error) {
    if (!(error instanceof StatusError)) log.error('watch failed', { target: exchange.target, err: error });
    out.write(frame('ERROR', statusOf(error)));
  } finally {
    paced.end();
  }
  out.end();
}

const paces = new WeakMap<object, Pace>();

/** One for all watches of a resource, which are served one after the other. */
function paceOf(resource: object): Pace {
  let pace = paces.get(resource);
  if (!pace) paces.set(resource, (pace = new Pace()));
  return pace;
}

/** Written at once: a write for each event of a busy resource costs more than the events. */
const writtenBytesMax = 64 * 1024;

function* framesOf(
  events: readonly ResourceEvent[],
  encode: (event: ResourceEvent) => Uint8Array,
): Iterable<Uint8Array[]> {
  let frames: Uint8Array[] = [];
  let bytes = 0;
  for (const event of events) {
    const frame = encode(event);
    if (frames.length > 0 && bytes + frame.length > writtenBytesMax) {
      yield frames;
      frames = [];
      bytes = 0;
    }
    frames.push(frame);
    bytes += frame.length;
  }
  if (frames.length > 0) yield frames;
}

function joined(frames: Uint8Array[]): Uint8Array {
  return frames.length === 1 ? frames[0]! : Buffer.concat(frames);
}

/** Made last: watchers that are served in one go mostly get the same frames. */
const chunks: { frames: readonly Uint8Array[]; chunk: Uint8Array }[] = [];
const chunksKept = 4;
const lineEnd = Buffer.from('\r\n');

/** Node would write the length, the frames and the end of each chunk as three pieces, which cost as much as a short frame. */
function chunkOf(frames: readonly Uint8Array[]): Uint8Array {
  const known = chunks.find((one) => isSame(one.frames, frames));
  if (known) return known.chunk;
  const bytes = frames.reduce((sum, { length }) => sum + length, 0);
  const chunk = Buffer.concat([Buffer.from(`${bytes.toString(16)}\r\n`), ...frames, lineEnd]);
  if (chunks.unshift({ frames, chunk }) > chunksKept) chunks.pop();
  return chunk;
}

function isSame(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return some.length === others.length && some.every((frame, index) => frame === others[index]);
}

function statusOf(error: unknown): Status {
  if (error instanceof StatusError) return error.status;
  return new StatusError({ reason: 'InternalError', message: 'Internal error occurred: the watch failed' }).status;
}

/** False when the client took nothing in time. */
function drained(out: Writable, signal: AbortSignal, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (taken: boolean) => {
      timer.cancel();
      out.off('drain', onDrain);
      signal.removeEventListener('abort', onDrain);
      resolve(taken);
    };
    const onDrain = () => finish(true);
    const timer = clock.setTimer(stalledWatchMs, () => finish(false));
    out.once('drain', onDrain);
    signal.addEventListener('abort', onDrain, { once: true });
    if (signal.aborted) onDrain();
  });
}

/**
 * Frames of the newest events, by their form. Watchers of one resource are served in one go, but each with all that came
 * since the last one: with fewer frames than that, each watcher would make all of them anew.
 */
const frames = new Map<Stored, Map<string, Uint8Array>>();
let framesBytes = 0;
const framesBytesMax = 1 << 20;

function frameEncoder(
  answer: Watched,
  { as, format }: Media,
  options: { frame: Frame; nowMs: () => number; includeObject: IncludeObject | undefined },
): (event: ResourceEvent) => Uint8Array {
  const { frame } = options;
  let first = true;
  const transform = (object: KubeObject): object => {
    if (!as) return object;
    if (as.kind !== 'Table') return partialObjectMetadata(object, as.version);
    const { includeObject } = options;
    const metadata = { resourceVersion: object.metadata.resourceVersion };
    const { columns, rowConditions } = answer.resource;
    const table = tableOf({
      columns,
      rowConditions,
      objects: [object],
      metadata,
      nowMs: options.nowMs(),
      includeObject,
      version: as.version,
      headers: first,
    });
    first = false;
    return table;
  };
  return (event) => {
    if (event.type === 'BOOKMARK') return frame(event.type, transform(bookmarkObject(answer, event)));
    if (as) return frame(event.type, transform(event.stored.object));
    return sharedFrame(event.stored, `${format} ${event.type}`, () =>
      format === 'json' ? storedFrame(event) : frame(event.type, event.stored.object),
    );
  };
}

type Frame = (type: string, object: object) => Uint8Array;

function jsonFrame(type: string, object: object): Uint8Array {
  return Buffer.from(`${escapeHtml(toJson({ type, object }))}\n`);
}

function protobufFrame(schemas: SchemaTable): Frame {
  return (type, object) => encodeWatchFrame(type, encodeBody(schemas, object as KubeObject));
}

function storedFrame({ type, stored }: Exclude<ResourceEvent, { type: 'BOOKMARK' }>): Uint8Array {
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), stored.json, Buffer.from('}\n')]);
}

function sharedFrame(stored: Stored, form: string, encode: () => Uint8Array): Uint8Array {
  const forms = frames.get(stored) ?? new Map<string, Uint8Array>();
  const known = forms.get(form);
  if (known) return known;
  const frame = encode();
  forms.set(form, frame);
  frames.set(stored, forms);
  framesBytes += frame.length;
  for (const [oldest, others] of frames) {
    if (framesBytes <= framesBytesMax || oldest === stored) break;
    frames.delete(oldest);
    for (const { length } of others.values()) framesBytes -= length;
  }
  return frame;
}
