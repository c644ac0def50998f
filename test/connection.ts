/** One HTTP/1.1 connection over TLS, written for little work per request, so that a measurement is not of the client. */
import { connect, type TLSSocket } from 'node:tls';

export interface TlsAccess {
  port: number;
  ca?: string;
  cert?: string;
  key?: string;
}

export interface Reply {
  code: number;
  /** Status line and headers, as sent. */
  head: string;
  body: Buffer;
}

/** In place of the Accept of other requests. */
export type Headers = Readonly<Record<string, string>>;

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
  /** For a body without end: its lines as they come. */
  onLine?: (line: string) => void;
  /** Or its bytes. */
  onChunk?: (chunk: Buffer) => void;
}

const headEnd = Buffer.from('\r\n\r\n');
const lineFeed = 0x0a;
const lineEnd = Buffer.from('\r\n');
const acceptJson = 'accept: application/json\r\n';

function linesOf(headers: Headers): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

/** One request at a time; a watch takes the connection for itself. */
export class Connection {
  readonly #socket: TLSSocket;
  #received: Buffer = Buffer.alloc(0);
  /** What has come of a body whose length is known, after `received`. */
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #waiting: Waiting | undefined;
  #head: { code: number; text: string; length: number | 'chunked' } | undefined;
  #chunks: Buffer[] = [];
  #line = '';
  /** Resolves when the connection has ended, for whatever reason. */
  readonly ended: Promise<void>;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', (error) => this.#fail(error));
    this.ended = new Promise((resolve) =>
      socket.on('close', () => {
        this.#fail(new Error('the connection has ended'));
        resolve();
      }),
    );
  }

  static open({ port, ca, cert, key }: TlsAccess): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, ca, cert, key, rejectUnauthorized: ca !== undefined };
      const socket = connect({ ...options, ALPNProtocols: ['http/1.1'] });
      socket.once('error', reject);
      socket.once('secureConnect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket));
      });
    });
  }

  request(method: string, path: string, body?: string, headers?: Headers): Promise<Reply> {
    return new Promise((resolve, reject) => this.#send({ method, path, body, headers }, { resolve, reject }));
  }

  /** As `watch`, but tells of each event only that it came: the client must not be what is measured. */
  count(path: string, onEvent: () => void): Promise<Reply> {
    const onChunk = (chunk: Buffer) => {
      for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, end + 1)) onEvent();
    };
    return new Promise((resolve, reject) => this.#send({ method: 'GET', path }, { resolve, reject, onChunk }));
  }

  /** Calls with every event, until the server ends it; resolves then. Rejects when the connection breaks. */
  watch(path: string, onEvent: (event: { type: string; object: never }) => void): Promise<Reply> {
    const onLine = (line: string) => onEvent(JSON.parse(line));
    return new Promise((resolve, reject) => this.#send({ method: 'GET', path }, { resolve, reject, onLine }));
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(
    { method, path, body, headers }: { method: string; path: string; body?: string; headers?: Headers },
    waiting: Waiting,
  ): void {
    if (this.#waiting) throw new Error('a request is under way');
    if (this.#socket.destroyed) {
      waiting.reject(new Error('the connection has ended'));
      return;
    }
    this.#waiting = waiting;
    const entity =
      body === undefined ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
    const more = headers ? linesOf(headers) : acceptJson;
    this.#socket.write(`${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${more}${entity}\r\n${body ?? ''}`);
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  #read(bytes: Buffer): void {
    const length = this.#head?.length;
    if (typeof length === 'number') {
      // A long body is put together once, when all of it is there.
      this.#parts.push(bytes);
      this.#partsBytes += bytes.length;
      if (this.#received.length + this.#partsBytes < length) return;
      this.#received = Buffer.concat([this.#received, ...this.#parts]);
      this.#parts = [];
      this.#partsBytes = 0;
    } else this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    while (this.#waiting && this.#step());
  }

  /** Takes one piece from what is received; false when more must come first. */
  #step(): boolean {
    if (!this.#head) return this.#readHead();
    const { code, text: head, length } = this.#head;
    if (length !== 'chunked') {
      if (this.#received.length < length) return false;
      this.#finish({ code, head, body: this.#take(length) });
      return true;
    }
    const end = this.#received.indexOf(lineEnd);
    if (end < 0) return false;
    const size = Number.parseInt(this.#received.toString('latin1', 0, end), 16);
    if (this.#received.length < end + 2 + size + 2) return false;
    this.#take(end + 2);
    const chunk = this.#take(size);
    this.#take(2);
    if (size === 0) this.#finish({ code, head, body: Buffer.concat(this.#chunks) });
    else if (this.#waiting?.onChunk && code === 200) this.#waiting.onChunk(chunk);
    else if (this.#waiting?.onLine && code === 200) this.#readLines(chunk, this.#waiting.onLine);
    else this.#chunks.push(chunk);
    return true;
  }

  #readHead(): boolean {
    const end = this.#received.indexOf(headEnd);
    if (end < 0) return false;
    const text = this.#take(end + 4).toString('latin1');
    const code = Number(text.slice(9, 12));
    const length = code === 304 ? '0' : /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    this.#head = { code, text, length: length === undefined ? 'chunked' : Number(length) };
    return true;
  }

  #readLines(chunk: Buffer, onLine: (line: string) => void): void {
    const lines = (this.#line + chunk.toString('utf8')).split('\n');
    this.#line = lines.pop()!;
    for (const line of lines) if (line) onLine(line);
  }

  #take(count: number): Buffer {
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  #finish(reply: Reply): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#head = undefined;
    this.#chunks = [];
    this.#line = '';
    waiting?.resolve(reply);
  }
}
