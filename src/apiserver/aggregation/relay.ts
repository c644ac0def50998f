/** Passes requests of an aggregated group on to its server, and the answers back, bytes as they are. */

import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { type Status, StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import { toJson } from '#base/exact-json.js';
import { eventsOf } from '#client/http-transport.js';
import type { WatchEvent } from '#client/transport.js';
import type { UserInfo } from '../authentication/authenticator.js';
import { type Answer, type Call, PlainError } from '../call.js';
import type { RequestInfo } from '../request-info.js';
import { authority } from '../subresources/streaming/backend.js';
import { answerHeaders, framing, isHandedOn } from '../subresources/streaming/reverse-proxy.js';
import { tunnel } from '../subresources/streaming/tunnel.js';
import { type RemoteApi, remoteUserHeaders } from './remote-api.js';

/** Of an answer that is taken whole, for a caller in this process. */
const bytesMax = 64 * 2 ** 20;

export interface RelayRequest {
  call: Call;
  info: RequestInfo;
  user: UserInfo;
  auditId: string;
}

/** Throws PlainError (503) when the server is not there, as upstream's proxy says it. */
export async function relay(
  request: RelayRequest,
  { remote, clock }: { remote: RemoteApi; clock: Clock },
): Promise<Answer> {
  const { call, info, user, auditId } = request;
  if (!remote.isAvailable) throw unavailable();
  const backend = await remote.backend().catch((error) => {
    throw unavailable(error);
  });
  const { connection } = call;
  const asUser = { ...remoteUserHeaders(user), 'Audit-Id': auditId };
  if (connection?.upgrade) {
    const { upgrade } = connection;
    const { method, target, signal } = call;
    await tunnel({ method, signal, upgrade }, { backend, target, clock, headers: asUser });
    return { type: 'taken' };
  }
  const body = connection ? undefined : await encodeBody(call);
  const outgoing = httpsRequest({
    host: backend.host,
    port: backend.port,
    method: call.method,
    path: call.target,
    headers: { ...forwardedHeaders(call), ...asUser, host: authority(backend), ...bodyHeaders(body) },
    agent: remote.agent,
    signal: call.signal,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  if (connection) pipeline(connection.body, outgoing).catch((error) => outgoing.destroy(error));
  else outgoing.end(body);
  const response = await answered.catch((error: Error) => {
    throw new PlainError({ code: 503, reason: 'ServiceUnavailable' }, error.message);
  });
  const isGood = (response.statusCode ?? 502) < 300;
  if (!connection) {
    if (info.verb === 'watch' && isGood) return { type: 'taken', events: untilAborted(response, call.signal) };
    return await takeWhole(response);
  }
  const out = connection.respond(response.statusCode ?? 502, answerHeaders(response.headers));
  await pipeline(response, out).catch((error) => {
    if (!call.signal.aborted) throw error;
  });
  return { type: 'taken' };
}

/** A watch that its caller ends is no failure. */
async function* untilAborted(response: IncomingMessage, signal: AbortSignal): AsyncIterable<WatchEvent> {
  try {
    yield* eventsOf(response);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function unavailable(cause?: unknown): PlainError {
  return new PlainError({ code: 503, reason: 'ServiceUnavailable' }, 'service unavailable', { cause });
}

function forwardedHeaders({ headers, source }: Call): OutgoingHttpHeaders {
  const kept: OutgoingHttpHeaders = framing(headers);
  for (const [name, value] of Object.entries(headers)) if (value !== undefined && isHandedOn(name)) kept[name] = value;
  const through = headers['x-forwarded-for'];
  kept['x-forwarded-for'] = through ? `${through}, ${source}` : source;
  return kept;
}

async function encodeBody(call: Call): Promise<Uint8Array | undefined> {
  if (call.method === 'GET') return undefined;
  const body = await call.readBody();
  if ('bytes' in body) return body.bytes;
  return body.value === undefined ? undefined : Buffer.from(toJson(body.value));
}

function bodyHeaders(body: Uint8Array | undefined): OutgoingHttpHeaders {
  return { accept: 'application/json', ...(body && { 'content-length': body.length }) };
}

/** For a caller in this process. Throws StatusError for an answer that is a failure. */
async function takeWhole(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new PlainError({ code: 502 }, `an answer of more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const { statusCode: code = 502, headers } = response;
  const contentType = headers['content-type'] ?? 'application/octet-stream';
  if (code < 400) return { type: 'bytes', code, contentType, body };
  const status = contentType.startsWith('application/json') ? (JSON.parse(body.toString()) as Partial<Status>) : {};
  throw new StatusError({ message: body.toString().trim(), ...status, code });
}
