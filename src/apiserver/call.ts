/** A request and its answer as the pipeline sees them, whether they travel over HTTPS or stay in this process. */
import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { AnyResource } from '#api/resource.js';
import { type Status, StatusError } from '#apimachinery/errors.js';
import type { KubeObject, ListMeta } from '#apimachinery/object.js';
import type { Distribution } from '#base/metrics.js';
import type { WatchEvent } from '#client/transport.js';
import type { Credentials, UserInfo } from './authentication/authenticator.js';
import type { Classification } from './flow-control/classification.js';
import type { Media } from './media.js';
import type { Stored } from './registry/stored.js';
import type { ResourceEvent } from './registry/watch.js';

export interface Call {
  /** Names the request in its answer and in the audit. Absent: the pipeline finds one. */
  auditId?: string;
  method: string;
  /** Path and query as sent. */
  target: string;
  /** One value a name; names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  /** Names and values in turn, as sent. Absent for callers in this process. */
  rawHeaders?: readonly string[];
  credentials: Credentials;
  /** Set for a caller in this process: who that is was decided when its transport was made. */
  user?: UserInfo;
  /** The address of the other end, for audit. */
  source: string;
  /** Of what was noticed before the request came to the pipeline; told with the others. */
  warning?: string | undefined;
  /** Throws StatusError when the body is too large or does not come in time. */
  readBody(): CallBody | Promise<CallBody>;
  /** How long the body was, once it is read. */
  bodyBytes?: number;
  /** Aborts when the client has gone or the server closes. */
  signal: AbortSignal;
  /** Absent for callers in this process, which cannot be given a connection. */
  connection?: Connection;
}

export type CallBody = { bytes: Uint8Array } | { value: unknown };

export interface Connection {
  body: Readable;
  respond(status: number, headers: Record<string, string>): Writable;
  upgrade?: { protocol: string; socket: Duplex; head: Buffer; request: IncomingMessage };
}

export type Answer =
  /** One object as stored: its bytes are served as they are. */
  | { type: 'stored'; code: number; resource: AnyResource; stored: Stored }
  | {
      type: 'value';
      code: number;
      value: KubeObject | Status | object;
      resource?: AnyResource;
      /** Of a table, where the value is not of the resource's own kind. */
      columns?: AnyResource['columns'];
    }
  | { type: 'list'; resource: AnyResource; version: string; items: Stored[]; metadata: ListMeta }
  | { type: 'watch'; resource: AnyResource; version: string; events: AsyncIterable<ResourceEvent[]> }
  | { type: 'bytes'; code: number; contentType: string; body: Uint8Array | string; headers?: Record<string, string> }
  /** A handler has answered by itself; a caller in this process is given the events of another server's watch. */
  | { type: 'taken'; events?: AsyncIterable<WatchEvent> };

export interface Outcome {
  auditId: string;
  answer: Answer;
  media: Media;
  warnings: string[];
  /** By which objects the request was classified, where it was. */
  classification?: Classification;
  /** The request's, where its target could be read. */
  query?: URLSearchParams;
  /** More of the answer's headers. */
  headers?: Record<string, string>;
  /** Set when the answer is a failure. */
  error?: StatusError;
  /** Where to count the bytes of the answer, or of each event of a watch. */
  sizes?: Distribution | undefined;
}

/** What keeps browsers from guessing what an answer is. */
export const noSniff = { 'x-content-type-options': 'nosniff' };

/** As Go's http.Error writes it. */
export function plainText(code: number, body: string, headers: Record<string, string> = {}): Answer {
  const contentType = 'text/plain; charset=utf-8';
  return { type: 'bytes', code, contentType, body, headers: { ...noSniff, ...headers } };
}

/** A failure that is told in plain text, as upstream's filters and its proxy do it: they know of no objects. */
export class PlainError extends StatusError {
  readonly answer: Answer;

  /** `status` is what a caller in this process is told. */
  constructor(
    status: Partial<Status>,
    message: string,
    options: ErrorOptions & { headers?: Record<string, string> } = {},
  ) {
    const details = { causes: [{ reason: 'UnexpectedServerResponse', message }] };
    super({ message, details, ...status }, options);
    this.answer = plainText(this.code, `${message}\n`, options.headers);
  }
}
