/** Documents that many clients ask for and that seldom change: discovery and OpenAPI. Bytes made once, and their ETag. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

export interface DocumentRequest {
  /** Decoded, without query: `/apis/apps/v1`. */
  path: string;
  query?: URLSearchParams;
  /** The header's text; absent is everything. */
  accept?: string;
  acceptEncoding?: string;
  ifNoneMatch?: string;
  /** The client wants JSON indented; only discovery heeds it. */
  pretty?: boolean;
}

export interface DocumentResponse {
  status: number;
  /** Names in lower case, without content-length. */
  headers: Record<string, string>;
  body: Uint8Array;
}

/** Smaller bodies are sent as they are, as upstream does. */
const gzipBytesMin = 128 * 1024;

export class Document {
  readonly contentType: string;
  readonly body: Uint8Array;
  /** With its quotes. */
  readonly etag: string;
  #gzip: Uint8Array | undefined;

  constructor(contentType: string, body: Uint8Array) {
    this.contentType = contentType;
    this.body = body;
    this.etag = `"${hashOf(body)}"`;
  }

  respond({ acceptEncoding, ifNoneMatch }: Pick<DocumentRequest, 'acceptEncoding' | 'ifNoneMatch'>): DocumentResponse {
    const headers: Record<string, string> = { etag: this.etag, vary: 'Accept' };
    if (matches(ifNoneMatch, this.etag)) return { status: 304, headers, body: new Uint8Array() };
    headers['content-type'] = this.contentType;
    if (this.body.length < gzipBytesMin || !/\bgzip\b/.test(acceptEncoding ?? '')) {
      return { status: 200, headers, body: this.body };
    }
    headers['content-encoding'] = 'gzip';
    headers['vary'] = 'Accept, Accept-Encoding';
    return { status: 200, headers, body: (this.#gzip ??= gzipSync(this.body, { level: 1 })) };
  }
}

/** SHA-512 in upper-case hex, the form of upstream's ETags. */
export function hashOf(body: Uint8Array): string {
  return createHash('sha512').update(body).digest('hex').toUpperCase();
}

function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}
