/** pods/log: checks what is asked for, and passes on what the node's kubelet sends. */

import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { pipeline } from 'node:stream/promises';
import podResource from '#api/core/pod/index.js';
import { parseInstant } from '#apimachinery/codec/time.js';
import { badRequest, internalError, invalid, StatusError } from '#apimachinery/errors.js';
import { type FieldError, forbiddenField, invalidValue } from '#apimachinery/field-error.js';
import { isWebSocket, sendOverWebSocket } from '#base/websocket.js';
import type { SubresourceHandler } from '../subresource.js';
import { authority, type Backend, dialText, kubeletOf, tlsOptions } from './backend.js';
import type { StreamingOptions } from './options.js';
import { containerOf, flag, path, podOf } from './pod-container.js';

/** Of the kubelet's text of an error. */
const errorBytesMax = 50_000;
const contentType = { 'content-type': 'text/plain' };

export function podLogHandler({ kubeletClient }: StreamingOptions): SubresourceHandler {
  return {
    resource: podResource,
    name: 'log',
    async stream(call) {
      const { query } = call.info;
      const asked = logQuery(query, call.key.name);
      const pod = await podOf(call);
      const container = containerOf(pod, query.get('container') ?? '');
      // A pod that no node has, has said nothing.
      if (!pod.spec.nodeName) return void call.respond(204, {}).end();
      const found = await kubeletOf(pod.spec.nodeName, { registry: call.registry, client: kubeletClient });
      const { cert, key } = kubeletClient;
      const backend = flag(query, 'insecureSkipTLSVerifyBackend') ? { ...found, tls: { cert, key } } : found;
      const target = `${path('containerLogs', call.key.namespace, call.key.name, container)}?${asked}`;
      const response = await request(backend, { target, signal: call.signal });
      await assertSuccess(response, call.key.name);
      if (call.upgrade && isWebSocket(call.upgrade.request)) return await sendOverWebSocket(call.upgrade, response);
      await pipeline(response, call.respond(200, contentType)).catch((error) => {
        if (!call.signal.aborted) throw error;
      });
    },
  };
}

/** The kubelet's query. Throws StatusError: BadRequest for what is no number or time, Invalid for what is out of range. */
export function logQuery(query: URLSearchParams, podName: string): URLSearchParams {
  const asked = new URLSearchParams();
  for (const name of ['follow', 'previous', 'timestamps']) if (flag(query, name)) asked.set(name, 'true');
  const errors: FieldError[] = [];
  const read = (name: string): number | undefined => {
    const text = query.get(name);
    if (!text) return undefined;
    if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
    asked.set(name, String(Number(text)));
    return Number(text);
  };
  const tailLines = read('tailLines');
  const limitBytes = read('limitBytes');
  const sinceSeconds = read('sinceSeconds');
  const sinceTime = query.get('sinceTime');
  if (sinceTime) {
    checkTime(sinceTime);
    asked.set('sinceTime', sinceTime);
  }
  if (tailLines !== undefined && tailLines < 0)
    errors.push(invalidValue('tailLines', tailLines, 'must be greater than or equal to 0'));
  if (limitBytes !== undefined && limitBytes < 1)
    errors.push(invalidValue('limitBytes', limitBytes, 'must be greater than 0'));
  if (sinceSeconds !== undefined && sinceTime)
    errors.push(forbiddenField('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  else if (sinceSeconds !== undefined && sinceSeconds < 1)
    errors.push(invalidValue('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  // Of PodLogsQuerySplitStreams, which is off.
  if (query.get('stream')) errors.push(forbiddenField('stream', 'may not be specified'));
  if (errors.length > 0) throw invalid({ group: '', kind: 'PodLogOptions', name: podName }, errors);
  return asked;
}

function checkTime(text: string): void {
  try {
    parseInstant(text);
  } catch (error) {
    throw error instanceof SyntaxError ? badRequest(error.message) : error;
  }
}

function request(
  backend: Backend,
  { target, signal }: { target: string; signal: AbortSignal },
): Promise<IncomingMessage> {
  const { host, port } = backend;
  return new Promise((resolve, reject) => {
    const outgoing = https.request({ host, port, path: target, agent: false, signal, ...tlsOptions(backend) }, resolve);
    outgoing.once('error', (error) => {
      const message = `Get "https://${authority(backend)}${target}": ${dialText(error, backend)}`;
      reject(new StatusError({ message, code: 500 }, { cause: error }));
    });
    outgoing.end();
  });
}

async function assertSuccess(response: IncomingMessage, podName: string): Promise<void> {
  const { statusCode: code = 0 } = response;
  if (code >= 200 && code <= 206) return;
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8');
    if (text.length > errorBytesMax) break;
  }
  if (code === 400) throw badRequest(text);
  if (code === 404) {
    const message = 'the server could not find the requested resource';
    const details = {
      name: podName,
      kind: 'pods/log',
      causes: [{ reason: 'UnexpectedServerResponse', message: text }],
    };
    throw new StatusError({ reason: 'NotFound', message: `${message} ( pods/log ${podName})`, details });
  }
  throw internalError(text);
}
