/** One HTTP GET as the kubelet makes it, for probes and for lifecycle hooks. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIPv6 } from 'node:net';
import type { HTTPGetAction, Pod } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import { findContainer } from '../pod-state.js';

const bodyBytesMax = 10 * 1024;
const redirectsMax = 10;
const redirectCodes = new Set([301, 302, 303, 307, 308]);

class RedirectError extends Error {
  override readonly name = 'RedirectError';
}

export interface HttpResult {
  statusCode: number;
  body: string;
}

export interface HttpTarget {
  url: URL;
  headers: Record<string, string>;
}

/** Throws RangeError for a port name that the container does not have. */
export function httpTarget(
  action: HTTPGetAction,
  where: PortContext & { host: string; userAgent: string },
): HttpTarget {
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const host = action.host || where.host;
  const port = resolvePort(action.port, where);
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`;
  const headers: Record<string, string> = { 'User-Agent': where.userAgent, Accept: '*/*' };
  for (const { name, value } of action.httpHeaders ?? []) {
    for (const known of Object.keys(headers)) if (known.toLowerCase() === name.toLowerCase()) delete headers[known];
    // An empty Accept or User-Agent asks for none to be sent.
    if (value !== '' || !/^(accept|user-agent)$/i.test(name)) headers[name] = value;
  }
  return { url: new URL(`${scheme}://${bracketed(host)}:${port}${path}`), headers };
}

export interface PortContext {
  pod: Pod;
  container: string;
}

/** A number, or the name of one of the container's ports. */
export function resolvePort(port: number | string, { pod, container }: PortContext): number {
  const named = findContainer(pod, container)?.ports?.find(({ name }) => name === port)?.containerPort;
  const number = named ?? (typeof port === 'number' ? port : Number(port));
  if (Number.isInteger(number) && number > 0 && number < 65536) return number;
  throw new RangeError(`invalid port: ${port}`);
}

export function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** Follows redirects to the same host; one to another is an answer. Throws what the connection gives, or the timeout. */
export async function httpGet(target: HttpTarget, options: { clock: Clock; timeoutMs: number }): Promise<HttpResult> {
  const stop = new AbortController();
  const timer = options.clock.setTimer(options.timeoutMs, () => stop.abort());
  try {
    let { url } = target;
    for (let redirects = 1; ; redirects++) {
      const answer = await get({ url, headers: target.headers }, stop.signal);
      const { location } = answer.headers;
      const next = location && URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      if (!redirectCodes.has(answer.statusCode) || next?.hostname !== url.hostname) return answer;
      if (redirects === redirectsMax) throw new RedirectError(`Get "${url}": stopped after ${redirectsMax} redirects`);
      url = next;
    }
  } catch (error) {
    if (error instanceof RedirectError) throw error;
    if (!stop.signal.aborted) throw new Error(`Get "${target.url}": ${connectText(error)}`, { cause: error });
    const text = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
    throw new Error(`Get "${target.url}": ${text}`, { cause: error });
  } finally {
    timer.cancel();
  }
}

function get({ url, headers }: HttpTarget, signal: AbortSignal) {
  return new Promise<HttpResult & { headers: IncomingMessage['headers'] }>((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    // A probe asks whether the container answers, not who it is.
    // Nor is it asked for more correctness than Go's client asks for: lines may end without CR.
    const options = { headers, signal, agent: false, rejectUnauthorized: false, insecureHTTPParser: true };
    const request = send(url, options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const done = () => {
        const body = Buffer.concat(chunks).subarray(0, bodyBytesMax).toString('utf8');
        resolve({ statusCode: response.statusCode ?? 0, body, headers: response.headers });
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes < bodyBytesMax) return;
        done();
        response.destroy();
      });
      response.on('end', done);
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}

/** A socket's error in the words of Go's net package, which people look for. */
export function connectText(error: unknown): string {
  // HTTP/2 wraps what happened to the socket.
  const { cause } = error as Error;
  const { code, address, port, message } = (cause ?? error) as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  const words = code ? connectErrors[code] : undefined;
  return words && address ? `dial tcp ${bracketed(address)}:${port}: connect: ${words}` : message;
}

const connectErrors: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ECONNRESET: 'connection reset by peer',
  ETIMEDOUT: 'connection timed out',
};
