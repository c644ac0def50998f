import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { hearToTheEnd } from './streaming.js';

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
