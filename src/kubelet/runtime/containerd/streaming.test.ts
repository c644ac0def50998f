import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { SpdyConnection } from '#base/spdy/connection.js';
import { RuntimeError } from '../runtime.js';
import { hearToTheEnd, runStreams } from './streaming.js';

it('hears what was said by a server that hung up with input unread', async () => {
  const server = createServer((peer) => {
    peer.pause();
    peer.write('the answer', () => peer.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  hearToTheEnd(socket);
  await once(socket, 'connect');
  const input = Buffer.alloc(1_000_000);
  const feeding = (async () => {
    for (let count = 0; count < 50 && !socket.destroyed; count++) {
      await new Promise((resolve) => socket.write(input, resolve));
    }
  })();
  const failures: unknown[] = [];
  socket.on('error', (failure) => failures.push(failure));
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk));
  await once(socket, 'close');
  await feeding;
  expect(heard).toBe('the answer');
  server.close();
  expect(failures.every((failure) => (failure as NodeJS.ErrnoException).syscall === 'read')).toBe(true);
});

it.each([
  ['a whole status', JSON.stringify({ status: 'Success' }), 0],
  ['half a status', '{"status":', undefined],
])('takes %s from a server that hung up without an end to it', async (_, said, code) => {
  const server = http.createServer().on('upgrade', (_request, socket, head) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
    new SpdyConnection(socket, {
      side: 'server',
      head,
      onStream: (stream) => stream.write(said, () => setImmediate(() => socket.end())),
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const ending = runStreams(url, { tty: false, signal: new AbortController().signal } as never);
  if (code === undefined) await expect(ending).rejects.toBeInstanceOf(RuntimeError);
  else expect(await ending).toBe(code);
  server.close();
});
