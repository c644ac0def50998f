import { Duplex, duplexPair } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpdyConnection } from './connection.js';
import { HeaderCompressor } from './header-block.js';

function control(type: number, body: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8003, 0);
  head.writeUInt16BE(type, 2);
  head.writeUIntBE(body.length, 5, 3);
  head[4] = flags;
  return Buffer.concat([head, body]);
}

function opened(id: number, block: Uint8Array = new HeaderCompressor().compress({ a: 'b' })): Buffer {
  const start = Buffer.alloc(10);
  start.writeUInt32BE(id);
  return control(1, Buffer.concat([start, block]));
}

/** Whether a server is still there after these bytes. */
async function survives(bytes: Buffer): Promise<boolean> {
  const [left, right] = duplexPair();
  right.on('error', () => {});
  right.resume();
  new SpdyConnection(left, { side: 'server', onStream: (stream) => void stream.resume() });
  right.write(bytes);
  for (let count = 0; count < 10; count++) await turn();
  const alive = !left.destroyed;
  right.destroy();
  left.destroy();
  return alive;
}

describe('a hostile peer', () => {
  it('is heard while it keeps to the rules', async () => {
    expect(await survives(opened(1))).toBe(true);
  });

  it.each([
    ['a stream of our parity', opened(2)],
    ['headers that do not inflate', opened(1, Buffer.from('nonsense'))],
    ['headers that inflate without end', opened(1, new HeaderCompressor().compress({ bomb: 'x'.repeat(1e6) }))],
    ['a control frame without its stream', control(3, Buffer.alloc(1))],
    ['a frame larger than any', Buffer.from('8003000100ffffff', 'hex')],
  ])('loses the connection by %s', async (_what, bytes) => {
    expect(await survives(bytes)).toBe(false);
  });

  it('loses it by a flood of pings whose answers it does not read', async () => {
    const deaf = new Duplex({ read() {}, write() {} });
    new SpdyConnection(deaf, { side: 'server' });
    const flood = Buffer.concat(Array.from({ length: 5000 }, () => control(6, Buffer.from([0, 0, 0, 1]))));
    for (let round = 0; round < 100 && !deaf.destroyed; round++) {
      deaf.push(flood);
      await turn();
    }
    expect(deaf.destroyed).toBe(true);
  });

  it('never breaks the process', async () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    const frames = fc.tuple(fc.integer({ min: 0, max: 10 }), bytes).map(([type, body]) => control(type, body));
    const streams = fc.constantFrom(1, 3, 5).map((id) => opened(id));
    const noise = bytes.map((some) => Buffer.from(some));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(frames, streams, noise), { maxLength: 10 }), async (parts) => {
        expect(typeof (await survives(Buffer.concat(parts)))).toBe('boolean');
      }),
      { numRuns: 40 },
    );
  });
});
