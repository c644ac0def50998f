/** GET /containerLogs/{namespace}/{pod}/{container}: the options of the query, and the log as a stream of bytes. */
import { access } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import { KubeletError, textOf } from '../kubelet-error.js';
import { type LogOptions, readLogs, readLogText } from '../logs.js';
import type { ServedPods } from './served-node.js';

export interface LogRequest {
  namespace: string;
  pod: string;
  container: string;
  query: URLSearchParams;
}

/** Text of the answer when the query cannot be read. */
export class LogQueryError extends Error {
  override readonly name = 'LogQueryError';
}

export type LogQuery = Pick<LogOptions, 'follow' | 'tailLines' | 'sinceMs' | 'timestamps' | 'limitBytes' | 'stream'> & {
  previous: boolean;
};

export function readLogQuery(query: URLSearchParams, clock: Clock): LogQuery {
  const tail = query.get('tail');
  const tailLines = tail ? (tail === 'all' ? undefined : number(tail, 0)) : number(query.get('tailLines'), 0);
  const sinceSeconds = number(query.get('sinceSeconds'), 1);
  const sinceTime = query.get('sinceTime');
  const sinceTimeMs = sinceTime ? Date.parse(sinceTime) : undefined;
  if (Number.isNaN(sinceTimeMs)) throw new LogQueryError('{"message": "Unable to decode query."}');
  if (sinceSeconds !== undefined && sinceTimeMs !== undefined)
    throw new LogQueryError('{"message": "Invalid request."}');
  const stream = query.get('stream')?.toLowerCase();
  return {
    follow: isTrue(query.get('follow')),
    previous: isTrue(query.get('previous')),
    timestamps: isTrue(query.get('timestamps')),
    tailLines,
    sinceMs: sinceSeconds === undefined ? sinceTimeMs : clock.now() - sinceSeconds * 1000,
    limitBytes: number(query.get('limitBytes'), 1),
    stream: stream === 'stdout' || stream === 'stderr' ? stream : undefined,
  };
}

function number(text: string | null, min: number): number | undefined {
  if (text === null || text === '') return undefined;
  if (!/^-?\d+$/.test(text)) throw new LogQueryError('{"message": "Unable to decode query."}');
  if (Number(text) < min) throw new LogQueryError('{"message": "Invalid request."}');
  return Number(text);
}

function isTrue(text: string | null): boolean {
  return text !== null && text.toLowerCase() !== 'false' && text !== '0';
}

/** Answers with the log, or with 400 and the reason why there is none. The pod and the container exist. */
export async function serveLogs(
  response: ServerResponse,
  request: LogRequest,
  { served, clock }: { served: ServedPods; clock: Clock },
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const { previous, ...options } = readLogQuery(request.query, clock);
  try {
    const { path, text, isRunning } = served.logFile({ ...request, previous });
    const reading = { isRunning, clock, signal: gone.signal, ...options };
    const chunks = text === undefined ? readLogs({ ...reading, path }) : readLogText({ ...reading, text });
    // A log that cannot be opened is a 400, so the file is looked for before the head goes out; a log without a line
    // yet is answered at once, since a follower waits for it.
    if (text === undefined) await access(path);
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
    response.flushHeaders();
    await pipeline(chunks, response);
  } catch (error) {
    if (response.headersSent || gone.signal.aborted) return void response.destroy();
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (!isMissing && !(error instanceof StatusError) && !(error instanceof KubeletError)) throw error;
    response.writeHead(400, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(textOf(error));
  }
}
