/** Passes a request on to an HTTP server and its answer back, as nodes/proxy, pods/proxy and services/proxy do. */
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';
import { StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import type { ConnectCall } from '../subresource.js';
import { authority, type Backend, dialText, tlsOptions } from './backend.js';
import { HtmlLinks } from './html-links.js';
import { isWithheld, tunnel } from './tunnel.js';

/** Of one connection only, never handed on. */
const hopHeaders = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-connection',
]);

/** Resolves when the answer has been passed on. Throws StatusError ServiceUnavailable when there is none. */
export async function reverseProxy(
  call: ConnectCall,
  { backend, clock }: { backend: Backend; clock: Clock },
): Promise<void> {
  const { info, method } = call;
  const query = info.query.size > 0 ? `?${info.query}` : '';
  const isFolder = info.path.endsWith('/');
  const tail = info.resource.tail + (isFolder && !info.resource.tail.endsWith('/') ? '/' : '');
  if (call.upgrade) return tunnel(call, { backend, target: encodePath(tail || '/') + query, clock });
  // Relative links of a page need the slash.
  if (tail === '' && (method === 'GET' || method === 'HEAD'))
    return void call.respond(301, { location: `${encodePath(info.path)}/${query}` }).end();
  const outgoing = (backend.tls ? https : http).request({
    host: backend.host,
    port: backend.port,
    method,
    path: encodePath(tail || '/') + query,
    headers: { ...forwardHeaders(call), host: authority(backend) },
    agent: false,
    // Lines that end without CR, as scripts behind web servers write them, are no offence to Go's clients either.
    insecureHTTPParser: true,
    signal: call.signal,
    ...tlsOptions(backend),
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  pipeline(call.body, outgoing).catch((error) => outgoing.destroy(error));
  let response: IncomingMessage;
  try {
    response = await answered;
  } catch (error) {
    const message = `error trying to reach service: ${dialText(error, backend)}`;
    throw new StatusError({ reason: 'ServiceUnavailable', message }, { cause: error });
  }
  const prefix = encodePath(info.path.slice(0, info.path.length - tail.length));
  const origins = originsOf(call, backend);
  const headers = answerHeaders(response.headers);
  for (const name of corsHeaders) delete headers[name];
  const stages = headers['location'] ? [] : linkStages(headers, (link) => relocated(link, { prefix, origins }));
  if (headers['location']) headers['location'] = relocated(headers['location'], { prefix, origins });
  if (stages.length > 0) delete headers['content-length'];
  const body = call.respond(response.statusCode ?? 502, headers);
  await pipeline([response, ...stages, body]).catch((error) => {
    if (!call.signal.aborted) throw error;
  });
}

/** A backend does not say which pages may read the API server. */
const corsHeaders = ['credentials', 'headers', 'methods', 'origin'].map((name) => `access-control-allow-${name}`);

/** What a page goes through for its links to lead back here; an encoding that we do not know leaves it as it is. */
function linkStages(headers: Readonly<Record<string, string>>, rewrite: (link: string) => string): Duplex[] {
  if (!/^text\/html\s*(;|$)/.test(headers['content-type'] ?? '')) return [];
  const links = new HtmlLinks(rewrite);
  switch (headers['content-encoding'] ?? '') {
    case '':
      return [links];
    case 'gzip':
      return [createGunzip(), links, createGzip()];
    case 'deflate':
      return [createInflate(), links, createDeflate()];
    default:
      return [];
  }
}

/** Headers that belong to one connection, or say who the client is, are not passed on. */
export function isHandedOn(name: string): boolean {
  return !hopHeaders.has(name) && !isWithheld(name) && !name.startsWith(':');
}

/**
 * How the backend is told that there is a body whose length nobody said. Node does so by itself for methods that mostly
 * have one, but a DELETE with options would arrive as two requests.
 */
export function framing(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  if (headers['content-length'] !== undefined) return {};
  const method = headers[':method'];
  const mayHaveBody = headers['transfer-encoding'] ?? (method && method !== 'GET' && method !== 'HEAD');
  return mayHaveBody ? { 'transfer-encoding': 'chunked' } : {};
}

function forwardHeaders({ headers, info }: ConnectCall): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && isHandedOn(name)) kept[name] = value;
  }
  const host = headers['host'] ?? headers[':authority'];
  if (host) kept['x-forwarded-host'] = host;
  return { ...kept, ...framing(headers), 'x-forwarded-uri': info.path, 'x-forwarded-proto': 'https' };
}

export function answerHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopHeaders.has(name)) continue;
    const text = Array.isArray(value) ? value.join(', ') : value;
    if (!unfit.test(text)) kept[name] = text;
  }
  return kept;
}

/** What no header may hold; a backend's answer is read less strictly. */
const unfit = /[^\t\x20-\x7e\x80-\xff]/;

/** What names this very server: the backend, and whom the client believes to be speaking to. */
function originsOf({ headers }: ConnectCall, backend: Backend): string[] {
  const host = headers['host'] ?? headers[':authority'];
  const names = [authority(backend), ...(typeof host === 'string' ? [host] : [])];
  return names.flatMap((name) => [`http://${name}`, `https://${name}`, `//${name}`]);
}

/** An address of the backend itself stays behind the proxy, once; one elsewhere is the client's to follow. */
export function relocated(
  address: string,
  { prefix, origins }: { prefix: string; origins: readonly string[] },
): string {
  const origin = origins.find((one) => address.startsWith(`${one}/`)) ?? '';
  const path = address.slice(origin.length);
  if (!path.startsWith('/') || path.startsWith('//')) return address;
  return path.startsWith(prefix) ? path : prefix + path;
}

/** As Go writes paths: what has a meaning only before the path, or within a query, stands as it is. */
export function encodePath(path: string): string {
  const plain = (code: string) => decodeURIComponent(code);
  return path
    .split('/')
    .map((part) => encodeURIComponent(part).replace(/%(?:24|26|2B|2C|3A|3B|3D|40)/g, plain))
    .join('/');
}
