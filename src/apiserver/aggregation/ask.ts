/** The API server's own questions to servers of aggregated groups: whether they are there, and what they serve. */
import { request as httpsRequest } from 'node:https';
import type { Clock } from '#base/clock.js';
import type { UserInfo } from '../authentication/authenticator.js';
import { authority } from '../subresources/streaming/backend.js';
import { type RemoteApi, remoteUserHeaders } from './remote-api.js';

export interface RemoteQuestion {
  path: string;
  user: UserInfo;
  timeoutMs: number;
  signal?: AbortSignal;
  clock: Clock;
  headers?: Record<string, string>;
}

export interface RemoteReply {
  url: string;
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

const bytesMax = 32 * 2 ** 20;

/** Any status is an answer. Throws Error with a message in upstream's words when there is none. */
export async function askRemoteApi(
  remote: RemoteApi,
  { path, user, timeoutMs, signal, clock, headers = {} }: RemoteQuestion,
): Promise<RemoteReply> {
  const backend = await remote.backend();
  const url = `https://${authority(backend)}${path}`;
  const end = new AbortController();
  const timer = clock.setTimer(timeoutMs, () => end.abort(new Error(`timed out waiting for ${url}`)));
  const abort = () => end.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await new Promise<RemoteReply>((resolve, reject) => {
      const outgoing = httpsRequest({
        host: backend.host,
        port: backend.port,
        path,
        headers: { accept: 'application/json', ...headers, ...remoteUserHeaders(user), host: authority(backend) },
        agent: remote.agent,
        signal: end.signal,
      });
      outgoing.once('error', reject);
      outgoing.once('response', (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > bytesMax) outgoing.destroy(new Error(`an answer of more than ${bytesMax} bytes`));
          else chunks.push(chunk);
        });
        response.once('error', reject);
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ url, status: response.statusCode ?? 0, headers: response.headers, text });
        });
      });
      outgoing.end();
    });
  } catch (error) {
    if (end.signal.aborted) throw end.signal.reason;
    throw new Error(`failing or missing response from ${url}: Get "${url}": ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', abort);
  }
}
