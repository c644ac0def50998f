import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { SpdyConnection, SpdyError, type SpdyOptions, type SpdyStream } from './connection.js';
import { HeaderCompressor, HeaderDecompressor } from './header-block.js';

/** Two ends of one socket; `cut` bytes at a time. */
function socketPair(cut = Number.POSITIVE_INFINITY): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const end = (other: () => Duplex) =>
    new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        for (let at = 0; at < chunk.length; at += Math.min(cut, chunk.length)) {
          other().push(chunk.subarray(at, at + Math.min(cut, chunk.length)));
        }
        done();
      },
      final(done) {
        other().push(null);
        done();
      },
    });
  ends.push(
    end(() => ends[1]!),
    end(() => ends[0]!),
  );
  return [ends[0]!, ends[1]!];
}

function connected(onStream: SpdyOptions['onStream'], cut?: number) {
  const [near, far] = socketPair(cut);
  const client = new SpdyConnection(near, { side: 'client' });
  const server = new SpdyConnection(far, { side: 'server', ...(onStream ? { onStream } : {}) });
  return { client, server, near, far };
}

async function textOf(stream: SpdyStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}

describe('SPDY header blocks', () => {
  it('begin with the dictionary of SPDY 3, as its checksum in every stream shows', () => {
    expect(new HeaderCompressor().compress({ a: 'b' }).subarray(0, 6).toString('hex')).toBe('78bbe3c6a7c2');
  });

  it('share one compression state', () => {
    const [to, from] = [new HeaderCompressor(), new HeaderDecompressor()];
    const first = to.compress({ StreamType: 'error', port: '80' });
    const second = to.compress({ StreamType: 'error', port: '80' });
    expect(second.length).toBeLessThan(first.length);
    expect([from.decompress(first), from.decompress(second)]).toEqual(
      Array(2).fill({ streamtype: 'error', port: '80' }),
    );
  });
});

describe('a SPDY connection', () => {
  it.each([1, 7, 4096])('carries both halves of a stream, cut into %i bytes', async (cut) => {
    const body = Buffer.alloc(100_000, 'abcdefg');
    const { client } = connected((stream) => {
      const hash = createHash('sha256');
      stream.on('data', (chunk) => hash.update(chunk));
      stream.on('end', () => stream.end(`${stream.headers['name']} ${hash.digest('hex')}`));
    }, cut);
    const stream = client.open({ name: 'x' });
    stream.end(body);
    expect(await textOf(stream)).toBe(`x ${createHash('sha256').update(body).digest('hex')}`);
  });

  it('with nothing to say writes once, when it opens, and data with its head at once', async () => {
    const { client, near } = connected((stream) => void stream.resume().once('end', () => stream.end('bye')));
    let writes = 0;
    const count = near._write.bind(near);
    near._write = (...of) => {
      writes++;
      count(...of);
    };
    near._writev = (chunks, done) =>
      near._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as never, done);
    expect(await textOf(client.open({ name: 'mute' }, { fin: true }))).toBe('bye');
    expect(writes).toBe(1);
    const loud = client.open({ name: 'loud' });
    loud.write('hello');
    expect(writes).toBe(3);
    loud.end();
    expect(await textOf(loud)).toBe('bye');
  });

  it('gives a slow reader all that came before the connection ended', async () => {
    const { client, far } = connected((stream) => {
      stream.on('finish', () => far.end());
      stream.end(Buffer.alloc(100_000, 'a'));
    });
    const stream = client.open({});
    let bytes = 0;
    for await (const chunk of stream) {
      bytes += chunk.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(bytes).toBe(100_000);
  });

  it('lets one half end while the other goes on', async () => {
    const { client } = connected((stream) => {
      stream.end('done');
      stream.resume();
    });
    const stream = client.open({});
    // Iterating would destroy the stream at its end.
    const [text] = await Promise.all([once(stream, 'data'), once(stream, 'end')]);
    expect(String(text)).toBe('done');
    await new Promise<void>((resolve, reject) =>
      stream.write('late', (failure) => (failure ? reject(failure) : resolve())),
    );
  });

  it('stops reading the socket while a reader is slow, and goes on after', async () => {
    const streams: SpdyStream[] = [];
    const { client, far } = connected((stream) => void streams.push(stream));
    client.open({}).end(Buffer.alloc(200_000));
    await new Promise((resolve) => setImmediate(resolve));
    expect(far.isPaused()).toBe(true);
    let bytes = 0;
    for await (const chunk of streams[0]!) bytes += chunk.length;
    expect(bytes).toBe(200_000);
    expect(far.isPaused()).toBe(false);
  });

  it('refuses streams where none are expected', async () => {
    const { client } = connected(undefined);
    await expect(textOf(client.open({}))).rejects.toBeInstanceOf(SpdyError);
  });

  it('ends its streams with an error when the peer goes', async () => {
    const { client, far } = connected((stream) => void stream.on('error', () => {}));
    const stream = client.open({});
    const outcome = expect(textOf(stream)).rejects.toBeInstanceOf(SpdyError);
    far.end();
    await outcome;
  });

  it('is destroyed by malformed frames', async () => {
    const { server, near } = connected(() => {});
    near.write(Buffer.from([0x80, 3, 0, 1, 0, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]));
    await server.closed;
  });
});
