/**
 * SPDY/3.1 header blocks: names and values with lengths, compressed by one zlib stream per direction that begins with
 * the protocol's dictionary (SPDY Protocol, draft 3, section 2.6.10).
 */
import { Deflate, Inflate } from 'pako';

/** Words are written with their length before them, as in a header block; what follows the words is plain text. */
const words =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow ' +
  'authorization cache-control connection content-base content-encoding content-language content-length ' +
  'content-location content-md5 content-range content-type date etag expect expires from host if-match ' +
  'if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma ' +
  'proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade ' +
  'user-agent vary via warning www-authenticate method get status';
const moreWords = ['200 OK', 'version', 'HTTP/1.1', 'url', 'public', 'set-cookie', 'keep-alive', 'origin'];
const text =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative ' +
  'Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 ' +
  'Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec ' +
  '00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,' +
  'application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8' +
  'charset=iso-8859-1,utf-,*,enq=0.';

export const headerDictionary = Buffer.concat([
  ...[...words.split(' '), ...moreWords].map(withLength),
  Buffer.from(text),
]);

/** Of one block, decompressed: a small one can be made to grow without end. */
export const headerBlockBytesMax = 64 * 1024;

export type StreamHeaders = Record<string, string>;

/** Flushes what is pending and keeps the compression state: zlib's Z_SYNC_FLUSH. */
const syncFlush = 2;

export class HeaderCompressor {
  #out: Uint8Array[] = [];
  readonly #deflate = new Deflate({ dictionary: Uint8Array.from(headerDictionary) });

  constructor() {
    this.#deflate.onData = (chunk) => void this.#out.push(chunk as Uint8Array);
  }

  compress(headers: StreamHeaders): Buffer {
    const pairs = Object.entries(headers);
    const count = Buffer.alloc(4);
    count.writeUInt32BE(pairs.length);
    const block: Uint8Array[] = [count];
    for (const [name, value] of pairs) block.push(withLength(name.toLowerCase()), withLength(value));
    this.#out = [];
    this.#deflate.push(Uint8Array.from(Buffer.concat(block)), syncFlush);
    return Buffer.concat(this.#out);
  }
}

export class HeaderDecompressor {
  #out: Uint8Array[] = [];
  #bytes = 0;
  readonly #inflate = new Inflate({ dictionary: Uint8Array.from(headerDictionary) });

  constructor() {
    this.#inflate.onData = (chunk) => {
      this.#bytes += chunk.length;
      if (this.#bytes > headerBlockBytesMax) throw new Error(`headers of more than ${headerBlockBytesMax} bytes`);
      this.#out.push(chunk as Uint8Array);
    };
  }

  /** Throws when the block is malformed; the connection is of no use then, since the compression state is lost. */
  decompress(raw: Uint8Array): StreamHeaders {
    this.#out = [];
    this.#bytes = 0;
    this.#inflate.push(Uint8Array.from(raw), syncFlush);
    if (this.#inflate.err) throw new Error(`headers do not decompress: ${this.#inflate.msg}`);
    return parseBlock(Buffer.concat(this.#out));
  }
}

function parseBlock(block: Buffer): StreamHeaders {
  const headers: StreamHeaders = {};
  let at = 4;
  const next = () => {
    const end = at + 4 + block.readUInt32BE(at);
    if (end > block.length) throw new Error('headers end inside a value');
    const value = block.toString('utf8', at + 4, end);
    at = end;
    return value;
  };
  for (let left = block.readUInt32BE(0); left > 0; left--) {
    const name = next();
    headers[name] = next();
  }
  return headers;
}

function withLength(value: string): Buffer {
  const raw = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(raw.length);
  return Buffer.concat([length, raw]);
}
