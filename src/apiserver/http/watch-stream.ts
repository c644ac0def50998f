/**
 * Writes a watch to an exchange, one frame an event. A frame is made once for all watchers that want it in the same
 * form. A client that does not read is cut off: its connection holds no more than one event beyond its buffer.
 */
import type { Writable } from 'node:stream';
import { type Status, StatusError } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import { type IncludeObject, partialObjectMetadata, tableOf } from '#apimachinery/table.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Answer } from '../call.js';
import { bookmarkObject } from '../events.js';
import type { Media } from '../media.js';
import type { Outcome } from '../pipeline.js';
import type { ResourceEvent } from '../registry/watch.js';
import type { Exchange } from './exchange.js';
import { commonHeaders, includeObjectOf } from './respond.js';

/** A watcher whose connection takes nothing for so long is closed; it watches again from where it was. */
export const stalledWatchMs = 30_000;

export interface WatchStreamOptions {
  clock: Clock;
  log: Log;
  query: URLSearchParams;
}

type Watched = Extract<Answer, { type: 'watch' }>;

/** Resolves when the watch has ended, from either side. */
export async function streamWatch(
  exchange: Exchange,
  { auditId, media, warnings, answer }: Outcome & { answer: Watched },
  { clock, log, query }: WatchStreamOptions,
): Promise<void> {
  const encode = frameEncoder(answer, media, { nowMs: () => clock.now(), includeObject: includeObjectOf(query) });
  const headers = { ...commonHeaders(auditId, warnings), 'content-type': 'application/json' };
  const out = exchange.open(200, headers);
  if ('flushHeaders' in out) (out as Writable & { flushHeaders(): void }).flushHeaders();
  try {
    for await (const batch of answer.events)
      for (const event of batch) {
        if (exchange.signal.aborted) return;
        if (!out.write(encode(event)) && !(await drained(out, exchange.signal, clock))) {
          log.info('watch closed: the client does not read', { target: exchange.target });
          exchange.destroy();
          return;
        }
      }
  } catch (error) {
    if (!(error instanceof StatusError)) log.error('watch failed', { target: exchange.target, err: error });
    out.write(errorFrame(error));
  }
  out.end();
}

function errorFrame(error: unknown): string {
  const status: Status =
    error instanceof StatusError
      ? error.status
      : new StatusError({ reason: 'InternalError', message: 'Internal error occurred: the watch failed' }).status;
  return `${JSON.stringify({ type: 'ERROR', object: status })}\n`;
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

/** Frames of the newest events: watchers of one resource are served in one go, so few are enough. */
const framesKept = 64;
const frames = new Map<object, Map<string, Buffer>>();

function frameEncoder(
  answer: Watched,
  { as }: Media,
  options: { nowMs: () => number; includeObject: IncludeObject | undefined },
): (event: ResourceEvent) => Buffer {
  let first = true;
  const transform = (object: KubeObject): object => {
    if (!as) return object;
    if (as.kind === 'PartialObjectMetadata') return partialObjectMetadata(object, as.version);
    const { includeObject } = options;
    const metadata = { resourceVersion: object.metadata.resourceVersion };
    const { columns } = answer.resource;
    const table = tableOf({
      columns,
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
    if (event.type === 'BOOKMARK') return jsonFrame(event.type, transform(bookmarkObject(answer, event)));
    if (!as) return sharedFrame(event);
    return jsonFrame(event.type, transform(event.stored.object));
  };
}

function jsonFrame(type: string, object: object): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}

function sharedFrame({ type, stored }: Exclude<ResourceEvent, { type: 'BOOKMARK' }>): Buffer {
  let forms = frames.get(stored);
  if (!forms) {
    if (frames.size >= framesKept) frames.delete(frames.keys().next().value!);
    frames.set(stored, (forms = new Map()));
  }
  let frame = forms.get(type);
  if (!frame) {
    frame = Buffer.concat([Buffer.from(`{"type":"${type}","object":`), stored.json, Buffer.from('}\n')]);
    forms.set(type, frame);
  }
  return frame;
}
